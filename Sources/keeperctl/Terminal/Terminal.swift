import CSystem
import KeeperShared

/// What happened outside of the keyboard.
enum TerminalEvent {
    /// Everything must be drawn again: another size, or the program went on after having been stopped.
    case redraw
    /// The program is to end with this signal's status.
    case end(Int32)
}

/// The terminal in raw mode, for as long as this value lives.
///
/// Signals that would end or stop the program are blocked and read by its loop, so that there is no moment at
/// which it could end without putting the terminal back.
struct TerminalGuard: ~Copyable {
    /// Readable when ``nextEvent()`` has something.
    let signals: SignalReader
    /// An open file of its own, so that it can be non-blocking without the shell's becoming so.
    let descriptor: FileDescriptor
    /// Written, but not taken by the terminal yet.
    private var pending: [UInt8] = []
    private let saved: termios
    private let isFullScreen: Bool
    /// What is written to leave the terminal as it was.
    private var undo: [UInt8]
    private var rescue: TerminalRescue?
    /// How often the program went on after having been stopped: the terminal shows something else then.
    private(set) var returns = 0

    /// Whether there is a terminal to read keys from and to draw on.
    static var isAvailable: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

    /// Changes to raw mode.
    ///
    /// - Parameters:
    ///   - fullScreen: whether to draw on a screen of its own, without a cursor; long lines are cut there.
    ///   - rescued: whether another process is to put the terminal back when this one is killed.
    init(fullScreen: Bool, rescued: Bool = false) throws(SystemError) {
        let signals = try SignalReader([SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT])
        let descriptor = try TerminalGuard.open()
        let number = descriptor.raw
        var saved = termios()
        try systemCall("tcgetattr", "the terminal") { tcgetattr(number, &saved) }
        rescue = rescued ? TerminalRescue(of: descriptor, saved) : nil
        try TerminalGuard.makeRaw(number, saved)
        undo = fullScreen ? Array("\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l".utf8) : []
        self.signals = signals
        self.descriptor = descriptor
        self.saved = saved
        isFullScreen = fullScreen
        takeScreen()
    }

    deinit { TerminalGuard.restore(descriptor, saved, undo, cutting: !pending.isEmpty) }

    private static func open() throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try FileDescriptor.open("/proc/self/fd/0", O_RDWR | O_NOCTTY | O_NONBLOCK)
        } catch {
            // A terminal that belongs to another user, as after `su`.
            return try FileDescriptor.duplicate(ofNumber: STDIN_FILENO)
        }
    }

    /// Columns and rows.
    var size: (columns: Int, rows: Int) { terminalSize(descriptor.raw) ?? (80, 24) }

    /// Says what is to be written to leave the terminal as it was.
    mutating func setUndo(_ bytes: [UInt8]) {
        undo = bytes
        switch rescue {
        case .some(let rescue): rescue.note(bytes)
        case .none: break
        }
    }

    // MARK: Modes

    @inline(never)
    private static func makeRaw(_ number: Int32, _ saved: termios) throws(SystemError) {
        var raw = saved
        cfmakeraw(&raw)
        try systemCall("tcsetattr", "the terminal") { tcsetattr(number, TCSANOW, &raw) }
    }

    /// The other screen, no cursor, and no going on in the next line.
    private mutating func takeScreen() {
        if isFullScreen { write(Array("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l".utf8)) }
    }

    private mutating func enter() throws(SystemError) {
        returns += 1
        try TerminalGuard.makeRaw(descriptor.raw, saved)
        takeScreen()
    }

    @inline(never)
    private static func restore(
        _ descriptor: borrowing FileDescriptor, _ saved: termios, _ undo: [UInt8], cutting: Bool
    ) {
        if !undo.isEmpty {
            // CAN ends an escape sequence of which the terminal has only a part.
            let bytes = (cutting ? [0x18] : []) + undo
            // One that is stopped won't hold up the end.
            var entry = pollfd(fd: descriptor.raw, events: Int16(POLLOUT), revents: 0)
            poll(&entry, 1, 300)
            bytes.withUnsafeBytes { _ = CSystem.write(descriptor.raw, $0.baseAddress, $0.count) }
        }
        var attributes = saved
        tcsetattr(descriptor.raw, TCSANOW, &attributes)
    }

    /// Takes the next signal; nil when none waits. Stops here when the program is to be stopped.
    mutating func nextEvent() throws(SystemError) -> TerminalEvent? {
        guard let signal = signals.next() else { return nil }
        switch signal {
        case SIGWINCH: break
        case SIGTSTP: try suspend()
        // The shell that let it go on has used the terminal in the meantime.
        case SIGCONT: try enter()
        default: return .end(signal)
        }
        return .redraw
    }

    /// Gives the terminal back until the program is told to go on.
    mutating func suspend() throws(SystemError) {
        TerminalGuard.restore(descriptor, saved, undo, cutting: !pending.isEmpty)
        pending.removeAll()
        kill(getpid(), SIGSTOP)
        try enter()
    }

    // MARK: Input and output

    /// Adds what it waits for to a turn.
    borrowing func prepare(_ set: PollSet) {
        set.add(signals.descriptor, .input)
        set.add(descriptor, pending.isEmpty ? .input : [.input, .output])
    }

    /// Whether all that was written has been taken: a terminal that is slow or stopped is not sent more.
    var isCaughtUp: Bool { pending.isEmpty }

    /// What was typed; empty when nothing was, nil when the terminal is gone.
    borrowing func read() -> [UInt8]? {
        var isGone = false
        let bytes = [UInt8](unsafeUninitializedCapacity: 256) { space, count in
            let result = CSystem.read(descriptor.raw, space.baseAddress, space.count)
            isGone = result == 0 || (result < 0 && csys_errno() != EAGAIN && csys_errno() != EINTR)
            count = max(0, result)
        }
        return isGone ? nil : bytes
    }

    /// Writes without waiting; ``flush()`` goes on with the rest.
    @inline(never) mutating func write(_ bytes: [UInt8]) {
        pending += bytes
        flush()
    }

    /// Writes what the terminal takes now. That it is gone is for ``read()`` to tell.
    mutating func flush() {
        while !pending.isEmpty {
            let number = descriptor.raw
            let count = pending.withUnsafeBytes { CSystem.write(number, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            pending.removeFirst(count)
        }
    }
}

/// The keys in what was typed, a byte each: `k` and `j` for up and down as in vi, 0 for others that send more than
/// one. A sequence that comes in two parts is taken for other keys.
func pressedKeys(in bytes: [UInt8]) -> [UInt8] {
    var found: [UInt8] = []
    var index = 0
    while index < bytes.count {
        var key = bytes[index]
        index += 1
        if key == 0x1B {
            key = 0
            if index < bytes.count, bytes[index] == UInt8(ascii: "[") || bytes[index] == UInt8(ascii: "O") {
                index += 1
                while index < bytes.count, bytes[index] < 0x40 { index += 1 }
                if index < bytes.count {
                    if bytes[index] == UInt8(ascii: "A") { key = UInt8(ascii: "k") }
                    if bytes[index] == UInt8(ascii: "B") { key = UInt8(ascii: "j") }
                    index += 1
                }
            }
        }
        found.append(key)
    }
    return found
}
