/// Bytes in place, valid as long as what holds them: of text, mostly.
package typealias Bytes = UnsafeBufferPointer<UInt8>

/// Whether two strings are the same bytes. Cheaper and stricter than `==`, which compares by
/// Unicode canonical equivalence: names on the wire are equal only if they are written alike.
@inline(never) package func equalUTF8(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
}

/// The extent of one UTF-8 sequence in a buffer.
package enum UTF8Sequence: Equatable {
    case valid(length: Int)
    /// The longest prefix that a decoder replaces by a single U+FFFD (Unicode 3.9, "maximal subpart").
    case invalid(length: Int)

    /// Looks at the sequence that starts at `start`, which must be inside the buffer.
    package init(in bytes: Bytes, at start: Int) {
        let lead = bytes[start]
        if lead < 0x80 {
            self = .valid(length: 1)
            return
        }
        // Only the second byte's range depends on the first: this keeps out overlong forms,
        // surrogates and everything past U+10FFFF.
        let length: Int
        var lowest: UInt8 = 0x80
        var highest: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { lowest = 0xA0 }
            if lead == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { lowest = 0x90 }
            if lead == 0xF4 { highest = 0x8F }
        default:
            self = .invalid(length: 1)
            return
        }
        var seen = 1
        while seen < length {
            guard start + seen < bytes.count else { break }
            let byte = bytes[start + seen]
            guard byte >= lowest, byte <= highest else { break }
            lowest = 0x80
            highest = 0xBF
            seen += 1
        }
        self = seen == length ? .valid(length: length) : .invalid(length: seen)
    }
}

extension [UInt8] {
    /// Appends the UTF-8 form of a Unicode scalar value (not a surrogate).
    package mutating func appendUTF8(_ scalar: UInt32) {
        switch scalar {
        case ..<0x80:
            append(UInt8(scalar))
        case ..<0x800:
            append(0xC0 | UInt8(scalar >> 6))
            append(0x80 | UInt8(scalar & 0x3F))
        case ..<0x10000:
            append(0xE0 | UInt8(scalar >> 12))
            append(0x80 | UInt8(scalar >> 6 & 0x3F))
            append(0x80 | UInt8(scalar & 0x3F))
        default:
            append(0xF0 | UInt8(scalar >> 18))
            append(0x80 | UInt8(scalar >> 12 & 0x3F))
            append(0x80 | UInt8(scalar >> 6 & 0x3F))
            append(0x80 | UInt8(scalar & 0x3F))
        }
    }

    /// Appends a number in decimal, with leading zeros up to `width` digits.
    package mutating func appendDecimal(_ number: UInt64, width: Int = 1) {
        var divisor: UInt64 = 1
        var digits = 1
        while number / divisor >= 10 {
            divisor *= 10
            digits += 1
        }
        while digits < width {
            append(UInt8(ascii: "0"))
            digits += 1
        }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    /// Appends a literal without making a `String` of it.
    package mutating func append(literal text: StaticString) {
        append(contentsOf: Bytes(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
