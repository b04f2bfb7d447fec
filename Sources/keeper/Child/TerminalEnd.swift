import CSystem
import KeeperShared

/// What is known of the child's terminal, besides its master: state that goes on from child to child.
struct TerminalEnd {
    /// Kept for the next child's terminal.
    var size: TerminalSize
    /// What was written last has not ended a line.
    var isMidLine = false

    /// In canonical mode the kernel takes at most this many bytes for a line, and drops what more comes before its end
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
        while start < lines.count {
            guard let end = lineFeed(in: lines, from: start), end - start <= TerminalEnd.longestLine
            else { return start }
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
