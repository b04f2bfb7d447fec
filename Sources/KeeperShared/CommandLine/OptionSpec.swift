/// What an option's value or an operand is: the parser checks it, completions offer it.
package enum ValueKind: Sendable {
    /// No value: the option is there or not.
    case flag
    case string
    /// A time such as `350ms`, `2s`, `5m`.
    case duration
    /// A number of bytes such as `64K`, `16M`, `1G`.
    /// At least `min` bytes.
    case size(min: Int)
    case integer(min: Int, max: Int)
    case sessionID
    case path
    /// `NAME=VALUE` with a name that isn't empty.
    case keyValue
    case choice([String])
    /// A signal by name, with or without `SIG`, or by number.
    case signal
    /// Steps of ending a child, see ``StopStep``.
    case stopSteps
    /// See ``ReadyCondition``.
    case readiness
    /// See ``RestartLimit``.
    case restartLimit
    /// See ``ResourceLimit``.
    case resourceLimit
    /// See ``TerminalSize``.
    case terminalSize
    /// The name of a command of the same program.
    case command
}

/// What holds when an option isn't given.
package enum OptionDefault: Sendable {
    case none
    /// A value, which ``ParsedArguments/value(_:)`` then returns; shown in the help.
    case value(String)
    /// Something that isn't a value, in words; shown in the help.
    case described(String)
}

/// One option: the source of its parsing, help, man page and completion.
///
/// A class, as the other parts of the table are: copying a struct of a dozen strings and arrays is code at
/// every use, and made the executables tens of KiB larger.
package final class OptionSpec: Sendable {
    /// The name without the dashes; also the key of lookups.
    package let long: String
    /// The letter of the short form, in ASCII.
    package let short: UInt8?
    package let kind: ValueKind
    /// What the help calls the value; empty for flags.
    package let placeholder: String
    /// What the option does: a phrase that starts with a capital letter and has no full stop.
    package let help: String
    package let defaultValue: OptionDefault
    /// Whether it may be given more than once.
    package let repeatable: Bool
    /// Long names of options that can't be given together with this one.
    package let excludes: [String]
    /// Hidden options are parsed, but neither shown nor suggested.
    package let hidden: Bool

    package init(
        _ long: String, short: Unicode.Scalar? = nil, _ kind: ValueKind, _ placeholder: String = "",
        help: String, default defaultValue: OptionDefault = .none, repeatable: Bool = false,
        excludes: [String] = [], hidden: Bool = false
    ) {
        self.long = long
        self.short = short.map { UInt8(ascii: $0) }
        self.kind = kind
        self.placeholder = placeholder
        self.help = help
        self.defaultValue = defaultValue
        self.repeatable = repeatable
        self.excludes = excludes
        self.hidden = hidden
    }

    /// A flag.
    package convenience init(
        flag long: String, short: Unicode.Scalar? = nil, help: String, excludes: [String] = [],
        hidden: Bool = false
    ) {
        self.init(long, short: short, .flag, help: help, excludes: excludes, hidden: hidden)
    }

    /// Whether the option is followed by a value.
    package var takesValue: Bool {
        if case .flag = kind { false } else { true }
    }
}

/// Options that belong together, under a heading of their own in the help.
package final class OptionGroup: Sendable {
    package let title: String
    package let options: [OptionSpec]

    package init(_ title: String, _ options: [OptionSpec]) {
        self.title = title
        self.options = options
    }
}
