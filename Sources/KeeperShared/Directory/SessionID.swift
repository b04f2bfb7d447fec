import CSystem

/// Why a text is no session id. It holds no part of the text, so that it can be printed anywhere.
package enum SessionIDError: Error, Equatable {
    /// The text is empty.
    case empty
    /// The text has more than 64 bytes; it has this many.
    case tooLong(Int)
    /// The text starts with `.`, `-` or `launch-`, the one given here.
    case reservedStart(Start)
    /// The text holds a byte that an id may not have; its position counts from 1.
    case forbiddenByte(UInt8, position: Int)

    /// A start that is reserved: for dot-names, for options, and for the launch log's name.
    package enum Start: Equatable, Sendable {
        case dot, dash, launch
    }

    /// The rule that is broken, in words that fit after "'…' is not a session id: ".
    package var message: String {
        switch self {
        case .empty: "it is empty"
        case .tooLong(let count):
            concat(
                "it has ", String(count), " bytes, and at most ", String(SessionID.maximumLength),
                " are allowed")
        case .reservedStart(.dot): "it may not start with '.'"
        case .reservedStart(.dash): "it may not start with '-'"
        case .reservedStart(.launch): "it may not start with 'launch-'"
        case .forbiddenByte(let byte, let position):
            concat(
                "byte ", String(position), " is ", quoted([byte]),
                ", and only A-Z a-z 0-9 . _ - @ : + are allowed")
        }
    }
}

/// The name of a session, checked. Ids become parts of file names in the sessions directory, so
/// only text that passed here may touch a path.
package struct SessionID: Comparable, Sendable {
    /// What a file name of 255 bytes and a socket's address leave room for.
    package static let maximumLength = 64

    /// The id as text: 1 to 64 bytes of ASCII.
    package let string: String

    /// Checks the text, and throws the first rule that it breaks.
    package init(_ text: String) throws(SessionIDError) {
        try self.init(bytes: Array(text.utf8))
    }

    /// Checks bytes as they come from an argument or a directory entry.
    package init(bytes: [UInt8]) throws(SessionIDError) {
        if let problem = bytes.withUnsafeBytes({ Self.problem(of: $0) }) { throw problem }
        string = String(decoding: bytes, as: UTF8.self)
    }

    /// Takes bytes that ``isValid(_:)`` has accepted.
    package init(valid bytes: UnsafeRawBufferPointer) { string = String(decoding: bytes, as: UTF8.self) }

    /// Whether ``init(bytes:)`` would accept these bytes.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool { problem(of: bytes) == nil }

    /// The first rule that bytes break.
    private static func problem(of bytes: UnsafeRawBufferPointer) -> SessionIDError? {
        guard let first = bytes.first else { return .empty }
        if bytes.count > maximumLength { return .tooLong(bytes.count) }
        if first == UInt8(ascii: ".") { return .reservedStart(.dot) }
        if first == UInt8(ascii: "-") { return .reservedStart(.dash) }
        let launch: StaticString = "launch-"
        let count = launch.utf8CodeUnitCount
        if bytes.count >= count, memcmp(bytes.baseAddress!, launch.utf8Start, count) == 0 {
            return .reservedStart(.launch)
        }
        return bytes.firstIndex { !allows($0) }.map { .forbiddenByte(bytes[$0], position: $0 + 1) }
    }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "+"):
            true
        default: false
        }
    }

    // Ids are ASCII, so bytes say everything; String's own comparison would bring Unicode tables.
    package static func == (left: SessionID, right: SessionID) -> Bool {
        equalUTF8(left.string, right.string)
    }

    package static func < (left: SessionID, right: SessionID) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }
}
