import CSystem
import KeeperShared

/// Follows what a program writes to its terminal, as far as another terminal must know of it: to take over in the
/// middle, and to be left as it was.
///
/// No emulator: it knows where escape sequences begin and end (ECMA-48), and which of them switch something on.
struct TerminalFilter {
    /// What is passed on.
    enum Scope {
        case nothing
        /// Everything but what makes a terminal report keys in another way: the keys to detach with would be lost.
        case live
        /// Less what makes a terminal answer: whoever asked has had the answer, and the program that runs now
        /// would take another for typing.
        case replay
        /// Text alone, for people and programs that have no terminal.
        case text
    }

    private enum State {
        case ground
        /// Behind ESC.
        case escape
        /// ESC and a byte that tells that there is one more.
        case designation
        /// Behind ESC [.
        case control
        /// A string with a meaning of its own, such as a title.
        case string
        case stringEscape
    }

    private var state = State.ground
    /// The sequence that has begun.
    private var sequence: [UInt8] = []
    /// Bytes seen.
    private(set) var position = 0
    /// Private modes that are not as they are in a terminal at rest, as they were switched.
    private var modes: [Int] = []
    private var hasKeypad = false
    private var hasRegion = false
    private var hasShape = false
    /// Behind a sequence that moves to the top left.
    private var homePosition = -1
    /// Where a screen began that shows nothing of what was before; nil when none did.
    private(set) var screenStart: Int?
    /// What makes another terminal ready for what comes from ``screenStart`` on.
    private(set) var screenModes: [UInt8] = []
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
        return bytes
    }

    /// Brings the terminal back into the state in which a shell expects it.
    var undo: [UInt8] {
        // Plain characters of the usual set, no insert mode.
        var bytes = Array("\u{1B}[m\u{0F}\u{1B}(B\u{1B}[4l".utf8)
        if hasRegion { bytes += Array("\u{1B}7\u{1B}[r\u{1B}8".utf8) }
        if hasShape { bytes += Array("\u{1B}[0 q".utf8) }
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
                if byte >= 0x30 { end(scope, into: &output) }
            case .control: takeControl(byte, scope, into: &output)
            case .string, .stringEscape: takeString(byte, scope, into: &output)
            }
            index += 1
            position += 1
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
        position += end - start
        let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        switch scope {
        case .nothing: break
        case .live: output.append(contentsOf: part)
        case .replay:
            // ENQ asks for an answer.
            for byte in part where byte != 5 { output.append(byte) }
        case .text:
            for byte in part where byte >= 0x20 && byte != 0x7F || byte == 10 || byte == 9 {
                output.append(byte)
            }
        }
        return end
    }

    private mutating func takeEscape(_ byte: UInt8, _ scope: Scope, into output: inout [UInt8]) {
        sequence.append(byte)
        switch byte {
        case 0x1B: begin()
        case UInt8(ascii: "["): state = .control
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"):
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
                noteScreen()
            }
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
            if obey(byte, scope) { end(scope, into: &output) } else { state = .ground }
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
        switch scope {
        case .live, .replay: output += sequence
        case .nothing, .text: break
        }
    }

    /// Notes what a control sequence does.
    ///
    /// - Returns: whether it is passed on.
    private mutating func obey(_ last: UInt8, _ scope: Scope) -> Bool {
        let mark = sequence[2]
        let isPrivate = mark >= UInt8(ascii: "<") && mark <= UInt8(ascii: "?")
        let parameters = numbers
        let isReplay = if case .replay = scope { true } else { false }
        switch last {
        case UInt8(ascii: "h"), UInt8(ascii: "l"):
            guard mark == UInt8(ascii: "?") else { return true }
            for mode in parameters { change(mode, isOn: last == UInt8(ascii: "h")) }
        case UInt8(ascii: "H"), UInt8(ascii: "f"):
            if parameters.allSatisfy({ $0 <= 1 }) { homePosition = position + 1 }
        case UInt8(ascii: "J"):
            let start = position - sequence.count + 1
            if parameters.first == 2 || parameters.first ?? 0 == 0 && homePosition == start { noteScreen() }
        case UInt8(ascii: "r"):
            if isPrivate { return true }
            hasRegion = !parameters.isEmpty
            changes += 1
        case UInt8(ascii: "q"):
            if isPrivate { return !isReplay }
            hasShape = true
            changes += 1
        case UInt8(ascii: "m"), UInt8(ascii: "u"):
            // xterm's and kitty's other reports of keys; a question is none.
            return !isPrivate || mark == UInt8(ascii: "?") && !isReplay
        case UInt8(ascii: "c"), UInt8(ascii: "n"), UInt8(ascii: "x"), UInt8(ascii: "t"): return !isReplay
        default: return !isReplay || !isPrivate && !sequence.contains(UInt8(ascii: "$"))
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
        modes.removeAll { $0 == mode }
        if isOn != TerminalFilter.isOnAtRest(mode) { modes.append(mode) }
        changes += 1
        // What was on the one screen is not on the other.
        if TerminalFilter.isScreen(mode) { noteScreen(behind: true) }
    }

    private mutating func noteScreen(behind: Bool = false) {
        screenStart = behind ? position + 1 : position + 1 - sequence.count
        screenModes = redo
    }
}
