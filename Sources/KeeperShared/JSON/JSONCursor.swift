/// A place in JSON and the small things that can come there: what the parser, which is strict, and the scanner, which
/// is lenient and fast, have in common. Never reads past the end.
struct JSONCursor {
    let bytes: Bytes
    var position = 0

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

/// The value of a number that is whole and fits 64 bits, in whatever way it is written: some writers have only floating
/// point, `5.0` or `5e0`. nil for anything else.
@inline(never) package func jsonInteger(_ text: Bytes) -> Int? {
    let isNegative = text.first == UInt8(ascii: "-")
    // The digits but for zeros at their end, summed up below zero, where there is room for one more.
    var sum = 0
    var (zeros, decimals, exponent) = (0, 0, 0)
    var (hasPoint, hasDigits) = (false, false)
    var position = isNegative ? 1 : 0
    while position < text.count {
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "0"): zeros += 1
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            guard let shifted = timesTen(sum, zeros + 1) else { return nil }
            let (next, overflow) = shifted.subtractingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            if overflow { return nil }
            (sum, zeros) = (next, 0)
        case UInt8(ascii: ".") where !hasPoint:
            hasPoint = true
            continue
        case UInt8(ascii: "e") where hasDigits, UInt8(ascii: "E") where hasDigits:
            let sign = position < text.count ? text[position] : 0
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            guard
                let power = decimal(
                    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[position...]))
            else { return nil }
            // More than any 64 bits hold.
            exponent = min(power, 1 << 32) * (sign == UInt8(ascii: "-") ? -1 : 1)
            position = text.count
            continue
        default: return nil
        }
        hasDigits = true
        if hasPoint { decimals += 1 }
    }
    if sum == 0 { return hasDigits ? 0 : nil }
    guard let whole = timesTen(sum, zeros - decimals + exponent) else { return nil }
    return isNegative ? whole : whole == .min ? nil : -whole
}

/// A number with `count` more zeros; nil when it doesn't fit, or isn't whole.
private func timesTen(_ number: Int, _ count: Int) -> Int? {
    if number == 0 { return 0 }
    if count < 0 { return nil }
    var result = number
    for _ in 0..<count {
        let (product, overflow) = result.multipliedReportingOverflow(by: 10)
        if overflow { return nil }
        result = product
    }
    return result
}
