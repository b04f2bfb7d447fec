import CSystem

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
    package static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSONValue {
        var parser = JSONParser(input: bytes)
        return try parser.document()
    }

    /// Reads one document.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        // Typed errors don't pass through the closure.
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONError> in
            do throws(JSONError) { return .success(try parse(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

/// A recursive-descent parser over borrowed bytes.
private struct JSONParser {
    let input: UnsafeBufferPointer<UInt8>
    var position = 0
    var depth = 0

    init(input: UnsafeBufferPointer<UInt8>) { self.input = input }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value()
        skipSpace()
        guard position == input.count else { throw failure("unexpected text after the value") }
        return value
    }

    private func failure(_ reason: StaticString) -> JSONError {
        JSONError(offset: position, reason: position < input.count ? reason : "unexpected end")
    }

    /// The next byte; 0, which is never right outside a string, at the end.
    private var next: UInt8 { position < input.count ? input[position] : 0 }

    private mutating func skipSpace() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
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

    private mutating func descend() throws(JSONError) {
        guard depth < JSONValue.maximumDepth else { throw failure("nested too deeply") }
        position += 1
        depth += 1
        skipSpace()
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try descend()
        var elements: [JSONValue] = []
        if !take(UInt8(ascii: "]")) {
            repeat {
                elements.append(try value())
                skipSpace()
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw failure("expected a comma or ]") }
        }
        depth -= 1
        return .array(elements)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try descend()
        var members: [JSONMember] = []
        if !take(UInt8(ascii: "}")) {
            repeat {
                skipSpace()
                guard next == UInt8(ascii: "\"") else { throw failure("expected a name in quotes") }
                let name = try string()
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw failure("expected a colon") }
                members.append(JSONMember(name: name, value: try value()))
                skipSpace()
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw failure("expected a comma or }") }
        }
        depth -= 1
        return .object(members)
    }
}

// MARK: - Numbers

extension JSONParser {
    private mutating func digits() throws(JSONError) {
        guard isDigit(next) else { throw failure("expected a digit") }
        while isDigit(next) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let negative = take(UInt8(ascii: "-"))
        let firstDigit = position
        try digits()
        if input[firstDigit] == UInt8(ascii: "0"), position > firstDigit + 1 {
            position = firstDigit
            throw failure("leading zero")
        }
        let afterDigits = position
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        if position == afterDigits, let integer = integer(firstDigit..<afterDigits, negative) {
            return .integer(integer)
        }
        // As it is written: what is read here is passed on, and no digit may change on the way.
        return .number(
            String(decoding: UnsafeBufferPointer(rebasing: input[start..<position]), as: UTF8.self))
    }

    /// Nil for what only a `Double` can hold: too many digits, or minus zero.
    private func integer(_ digits: Range<Int>, _ negative: Bool) -> Int64? {
        // Summed up below zero, where there is room for one more.
        var sum: Int64 = 0
        for index in digits {
            let (product, tooLarge) = sum.multipliedReportingOverflow(by: 10)
            let (next, tooLow) = product.subtractingReportingOverflow(
                Int64(input[index] - UInt8(ascii: "0")))
            if tooLarge || tooLow { return nil }
            sum = next
        }
        if negative { return sum == 0 ? nil : sum }
        return sum == .min ? nil : -sum
    }
}

// MARK: - Strings

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        position += 1
        // Text without escapes, nearly all of it, is copied once.
        var unescaped: [UInt8] = []
        var runStart = position
        while position < input.count {
            let byte = input[position]
            switch byte {
            case UInt8(ascii: "\""):
                let run = UnsafeBufferPointer(rebasing: input[runStart..<position])
                position += 1
                if unescaped.isEmpty { return String(decoding: run, as: UTF8.self) }
                unescaped.append(contentsOf: run)
                return String(decoding: unescaped, as: UTF8.self)
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: UnsafeBufferPointer(rebasing: input[runStart..<position]))
                unescaped.appendUTF8(try escape())
                runStart = position
            case ..<0x20:
                throw failure("control character in a string")
            case ..<0x80:
                position += 1
            default:
                guard case .valid(let length) = UTF8Sequence(in: input, at: position) else {
                    throw failure("invalid UTF-8")
                }
                position += length
            }
        }
        throw failure("unexpected end")
    }

    private mutating func escape() throws(JSONError) -> UInt32 {
        let start = position
        position += 1
        let letter = next
        guard letter != UInt8(ascii: "u") else {
            let first = try codeUnit()
            guard first & 0xF800 == 0xD800 else { return first }
            if first < 0xDC00, take(UInt8(ascii: "\\")), next == UInt8(ascii: "u") {
                let second = try codeUnit()
                if second & 0xFC00 == 0xDC00 {
                    return 0x10000 + (first & 0x3FF) << 10 + second & 0x3FF
                }
            }
            throw JSONError(offset: start, reason: "lone surrogate")
        }
        let scalar: UInt32
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = UInt32(letter)
        case UInt8(ascii: "b"): scalar = 0x08
        case UInt8(ascii: "f"): scalar = 0x0C
        case UInt8(ascii: "n"): scalar = 0x0A
        case UInt8(ascii: "r"): scalar = 0x0D
        case UInt8(ascii: "t"): scalar = 0x09
        default: throw failure("unknown escape")
        }
        position += 1
        return scalar
    }

    /// Reads `uXXXX`.
    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        position += 1
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let byte = next
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(byte - 0x30)
            case UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                unit = unit << 4 | UInt32((byte | 0x20) - UInt8(ascii: "a") + 10)
            default: throw failure("expected four hexadecimal digits")
            }
            position += 1
        }
        return unit
    }
}
