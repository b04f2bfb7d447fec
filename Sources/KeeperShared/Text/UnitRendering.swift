/// A duration in nanoseconds as ``parseDuration(_:)`` reads it back, exactly: `350ms`, `1.5s`, `90s`,
/// `5m`, `7d`. Negative ones can't be read back; they get a minus sign.
package func formatDuration(_ nanoseconds: Int64) -> String {
    var text: [UInt8] = []
    if nanoseconds < 0 { text.append(UInt8(ascii: "-")) }
    let magnitude = nanoseconds.magnitude
    if magnitude == 0 || magnitude % UInt64(Nanoseconds.second) != 0 {
        appendFraction(of: magnitude, to: &text)
    } else {
        let unit = largestUnit { magnitude % $0 == 0 }
        text.append(number: magnitude / unit.length, unit: unit.name)
    }
    return String(decoding: text, as: UTF8.self)
}

/// A size in bytes, at least 0, as ``parseSize(_:)`` reads it back, exactly: `16M`, `1000`.
package func formatSize(_ bytes: Int) -> String {
    var text: [UInt8] = []
    var number = UInt64(max(bytes, 0))
    let letters: StaticString = "KMGT"
    var letter = 0
    while letter < letters.utf8CodeUnitCount, number != 0, number % 1024 == 0 {
        number /= 1024
        letter += 1
    }
    text.appendDecimal(number)
    if letter > 0 { text.append(letters.utf8Start[letter - 1]) }
    return String(decoding: text, as: UTF8.self)
}

/// How long ago something was, for a table: the largest unit only, cut (`45s`, `3m`, `2h`, `5d`).
/// A clock that was set back makes ages negative; they read `0s`.
@inline(never) package func formatAge(_ nanoseconds: Int64) -> String {
    var text: [UInt8] = []
    text.appendAge(nanoseconds)
    return String(decoding: text, as: UTF8.self)
}

extension [UInt8] {
    /// Appends what ``formatAge(_:)`` returns.
    package mutating func appendAge(_ nanoseconds: Int64) {
        let age = UInt64(Swift.max(nanoseconds, 0))
        let unit = largestUnit { age >= $0 }
        append(number: age / unit.length, unit: unit.name)
    }

    /// Appends a number of bytes for people, cut: `512`, `1.5K`, `23M`.
    package mutating func appendRoundedSize(_ bytes: Int) {
        var tenths = UInt64(Swift.max(bytes, 0)).multipliedReportingOverflow(by: 10).partialValue
        let letters: StaticString = "KMGTP"
        var letter = 0
        while tenths >= 10_240, letter < letters.utf8CodeUnitCount {
            tenths /= 1024
            letter += 1
        }
        appendDecimal(tenths / 10)
        if letter == 0 { return }
        if tenths < 100 {
            append(UInt8(ascii: "."))
            appendDecimal(tenths % 10)
        }
        append(letters.utf8Start[letter - 1])
    }
}

/// The largest unit of which that is true; seconds if it is of none.
private func largestUnit(_ fits: (_ length: UInt64) -> Bool) -> (length: UInt64, name: StaticString) {
    if fits(UInt64(Nanoseconds.day)) { return (UInt64(Nanoseconds.day), "d") }
    if fits(UInt64(Nanoseconds.hour)) { return (UInt64(Nanoseconds.hour), "h") }
    if fits(UInt64(Nanoseconds.minute)) { return (UInt64(Nanoseconds.minute), "m") }
    return (UInt64(Nanoseconds.second), "s")
}

/// Seconds, or below one milliseconds, with as many decimals as it takes.
private func appendFraction(of nanoseconds: UInt64, to text: inout [UInt8]) {
    let isShort = nanoseconds < UInt64(Nanoseconds.second)
    let unit = UInt64(isShort ? Nanoseconds.millisecond : Nanoseconds.second)
    text.appendDecimal(nanoseconds / unit)
    var rest = nanoseconds % unit
    if rest != 0 {
        var width = isShort ? 6 : 9
        while rest % 10 == 0 {
            rest /= 10
            width -= 1
        }
        text.append(UInt8(ascii: "."))
        text.appendDecimal(rest, width: width)
    }
    text.append(literal: nanoseconds == 0 || !isShort ? "s" : "ms")
}

extension [UInt8] {
    fileprivate mutating func append(number: UInt64, unit: StaticString) {
        appendDecimal(number)
        append(literal: unit)
    }
}
