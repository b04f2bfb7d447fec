/// How a character looks (SGR of ECMA-48): attributes and two colours in one number, 0 for plain.
///
/// Bits 1 to 9 are the attributes of the same numbers, 12 to 37 the colour of the character, 38 to 63 that of its
/// background.
struct ScreenStyle: Equatable {
    private(set) var bits: UInt64 = 0

    private static let front: UInt64 = 12
    private static let back: UInt64 = 38
    /// A colour is 0 for the usual one, or one of these and a number.
    private static let indexed: UInt64 = 1 << 24
    private static let direct: UInt64 = 2 << 24
    private static let colour: UInt64 = 3 << 24 | 0xFF_FFFF

    /// What erasing leaves.
    var background: ScreenStyle { ScreenStyle(bits: bits & ScreenStyle.colour << ScreenStyle.back) }

    private mutating func set(_ place: UInt64, _ colour: UInt64) {
        bits = bits & ~(ScreenStyle.colour << place) | colour << place
    }

    /// Takes what stands between the `ESC [` and the `m`: numbers, with semicolons, or with colons where they belong
    /// together.
    mutating func change(_ text: ArraySlice<UInt8>) {
        var group: [UInt64] = [0]
        var index = text.startIndex
        while true {
            let byte = index < text.endIndex ? text[index] : UInt8(ascii: ";")
            if byte == UInt8(ascii: ":") {
                group.append(0)
            } else if byte == UInt8(ascii: ";") {
                // A colour's numbers may come with semicolons as well.
                let isColour = group[0] == 38 || group[0] == 48
                let wanted = isColour ? group.count == 1 ? 2 : group[1] == 2 ? 5 : 3 : 1
                if index >= text.endIndex || group.count >= wanted {
                    apply(group)
                    group = [0]
                } else {
                    group.append(0)
                }
            } else if byte >= 0x30, byte <= 0x39 {
                group[group.count - 1] = (group[group.count - 1] * 10 + UInt64(byte - 0x30)) & 0xFFFF
            }
            if index >= text.endIndex { return }
            index += 1
        }
    }

    private mutating func apply(_ group: [UInt64]) {
        let number = group[0]
        let count = group.count
        switch number {
        case 0: bits = 0
        // Underlined in no way.
        case 4 where count > 1 && group[1] == 0: bits &= ~(1 << 4)
        case 1...9: bits |= 1 << number
        case 21: bits |= 1 << 4
        case 22: bits &= ~(1 << 1 | 1 << 2)
        case 23...29: bits &= ~(1 << (number - 20))
        case 30...37: set(ScreenStyle.front, ScreenStyle.indexed | (number - 30))
        case 39: set(ScreenStyle.front, 0)
        case 40...47: set(ScreenStyle.back, ScreenStyle.indexed | (number - 40))
        case 49: set(ScreenStyle.back, 0)
        case 90...97: set(ScreenStyle.front, ScreenStyle.indexed | (number - 82))
        case 100...107: set(ScreenStyle.back, ScreenStyle.indexed | (number - 92))
        case 38, 48:
            let place = number == 38 ? ScreenStyle.front : ScreenStyle.back
            if count == 3, group[1] == 5 { set(place, ScreenStyle.indexed | group[2] & 0xFF) }
            // Between the 2 and the colour there may be the number of a colour space.
            if count >= 5, group[1] == 2 {
                set(
                    place,
                    ScreenStyle.direct | (group[count - 3] & 0xFF) << 16 | (group[count - 2] & 0xFF) << 8
                        | group[count - 1] & 0xFF)
            }
        default: break
        }
    }

    /// Appends the sequence that makes a terminal write like this, whatever it wrote like before.
    func append(to bytes: inout [UInt8]) {
        bytes += [0x1B, UInt8(ascii: "["), UInt8(ascii: "0")]
        for number in 1...9 as ClosedRange<UInt64> where bits >> number & 1 == 1 {
            bytes += [UInt8(ascii: ";"), 0x30 + UInt8(number)]
        }
        append(38, bits >> ScreenStyle.front, to: &bytes)
        append(48, bits >> ScreenStyle.back, to: &bytes)
        bytes.append(UInt8(ascii: "m"))
    }

    private func append(_ kind: Int, _ colour: UInt64, to bytes: inout [UInt8]) {
        let isIndexed = colour & ScreenStyle.indexed != 0
        if !isIndexed, colour & ScreenStyle.direct == 0 { return }
        let number = Int(colour & 0xFF)
        if isIndexed, number < 16 { return append(number + kind + (number < 8 ? -8 : 44), to: &bytes) }
        append(kind, to: &bytes)
        append(isIndexed ? 5 : 2, to: &bytes)
        if !isIndexed {
            append(Int(colour >> 16 & 0xFF), to: &bytes)
            append(Int(colour >> 8 & 0xFF), to: &bytes)
        }
        append(number, to: &bytes)
    }

    private func append(_ number: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: ";"))
        bytes += Array(String(number).utf8)
    }
}
