import CSystem

/// JSON that is put together in a given space. Commas and quotes are the caller's.
///
/// What doesn't fit ends the program: nothing is ever written outside of the space.
package struct RawLine {
    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    package private(set) var count = 0

    package init(in space: UnsafeMutableRawBufferPointer) {
        start = space.baseAddress!
        capacity = space.count
    }

    /// The most bytes that ``putText(_:)`` and ``putBase64(_:)`` make of `count` bytes.
    package static func room(for count: Int) -> Int { 6 * count + 16 }

    /// Where the next bytes go.
    @inline(__always)
    private mutating func take(_ length: Int) -> UnsafeMutableRawPointer {
        precondition(length >= 0 && length <= capacity - count)
        let place = start + count
        count += length
        return place
    }

    @inline(__always)
    package mutating func put(_ text: StaticString) {
        copyShort(text.utf8Start, to: take(text.utf8CodeUnitCount), count: text.utf8CodeUnitCount)
    }

    package mutating func put(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            if let base = buffer.baseAddress { copyShort(base, to: take(buffer.count), count: buffer.count) }
        }
    }

    /// A number from 0 on, in decimal.
    package mutating func put(_ number: Int) {
        var digits = 1
        var bound = 10
        while number >= bound, digits < 19 {
            digits += 1
            bound = bound &* 10
        }
        var rest = UInt64(number)
        var place = take(digits) + digits
        repeat {
            place -= 1
            // A tenth. Optimised for size, `/` would be a division of the processor, a quarter of all the time here.
            let tenth = rest.multipliedFullWidth(by: 0xCCCC_CCCC_CCCC_CCCD).high >> 3
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest &- tenth &* 10) | 0x30, as: UInt8.self)
            rest = tenth
        } while rest > 0
    }

    /// The inside of a JSON string.
    ///
    /// - Parameter replacing: whether what is not UTF-8 becomes U+FFFD.
    /// - Returns: false, and nothing is put, when the bytes are not UTF-8 and it does not.
    package mutating func putText(_ text: UnsafeRawBufferPointer, replacing: Bool = false) -> Bool {
        guard let source = text.baseAddress else { return true }
        // Once for all that follows here.
        precondition(RawLine.room(for: text.count) <= capacity - count)
        let bytes = UnsafeBufferPointer(start: source.assumingMemoryBound(to: UInt8.self), count: text.count)
        let begin = count
        var position = 0
        while position < text.count {
            if position + 8 <= text.count {
                // Eight bytes at once: copied as they are, and counted up to the first that can't stay so. A byte
                // has its high bit set afterwards if it is below a space, a quote, a backslash or not ASCII; what
                // is borrowed from a higher byte comes after one of these.
                let word = UInt64(
                    littleEndian: source.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                (start + count).storeBytes(of: word.littleEndian, as: UInt64.self)
                let low = word &- 0x2020_2020_2020_2020
                let quote = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
                let backslash = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- 0x0101_0101_0101_0101
                let hits = (low | quote | backslash | word) & 0x8080_8080_8080_8080
                let clean = hits == 0 ? 8 : hits.trailingZeroBitCount >> 3
                position += clean
                count += clean
                if clean > 0 { continue }
            }
            let byte = bytes[position]
            if byte < 0x80 {
                putCharacter(byte)
                position += 1
                continue
            }
            let length: Int
            switch UTF8Sequence(in: bytes, at: position) {
            case .valid(let valid): length = valid
            case .invalid(let invalid) where replacing:
                put("\u{FFFD}")
                position += invalid
                continue
            case .invalid:
                count = begin
                return false
            }
            // JavaScript and some line readers end a line at U+2028 and U+2029.
            if length == 3, byte == 0xE2, bytes[position + 1] == 0x80, bytes[position + 2] & 0xFE == 0xA8 {
                put(bytes[position + 2] == 0xA8 ? "\\u2028" : "\\u2029")
            } else {
                for offset in 0..<length { putByte(bytes[position + offset]) }
            }
            position += length
        }
        return true
    }

    private mutating func putByte(_ byte: UInt8) { take(1).storeBytes(of: byte, as: UInt8.self) }

    /// One of ASCII, escaped if need be.
    private mutating func putCharacter(_ byte: UInt8) {
        switch byte {
        case 0x22: put("\\\"")
        case 0x5C: put("\\\\")
        case 0x08: put("\\b")
        case 0x0C: put("\\f")
        case 0x09: put("\\t")
        case 0x0D: put("\\r")
        case 0x0A: put("\\n")
        case 0..<0x20:
            put("\\u00")
            putByte(byte < 0x10 ? 0x30 : 0x31)
            let digit = byte & 0xF
            putByte(digit + (digit < 10 ? 0x30 : 0x57))
        default: putByte(byte)
        }
    }

    /// The bytes in base64 (RFC 4648, section 4), padded.
    ///
    /// - Returns: true.
    @discardableResult
    package mutating func putBase64(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position < bytes.count {
            let left = bytes.count - position
            var group = UInt32(bytes[position]) << 16
            if left > 1 { group |= UInt32(bytes[position + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[position + 2]) }
            putByte(base64Digit(group >> 18))
            putByte(base64Digit(group >> 12))
            putByte(left > 1 ? base64Digit(group >> 6) : UInt8(ascii: "="))
            putByte(left > 2 ? base64Digit(group) : UInt8(ascii: "="))
            position += 3
        }
        return true
    }
}

private func base64Digit(_ bits: UInt32) -> UInt8 {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return digits.utf8Start[Int(bits & 0x3F)]
}
