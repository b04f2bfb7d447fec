import CSystem
import KeeperShared

/// What is known of the child's terminal, besides its master: state that goes on from child to child.
struct TerminalEnd {
    /// Kept for the next child's terminal.
    var size: TerminalSize
    /// What was written last has not ended a line.
    var isMidLine = false

    /// In canonical mode the kernel takes so many bytes for a line, and drops what more comes before its end
    /// (termios(3)).
    static let longestLine = 4095

    init(size: TerminalSize) { self.size = size }

    /// How many of these lines can be written without one's being cut: as far as the first that is too long now.
    ///
    /// - Parameter lines: whole lines.
    func admissibleCount(_ lines: UnsafeRawBufferPointer, into master: borrowing FileDescriptor) -> Int {
        guard lines.count > TerminalEnd.longestLine, TerminalModes(master).isCanonical else {
            return lines.count
        }
        var start = 0
        while start < lines.count, let first = lines.baseAddress {
            guard let found = memchr(first + start, 10, lines.count - start) else { return start }
            let end = UnsafeRawPointer(found) - first
            if end - start > TerminalEnd.longestLine { return start }
            start = end + 1
        }
        return lines.count
    }

    /// Notes what the terminal took.
    mutating func wrote(_ bytes: UnsafeRawBufferPointer) {
        guard let last = bytes.last else { return }
        isMidLine = last != 10 && last != 13
    }

    /// What makes the child read an end of file: the terminal's own character, once more where a line is begun, as
    /// the first then only hands that over. Nil where the terminal has none.
    func endOfFile(into master: borrowing FileDescriptor) -> [UInt8]? {
        let modes = TerminalModes(master)
        guard let mark = modes.endOfFile else { return nil }
        return isMidLine && modes.isCanonical ? [mark, mark] : [mark]
    }
}

/// How a terminal treats its input just now: the child changes that as it likes.
struct TerminalModes {
    /// Lines are handed over whole and edited before that.
    let isCanonical: Bool
    /// The character that stands for the end of a file.
    let endOfFile: UInt8?

    init(_ master: borrowing FileDescriptor) {
        var attributes = termios()
        guard tcgetattr(master.raw, &attributes) == 0 else {
            isCanonical = true
            endOfFile = nil
            return
        }
        isCanonical = attributes.c_lflag & tcflag_t(ICANON) != 0
        let mark = withUnsafeBytes(of: &attributes.c_cc) { $0[Int(VEOF)] }
        // _POSIX_VDISABLE
        endOfFile = mark == 0 ? nil : mark
    }
}

/// A new terminal: the child's end for reading, its master for writing. UTF-8 is edited by the character.
func openTerminal(_ size: TerminalSize) throws(SystemError) -> Pipe {
    let master = try FileDescriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY)
    let number = master.raw
    let peer = FileDescriptor(owning: try systemCall("open a terminal") { csys_open_peer(number) })
    try master.setWindowSize(size)
    var attributes = termios()
    let end = peer.raw
    try systemCall("tcgetattr") { tcgetattr(end, &attributes) }
    attributes.c_iflag |= tcflag_t(IUTF8)
    try systemCall("tcsetattr") { tcsetattr(end, TCSANOW, &attributes) }
    return Pipe(reading: peer, writing: master)
}

// What is different for the router when there is a terminal instead of a pipe.
extension InputRouter {
    /// How much of what is complete can be written as it is.
    func admissibleCount(_ connection: InputConnection) -> Int {
        if connection.isStream { return connection.completeCount }
        let lines = UnsafeRawBufferPointer(rebasing: connection.buffer.bytes[..<connection.completeCount])
        switch stdin {
        case .some(let master): return terminal?.admissibleCount(lines, into: master) ?? lines.count
        case .none: return lines.count
        }
    }

    /// All that came before the request to close stdin is through. A terminal's input goes on behind an end of file.
    func finishClosing() {
        guard terminal != nil, case .open = target else { return closeNow("the child's stdin was closed") }
        let mark = endOfFileMark()
        if let mark, mark.withUnsafeBytes({ writeToStdin($0) }) == nil { return }
        isClosing = false
        for connection in connections.values {
            connection.allowance = Int.max
            enqueue(connection)
        }
        if mark != nil { return notifyClosed() }
        let waiting = closeReplies
        closeReplies = []
        for reply in waiting {
            session?.control.answer(reply, .refused("the terminal has no character for the end of a file"))
        }
    }

    /// A step of ending a child in a terminal: it reads an end of file, if it reads.
    func endTerminalInput() {
        if terminal == nil { return }
        _ = endOfFileMark()?.withUnsafeBytes { writeToStdin($0) }
    }

    private func endOfFileMark() -> [UInt8]? {
        switch stdin {
        case .some(let master): terminal?.endOfFile(into: master)
        case .none: nil
        }
    }

    /// Gives the terminal another size, now and for the next child.
    func resize(_ size: TerminalSize) throws(SystemError) {
        terminal?.size = size
        switch stdin {
        case .some(let master): try master.setWindowSize(size)
        case .none: break
        }
    }
}

extension Session {
    /// `resize`: the terminal's size, for this child and those after it.
    func resize(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        guard settings.terminalSize != nil else { throw .notTerminal }
        guard
            let size = TerminalSize(
                columns: Int(parameters["cols"]?.intValue ?? 0), rows: Int(parameters["rows"]?.intValue ?? 0))
        else { throw .invalidParameters("cols and rows must be numbers from 1 to \(TerminalSize.largest)") }
        do throws(SystemError) { try input.resize(size) } catch { throw .failed(error) }
        if recorder.status.terminalSize != size {
            recorder.status.terminalSize = size
            recorder.writeStatus()
            scheduleRetry()
        }
        control.answer(reply) { $0.value(.object([])) }
    }

    /// `input`: what follows on this connection goes into the terminal, byte for byte.
    func openInput(_ reply: Reply) throws(ControlError) {
        guard settings.terminalSize != nil else { throw .notTerminal }
        control.answer(reply) { $0.value(.object([])) }
        control.becomeStream(reply.connection)
    }
}
