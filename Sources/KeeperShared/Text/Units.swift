/// A duration or a size that can't be read.
package struct UnitError: Error {
    /// What was being read.
    package enum Quantity: Equatable, Sendable { case duration, size }

    /// What is wrong with it.
    package enum Problem: Equatable, Sendable {
        case empty, notANumber, noUnit, unknownUnit, fraction, negative, tooLarge
    }

    /// The text as it was given.
    package var text: String
    /// What was being read.
    package var quantity: Quantity
    /// What is wrong with it.
    package var problem: Problem

    /// One line: what, why, and what to write instead.
    package var message: String {
        var line: [UInt8] = []
        line.append(literal: quantity == .duration ? "duration \"" : "size \"")
        // It may be anything, a whole file by mistake: keep it short and on one line.
        for byte in text.utf8.prefix(40) {
            line.append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
        }
        line.append(literal: "\"")
        switch problem {
        case .empty: line.append(literal: " is empty")
        case .notANumber: line.append(literal: " does not start with a number")
        case .noUnit: line.append(literal: " has no unit: add one")
        case .unknownUnit: line.append(literal: " has an unknown unit")
        case .fraction: line.append(literal: " is not a whole number")
        case .negative: line.append(literal: " is negative")
        case .tooLarge: line.append(literal: " is too large")
        }
        switch quantity {
        case .duration: line.append(literal: "; write it like 350ms, 2s, 5m, 1h or 7d")
        case .size: line.append(literal: "; write it like 512, 64K, 16M or 1G")
        }
        return String(decoding: line, as: UTF8.self)
    }
}

enum Nanoseconds {
    static let millisecond: Int64 = 1_000_000
    static let second: Int64 = 1_000 * millisecond
    static let minute: Int64 = 60 * second
    static let hour: Int64 = 60 * minute
    static let day: Int64 = 24 * hour
}

/// Reads `350ms`, `1.5s`, `5m`, `1h`, `7d` or a bare `0`.
/// - Returns: Nanoseconds, at least 0. Digits finer than that are cut.
package func parseDuration(_ text: String) throws(UnitError) -> Int64 {
    let number = try LeadingNumber(text, .duration)
    let units: [(name: StaticString, length: Int64)] = [
        ("ms", Nanoseconds.millisecond), ("s", Nanoseconds.second), ("m", Nanoseconds.minute),
        ("h", Nanoseconds.hour), ("d", Nanoseconds.day),
    ]
    guard let unit = units.first(where: { number.hasUnit($0.name) })?.length else {
        if number.isBareZero { return 0 }
        throw number.error(number.hasUnit("") ? .noUnit : .unknownUnit)
    }
    // Every unit is a multiple of a power of ten, so a digit's share is exact down to the nanosecond.
    var fraction: Int64 = 0
    var share = unit
    for digit in number.fraction {
        share /= 10
        fraction += Int64(digit) * share
    }
    let (whole, tooLarge) = number.whole.multipliedReportingOverflow(by: unit)
    let (sum, justTooLarge) = whole.addingReportingOverflow(fraction)
    if tooLarge || justTooLarge { throw number.error(.tooLarge) }
    return sum
}

/// Reads `512`, `64K`, `16M`, `1G` or `1T`, in either case and with or without `iB` after the
/// letter; powers of 1024.
/// - Returns: Bytes, at least 0.
package func parseSize(_ text: String) throws(UnitError) -> Int {
    let number = try LeadingNumber(text, .size)
    guard number.fraction.isEmpty else { throw number.error(.fraction) }
    let units: [(name: StaticString, shift: Int)] = [
        ("", 0), ("k", 10), ("kib", 10), ("m", 20), ("mib", 20), ("g", 30), ("gib", 30), ("t", 40),
        ("tib", 40),
    ]
    guard let shift = units.first(where: { number.hasUnit($0.name) })?.shift else {
        throw number.error(.unknownUnit)
    }
    let (bytes, tooLarge) = number.whole.multipliedReportingOverflow(by: 1 << shift)
    if tooLarge { throw number.error(.tooLarge) }
    return Int(bytes)
}

/// The digits at the start of a quantity, and what follows them.
private struct LeadingNumber {
    let text: String
    let quantity: UnitError.Quantity
    /// The number before the point.
    private(set) var whole: Int64 = 0
    /// The digits after the point, as numbers from 0 to 9.
    private(set) var fraction: [UInt8] = []
    private var unit: [UInt8] = []

    init(_ text: String, _ quantity: UnitError.Quantity) throws(UnitError) {
        self.text = text
        self.quantity = quantity
        let bytes = Array(text.utf8)
        guard let first = bytes.first else { throw error(.empty) }
        guard first != UInt8(ascii: "-") else { throw error(.negative) }
        guard isDigit(first) else { throw error(.notANumber) }
        var position = bytes.firstIndex { !isDigit($0) } ?? bytes.count
        guard let number = decimal(Array(bytes[..<position])) else { throw error(.tooLarge) }
        whole = Int64(number)
        if position + 1 < bytes.count, bytes[position] == UInt8(ascii: "."), isDigit(bytes[position + 1]) {
            position += 1
            while position < bytes.count, isDigit(bytes[position]) {
                fraction.append(bytes[position] - UInt8(ascii: "0"))
                position += 1
            }
        }
        unit = Array(bytes[position...])
    }

    var isBareZero: Bool { equalUTF8(text, "0") }

    /// Whether exactly this unit, given in small letters, follows the number. Sizes may have it in
    /// capitals; for durations that would make a month or a mega of `M`.
    func hasUnit(_ name: StaticString) -> Bool {
        guard unit.count == name.utf8CodeUnitCount else { return false }
        for index in 0..<unit.count {
            var byte = unit[index]
            if quantity == .size, byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") { byte |= 0x20 }
            if byte != name.utf8Start[index] { return false }
        }
        return true
    }

    func error(_ problem: UnitError.Problem) -> UnitError {
        UnitError(text: text, quantity: quantity, problem: problem)
    }
}
