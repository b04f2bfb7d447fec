/// Why bytes are not a JSON document.
package struct JSONError: Error {
    /// The position of the first byte that can't be right.
    package var offset: Int
    /// A few words, such as `expected a colon`.
    package var reason: StaticString

    /// One line for people.
    package var message: String { concat(reason.description, " at byte ", String(offset)) }
}

extension JSONValue {
    /// How deep arrays and objects may be nested: enough for any sane document, and a bound on the
    /// stack that a hostile one can take.
    package static let maximumDepth = 128

    /// Reads one document, by RFC 8259 and nothing beyond it: no comments, no byte order mark, no
    /// invalid UTF-8, no lone surrogates, nothing but white space around the value.
    package static func parse(_ bytes: Bytes) throws(JSONError) -> JSONValue {
        var cursor = JSONCursor(bytes: bytes)
        return try cursor.document()
    }

    /// Reads one document.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(buffer) }
    }
}

/// A recursive-descent parser.
extension JSONCursor {
    fileprivate mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("unexpected text after the value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw failure("expected a value")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for offset in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[offset]) else { throw failure("expected a value") }
        }
        return value
    }

    /// Goes past an opening bracket that `depth` others contain.
    private mutating func enter(depth: Int) throws(JSONError) {
        guard depth < JSONValue.maximumDepth else { throw failure("nested too deeply") }
        position += 1
        skipSpace()
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth: depth)
        var elements: [JSONValue] = []
        if !take(UInt8(ascii: "]")) {
            repeat {
                elements.append(try value(depth: depth + 1))
                skipSpace()
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw failure("expected a comma or ]") }
        }
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth: depth)
        var members: [JSONMember] = []
        if !take(UInt8(ascii: "}")) {
            repeat {
                skipSpace()
                guard next == UInt8(ascii: "\"") else { throw failure("expected a name in quotes") }
                let name = try text()
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw failure("expected a colon") }
                members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
                skipSpace()
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw failure("expected a comma or }") }
        }
        return .object(members)
    }
}

// MARK: - Numbers

extension JSONCursor {
    private mutating func digits() throws(JSONError) {
        guard isDigit(next) else { throw failure("expected a digit") }
        while isDigit(next) { position += 1 }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = take(UInt8(ascii: "-"))
        let firstDigit = position
        try digits()
        if bytes[firstDigit] == UInt8(ascii: "0"), position > firstDigit + 1 {
            position = firstDigit
            throw failure("leading zero")
        }
        let afterDigits = position
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        let text = Bytes(rebasing: bytes[start..<position])
        if position == afterDigits, !isNegative || bytes[firstDigit] != UInt8(ascii: "0"),
            let integer = jsonInteger(text)
        {
            return .integer(Int64(integer))
        }
        // As it is written: what is read here is passed on, and no digit may change on the way.
        return .number(String(decoding: text, as: UTF8.self))
    }
}

// MARK: - Strings

extension JSONCursor {
    private mutating func text() throws(JSONError) -> String {
        position += 1
        // Text without escapes, nearly all of it, is copied once.
        var unescaped: [UInt8] = []
        var runStart = position
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                let run = Bytes(rebasing: bytes[runStart..<position])
                position += 1
                if unescaped.isEmpty { return String(decoding: run, as: UTF8.self) }
                unescaped.append(contentsOf: run)
                return String(decoding: unescaped, as: UTF8.self)
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: Bytes(rebasing: bytes[runStart..<position]))
                unescaped.appendUTF8(try escape())
                runStart = position
            case ..<0x20:
                throw failure("control character in a string")
            case ..<0x80:
                position += 1
            default:
                guard case .valid(let length) = UTF8Sequence(in: bytes, at: position) else {
                    throw failure("invalid UTF-8")
                }
                position += length
            }
        }
        throw failure("unexpected end")
    }
}
