import CSystem

/// A moment of wall-clock time.
package struct Timestamp: Equatable, Comparable, Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z: from the year 1677 to 2262.
    package var nanoseconds: Int64

    /// The moment this many nanoseconds after the start of 1970, in UTC.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The present, by the system's clock, which can be set back.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec))
    }

    /// Earlier is less.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

private let nanosecondsPerSecond: Int64 = 1_000_000_000
private let secondsPerDay: Int64 = 86_400
/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that a leap day is the last.
private let daysToEpoch: Int64 = 719_468
private let daysPer400Years: Int64 = 146_097

// MARK: - Writing

extension Timestamp {
    /// RFC 3339, UTC, in milliseconds (cut, not rounded): `2026-11-20T10:41:17.123Z`.
    package var rfc3339: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        appendRFC3339(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the 24 bytes of ``rfc3339``.
    package func appendRFC3339(to bytes: inout [UInt8]) {
        let (seconds, nanosecond) = floorDivide(nanoseconds, nanosecondsPerSecond)
        let (days, secondOfDay) = floorDivide(seconds, secondsPerDay)
        let (year, month, day) = civilDate(daysSinceEpoch: days)
        bytes.appendDecimal(UInt64(year), width: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(month), width: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(day), width: 2)
        bytes.append(UInt8(ascii: "T"))
        bytes.appendDecimal(UInt64(secondOfDay / 3600), width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(UInt64(secondOfDay / 60 % 60), width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(UInt64(secondOfDay % 60), width: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.appendDecimal(UInt64(nanosecond / 1_000_000), width: 3)
        bytes.append(UInt8(ascii: "Z"))
    }
}

extension Timestamp {
    /// As HTTP has it (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    package var httpDate: [UInt8] {
        let (seconds, _) = floorDivide(nanoseconds, nanosecondsPerSecond)
        let (days, secondOfDay) = floorDivide(seconds, secondsPerDay)
        let (year, month, day) = civilDate(daysSinceEpoch: days)
        let names = Array("ThuFriSatSunMonTueWedJanFebMarAprMayJunJulAugSepOctNovDec".utf8)
        // 1970 began on a Thursday.
        let weekday = Int(floorDivide(days, 7).remainder)
        let place = 3 * (Int(month) + 6)
        var bytes = Array(names[(3 * weekday)..<(3 * weekday + 3)]) + Array(", ".utf8)
        bytes.appendDecimal(UInt64(day), width: 2)
        bytes.append(UInt8(ascii: " "))
        bytes += names[place..<(place + 3)]
        bytes.append(UInt8(ascii: " "))
        bytes.appendDecimal(UInt64(year), width: 4)
        for value in [secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60] {
            bytes.append(bytes.count == 16 ? UInt8(ascii: " ") : UInt8(ascii: ":"))
            bytes.appendDecimal(UInt64(value), width: 2)
        }
        bytes.append(literal: " GMT")
        return bytes
    }
}

private func floorDivide(_ number: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// The Gregorian date, for any day from the year 0000 on.
private func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = daysSinceEpoch + daysToEpoch
    let cycle = days / daysPer400Years
    let dayOfCycle = days % daysPer400Years
    // Take the leap days out (every 4 years, not every 100, yet every 400), and years have 365 days.
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    // From March on, five months in a row have 153 days.
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (400 * cycle + yearOfCycle + (month <= 2 ? 1 : 0), month, day)
}

/// The inverse of ``civilDate(daysSinceEpoch:)``.
private func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let monthFromMarch = month <= 2 ? month + 9 : month - 3
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    return 365 * year + year / 4 - year / 100 + year / 400 + dayOfYear - daysToEpoch
}

// MARK: - Reading

extension Timestamp {
    /// Reads RFC 3339 with any offset and any number of fractional digits (those past the ninth are
    /// cut); nil for anything else, and for years outside 1677 to 2262.
    package init?(rfc3339 text: String) {
        var text = text
        guard let moment = text.withUTF8({ Timestamp(rfc3339: $0) }) else { return nil }
        self = moment
    }

    /// Reads RFC 3339 from bytes.
    package init?(rfc3339 bytes: Bytes) {
        var fields = FieldReader(bytes: bytes)
        guard let year = fields.number(4), fields.take("-"), let month = fields.number(2), fields.take("-"),
            let day = fields.number(2), fields.take("T") || fields.take("t") || fields.take(" "),
            let hour = fields.number(2), fields.take(":"), let minute = fields.number(2), fields.take(":"),
            let second = fields.number(2), let nanosecond = fields.fraction(), let offset = fields.offset(),
            fields.isAtEnd
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= daysIn(month, of: year),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }

        let time = hour * 3600 + minute * 60 + second - offset
        var seconds = daysSinceEpoch(year: year, month: month, day: day) * secondsPerDay + time
        // A leap second ends a day of UTC; it is read as the first second of the next.
        if second == 60, seconds % secondsPerDay != 0 { return nil }
        // Before 1970 the fraction counts back from the next second, so that the earliest one fits.
        var rest = nanosecond
        if seconds < 0 {
            seconds += 1
            rest -= nanosecondsPerSecond
        }
        let (whole, tooFar) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        let (sum, justTooFar) = whole.addingReportingOverflow(rest)
        if tooFar || justTooFar { return nil }
        self.init(nanoseconds: sum)
    }
}

private func daysIn(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
}

private struct FieldReader {
    let bytes: Bytes
    var position = 0

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func digit() -> Int64? {
        guard position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
        else { return nil }
        position += 1
        return Int64(bytes[position - 1] - UInt8(ascii: "0"))
    }

    mutating func number(_ width: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<width {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Nanoseconds; 0 without a point, nil if no digit follows it.
    mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        guard var sum = number(1) else { return nil }
        sum *= 100_000_000
        var scale: Int64 = 10_000_000
        while let digit = digit() {
            sum += digit * scale
            scale /= 10
        }
        return sum
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let west = take("-")
        guard west || take("+"), let hours = number(2), hours <= 23, take(":"),
            let minutes = number(2), minutes <= 59
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return west ? -seconds : seconds
    }
}
