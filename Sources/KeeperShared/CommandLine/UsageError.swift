/// A command line that can't be understood: what is wrong, why, and what to do, on one line.
package struct UsageError: Error {
    /// What sort of mistake it is.
    package enum Kind: Equatable, Sendable {
        case missingCommand, unknownCommand, unknownOption, missingValue, unexpectedValue, invalidValue
        case repeatedOption, conflictingOptions, missingOperand, unexpectedOperand, invalidOperand
    }

    package let kind: Kind
    /// One line without control characters, ready to follow the program's name and a colon.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
