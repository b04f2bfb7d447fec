import CSystem
import KeeperShared

/// Follows what a program writes to its terminal, as far as another terminal must know of it: to take over in the
/// middle, and to be left as it was.
///
/// It knows where escape sequences begin and end (ECMA-48), and which of them switch something on; what they do to
/// the screen is for ``TerminalScreen``.
struct TerminalFilter {
    /// What is passed on.
    enum Scope {
        case nothing
        /// Everything but what makes a terminal report keys in another way: the keys to detach with would be lost.
        case live
    }

    private enum State {
        case ground
        /// After ESC.
        case escape
        /// ESC and a byte that tells that there is one more.
        case designation
        /// After ESC [.
        case control
        /// A string with a meaning of its own, such as a title.
        case string
        case stringEscape
    }

    private var state = State.ground
    /// The sequence that has begun.
    private var sequence: [UInt8] = []
    /// What is written to, if what it shows is wanted.
    var screen: TerminalScreen?
    /// Private modes that are not as they are in a terminal at rest, as they were switched.
    private var modes: [Int] = []
    private var hasKeypad = false
    private var hasRegion = false
    /// What gave the cursor another shape.
    private var shape: [UInt8] = []
    /// Changes with what ``undo`` gives.
    private(set) var changes = 0

    /// Modes that are on in a terminal at rest: going on in the next line, and the cursor.
    private static func isOnAtRest(_ mode: Int) -> Bool { mode == 7 || mode == 25 }

    private static func isScreen(_ mode: Int) -> Bool { mode == 1049 || mode == 1047 || mode == 47 }

    /// Those that change what a terminal shows or sends until they are switched back: arrow keys, reverse, origin,
    /// wrap, mouse, cursor, keypad, other screens, focus, paste, colours.
    private static func isKept(_ mode: Int) -> Bool {
        switch mode {
        case 1, 5, 6, 7, 9, 25, 47, 66, 1000...1007, 1015, 1016, 1047, 1049, 2004, 2031, 2048: true
        default: false
        }
    }

    /// Whether the program shows a screen of its own instead of lines one below the other.
    var isOtherScreen: Bool { modes.contains { TerminalFilter.isScreen($0) } }

    /// Whether arrow keys send what programs ask for in this way (DECCKM).
    var hasApplicationKeys: Bool { modes.contains(1) }

    /// Brings another terminal into the state that this one is in, all but what it shows.
    var redo: [UInt8] {
        var bytes: [UInt8] = []
        for mode in modes {
            TerminalFilter.append(mode, isOn: !TerminalFilter.isOnAtRest(mode), to: &bytes)
            if TerminalFilter.isScreen(mode) { bytes += Array("\u{1B}[H\u{1B}[2J".utf8) }
        }
        if hasKeypad { bytes += [0x1B, UInt8(ascii: "=")] }
        return bytes + shape
    }

    /// What has begun and goes on in what is passed on next: a string, whose start was not.
    var unfinished: [UInt8] {
        switch state {
        case .string: sequence
        case .stringEscape: sequence + [0x1B]
        case .ground, .escape, .designation, .control: []
        }
    }

    /// Brings the terminal back into the state in which a shell expects it.
    var undo: [UInt8] {
        // Plain characters of the usual set, no insert mode.
        var bytes = Array("\u{1B}[m\u{0F}\u{1B}(B\u{1B}[4l".utf8)
        if hasRegion { bytes += Array("\u{1B}7\u{1B}[r\u{1B}8".utf8) }
        if !shape.isEmpty { bytes += Array("\u{1B}[0 q".utf8) }
        if hasKeypad { bytes += [0x1B, UInt8(ascii: ">")] }
        for mode in modes.reversed() {
            TerminalFilter.append(mode, isOn: TerminalFilter.isOnAtRest(mode), to: &bytes)
        }
        return bytes
    }

    private static func append(_ mode: Int, isOn: Bool, to bytes: inout [UInt8]) {
        bytes += Array("\u{1B}[?".utf8)
        bytes += Array(String(mode).utf8)
        bytes.append(UInt8(ascii: isOn ? "h" : "l"))
    }

