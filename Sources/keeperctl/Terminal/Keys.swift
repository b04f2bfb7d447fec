import KeeperShared

/// A key by the name that tmux has for it, such as `Enter`, `C-c`, `M-x`, `S-Up` or `F1`, and what a terminal
/// sends for it (as xterm does).
struct Key {
    private enum Code {
        /// A byte, of a character or of a key that sends one.
        case byte(UInt8)
        /// ESC [ and a letter; ESC O in the mode that programs ask for.
        case cursor(UInt8)
        /// ESC O and a letter.
        case function(UInt8)
        /// ESC [, a number and a tilde.
        case number(UInt8)
    }

    private var code: Code
    /// 1 for shift, 2 for meta, 4 for control: xterm's numbers less one.
    private var modifiers = 0

    /// nil for what names no key.
    init?(_ name: [UInt8]) {
        var rest = name[...]
        var found = 0
        while rest.count > 1 {
            if rest.first == UInt8(ascii: "^") {
                found |= 4
                rest = rest.dropFirst()
                continue
            }
            guard rest.count > 2, rest[rest.startIndex + 1] == UInt8(ascii: "-") else { break }
            switch rest[rest.startIndex] | 0x20 {
            case UInt8(ascii: "c"): found |= 4
            case UInt8(ascii: "m"): found |= 2
            case UInt8(ascii: "s"): found |= 1
            default: return nil
            }
            rest = rest.dropFirst(2)
        }
        modifiers = found
        if rest.count == 1, let byte = rest.first, byte < 0x80 {
            // A character without modifiers is text.
            if found == 0 || found & 1 != 0 { return nil }
            code = .byte(byte)
        } else if let known = Key.code(of: Array(rest)) {
            code = known
        } else {
            return nil
        }
    }

    /// Names and what they mean: a byte, or a kind in the upper byte.
    private static var names: [(StaticString, Int)] {
        [
            ("Enter", 13), ("Escape", 27), ("Tab", 9), ("Space", 32), ("BSpace", 127),
            ("Up", 0x141), ("Down", 0x142), ("Right", 0x143), ("Left", 0x144), ("End", 0x146),
            ("Home", 0x148),
            ("BTab", 0x15A), ("F1", 0x250), ("F2", 0x251), ("F3", 0x252), ("F4", 0x253), ("IC", 0x302),
            ("Insert", 0x302), ("DC", 0x303), ("Delete", 0x303), ("PPage", 0x305), ("PageUp", 0x305),
            ("PgUp", 0x305), ("NPage", 0x306), ("PageDown", 0x306), ("PgDn", 0x306), ("F5", 0x30F),
            ("F6", 0x311), ("F7", 0x312), ("F8", 0x313), ("F9", 0x314), ("F10", 0x315), ("F11", 0x317),
            ("F12", 0x318),
        ]
    }

    private static func code(of name: [UInt8]) -> Code? {
        for (candidate, code) in names where isEqual(name, candidate) {
            let byte = UInt8(code & 0xFF)
            switch code >> 8 {
            case 0: return .byte(byte)
            case 1: return .cursor(byte)
            case 2: return .function(byte)
            default: return .number(byte)
            }
        }
        return nil
    }

    /// In any case, as tmux has it.
    private static func isEqual(_ name: [UInt8], _ other: StaticString) -> Bool {
        guard name.count == other.utf8CodeUnitCount else { return false }
        for index in name.indices where name[index] | 0x20 != other.utf8Start[index] | 0x20 { return false }
        return true
    }

    /// Whether what the key sends depends on the program's wish.
    var isCursor: Bool {
        if case .cursor = code { modifiers == 0 } else { false }
    }

    /// What a terminal sends.
    ///
    /// - Parameter application: whether the program has asked for the other codes of the arrow keys.
    func bytes(application: Bool) -> [UInt8] {
        var start: [UInt8] = [0x1B, UInt8(ascii: "[")]
        switch code {
        case .byte(var byte):
            if modifiers & 4 != 0 {
                if byte == UInt8(ascii: "?") {
                    byte = 0x7F
                } else if byte == 32 || byte >= 0x40, byte < 0x7F {
                    byte &= 0x1F
                }
            }
            return modifiers & 2 != 0 ? [0x1B, byte] : [byte]
        case .cursor(let letter):
            // BTab is one of its own.
            if modifiers != 0, letter != UInt8(ascii: "Z") { start += Array(concat("1;", modifierText).utf8) }
            if application, modifiers == 0, letter != UInt8(ascii: "Z") { start[1] = UInt8(ascii: "O") }
            return start + [letter]
        case .function(let letter):
            if modifiers != 0 { return start + Array(concat("1;", modifierText).utf8) + [letter] }
            return [0x1B, UInt8(ascii: "O"), letter]
        case .number(let number):
            start += Array(String(Int(number)).utf8)
            if modifiers != 0 { start += Array(concat(";", modifierText).utf8) }
            return start + [UInt8(ascii: "~")]
        }
    }

    private var modifierText: String { String(modifiers + 1) }
}
