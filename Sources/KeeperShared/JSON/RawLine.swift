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
        // Optimised for size, `/` would be a division of the processor, a quarter of all the time here: two digits at a
        // time, by multiplication.
        while rest >= 10 {
            let hundredth = (rest >> 2).multipliedFullWidth(by: 0x28F5_C28F_5C28_F5C3).high >> 2
            let pair = UInt16(truncatingIfNeeded: rest &- hundredth &* 100)
            let tens = (pair &* 103) >> 10
            place -= 2
            let text = tens | (pair &- tens &* 10) << 8 | 0x3030
            place.storeBytes(of: text.littleEndian, as: UInt16.self)
            rest = hundredth
        }
        if digits & 1 != 0 { (place - 1).storeBytes(of: UInt8(rest) | 0x30, as: UInt8.self) }
    }

    /// The same bytes again that are from `position` up to `end` of the line.
    @inline(__always)
    package mutating func repeatBytes(from position: Int, to end: Int) {
        precondition(position >= 0 && position <= end && end <= count)
        copyShort(start + position, to: take(end - position), count: end - position)
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
            let clean = RawLine.copyClean(source + position, to: start + count, count: text.count - position)
            position += clean
            count += clean
            if position == text.count { break }
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

    /// Copies bytes up to the first that a JSON string can't hold as it is, or that isn't ASCII.
    ///
    /// - Returns: how many. Up to `count` bytes at `place` are written.
    @inline(__always)
    private static func copyClean(
        _ text: UnsafeRawPointer, to place: UnsafeMutableRawPointer, count: Int
    ) -> Int {
        typealias Lanes = SIMD16<Int8>
        var done = 0
        // As signed numbers, what is not ASCII is below a space too.
        while done + Lanes.scalarCount <= count {
            let chunk = text.loadUnaligned(fromByteOffset: done, as: Lanes.self)
            place.storeBytes(of: chunk, toByteOffset: done, as: Lanes.self)
            let stops =
                chunk .< Lanes(repeating: 0x20) .| chunk .== Lanes(repeating: 0x22)
                .| chunk .== Lanes(repeating: 0x5C)
            let marks = unsafeBitCast(Lanes.zero.replacing(with: -1, where: stops), to: SIMD2<UInt64>.self)
            if marks[0] != 0 { return done + marks[0].littleEndian.trailingZeroBitCount / 8 }
            if marks[1] != 0 { return done + 8 + marks[1].littleEndian.trailingZeroBitCount / 8 }
            done += Lanes.scalarCount
        }
        while done < count {
            let byte = text.load(fromByteOffset: done, as: Int8.self)
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { return done }
            place.storeBytes(of: byte, toByteOffset: done, as: Int8.self)
            done += 1
        }
        return done
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