    /// Takes the next bytes, and appends what is to be passed on.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ scope: Scope, into output: inout [UInt8]) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch state {
            case .ground:
                if byte != 0x1B {
                    index = take(bytes, from: index, scope, into: &output)
                    continue
                }
                begin()
            case .escape: takeEscape(byte, scope, into: &output)
            case .designation:
                sequence.append(byte)
                if byte >= 0x30 {
                    screen?.escape(sequence)
                    end(scope, into: &output)
                }
            case .control: takeControl(byte, scope, into: &output)
            case .string, .stringEscape: takeString(byte, scope, into: &output)
            }
            index += 1
        }
    }

    private mutating func begin() {
        state = .escape
        sequence = [0x1B]
    }

    /// Text, up to the next sequence.
    private mutating func take(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ scope: Scope, into output: inout [UInt8]
    ) -> Int {
        var end = bytes.count
        if let base = bytes.baseAddress, let found = memchr(base + start, 0x1B, end - start) {
            end = UnsafeRawPointer(found) - base
        }
        let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        screen?.write(part)
        if case .live = scope { output.append(contentsOf: part) }
        return end
    }

    private mutating func takeEscape(_ byte: UInt8, _ scope: Scope, into output: inout [UInt8]) {
        sequence.append(byte)
        switch byte {
        case 0x1B: begin()
        case UInt8(ascii: "["): state = .control
        // The last is the title of the terminals screen and tmux.
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"),
            UInt8(ascii: "k"):
            state = .string
            if case .live = scope { output += sequence }
        case 0x20...0x2F: state = .designation
        default:
            if byte == UInt8(ascii: "=") || byte == UInt8(ascii: ">") {
                hasKeypad = byte == UInt8(ascii: "=")
                changes += 1
            }
            // A full reset.
            if byte == UInt8(ascii: "c") {
                modes = []
                hasKeypad = false
                changes += 1
            }
            screen?.escape(sequence)
            end(scope, into: &output)
        }
    }

    private mutating func takeControl(_ byte: UInt8, _ scope: Scope, into output: inout [UInt8]) {
        if byte == 0x1B { return begin() }
        sequence.append(byte)
        // CAN and SUB end a sequence without effect, and no real one is so long.
        if byte == 0x18 || byte == 0x1A || sequence.count > 256 {
            state = .ground
        } else if byte >= 0x40 {
            if obey(byte) { end(scope, into: &output) } else { state = .ground }
        }
    }

    private mutating func takeString(_ byte: UInt8, _ scope: Scope, into output: inout [UInt8]) {
        if case .live = scope { output.append(byte) }
        if byte == 7 || byte == 0x18 || byte == 0x1A || state == .stringEscape && byte != 0x1B {
            state = .ground
        } else {
            state = byte == 0x1B ? .stringEscape : .string
        }
    }

    private mutating func end(_ scope: Scope, into output: inout [UInt8]) {
        state = .ground
        if case .live = scope { output += sequence }
    }

    /// Notes what a control sequence does.
    ///
    /// - Returns: whether it is passed on.
    private mutating func obey(_ last: UInt8) -> Bool {
        let mark = sequence[2]
        let isPrivate = mark >= UInt8(ascii: "<") && mark <= UInt8(ascii: "?")
        let parameters = numbers
        screen?.control(sequence, parameters)
        switch last {
        case UInt8(ascii: "h"), UInt8(ascii: "l"):
            guard mark == UInt8(ascii: "?") else { return true }
            for mode in parameters { change(mode, isOn: last == UInt8(ascii: "h")) }
        case UInt8(ascii: "r"):
            if isPrivate { return true }
            hasRegion = !parameters.isEmpty
            changes += 1
        case UInt8(ascii: "q"):
            if isPrivate || !sequence.contains(0x20) { return true }
            shape = sequence
            changes += 1
        case UInt8(ascii: "m"), UInt8(ascii: "u"):
            // xterm's and kitty's other reports of keys; a question is none.
            return !isPrivate || mark == UInt8(ascii: "?")
        default: break
        }
        return true
    }

    /// The parameters of the sequence.
    private var numbers: [Int] {
        var found: [Int] = []
        var number = -1
        for byte in sequence.dropFirst(2) {
            if byte >= 0x30, byte <= 0x39 {
                number = min(max(number, 0) * 10 + Int(byte - 0x30), 1 << 20)
            } else if number >= 0 || byte == UInt8(ascii: ";") {
                found.append(max(number, 0))
                number = -1
            }
        }
        return found
    }

    private mutating func change(_ mode: Int, isOn: Bool) {
        guard TerminalFilter.isKept(mode) else { return }
        // There is one other screen, whatever mode shows it.
        modes.removeAll { $0 == mode || TerminalFilter.isScreen($0) && TerminalFilter.isScreen(mode) }
        if isOn != TerminalFilter.isOnAtRest(mode) { modes.append(mode) }
        changes += 1
    }
}
