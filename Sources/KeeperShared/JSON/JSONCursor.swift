/// A place in JSON and the small things that can come there: what the parser, which is strict, and the scanner, which
/// is lenient and fast, have in common. Never reads past the end.
struct JSONCursor {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    init(bytes: UnsafeBufferPointer<UInt8>, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// The next byte; 0, which is never right outside a string, at the end.
    var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

    func failure(_ reason: StaticString) -> JSONError {
        JSONError(offset: position, reason: position < bytes.count ? reason : "unexpected end")
    }

    mutating func skipSpace() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// Reads the escape that starts here, with the second half of a surrogate pair.
    ///
    /// - Throws: when it is none; the position is then after what can't be part of anything else.
    @inline(never) mutating func escape() throws(JSONError) -> UInt32 {
        let start = position
        position += 1
        let letter = next
        let unknown = failure("unknown escape")
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt32(letter)
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): break
        default: throw unknown
        }
        let first = try codeUnit()
        guard first & 0xF800 == 0xD800 else { return first }
        let afterFirst = position
        if first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let second = try? codeUnit(),
            second & 0xFC00 == 0xDC00
        {
            return 0x10000 + (first & 0x3FF) << 10 + second & 0x3FF
        }
        position = afterFirst
        throw JSONError(offset: start, reason: "lone surrogate")
    }

    /// Reads the four digits of `\uXXXX`.
    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            switch next {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(next - 0x30)
            case UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                unit = unit << 4 | UInt32((next | 0x20) - UInt8(ascii: "a") + 10)
            default: throw failure("expected four hexadecimal digits")
            }
            position += 1
        }
        return unit
    }
}
