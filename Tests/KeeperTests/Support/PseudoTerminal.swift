import Glibc

/// A terminal whose other end the test holds: it types, and sees what a full-screen program draws.
final class PseudoTerminal {
    private(set) var master: Int32
    /// Kept open so that the modes can still be looked at when the program has ended.
    private(set) var slave: Int32
    private var seen: [UInt8] = []

    init(columns: Int = 80, rows: Int = 24) throws {
        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
        slave = -1
        guard master >= 0, grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else {
            throw CallFailed("posix_openpt")
        }
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw CallFailed("open \(String(cString: name))") }
        resize(columns: columns, rows: rows)
    }

    deinit { hangUp() }

    /// Takes the terminal away from the programs that use it.
    func hangUp() {
        for descriptor in [master, slave] where descriptor >= 0 { close(descriptor) }
        (master, slave) = (-1, -1)
    }

    func resize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    func type(_ keys: String) { writeAll([UInt8](keys.utf8), to: master) }

    /// All modes, for comparison.
    var modes: [UInt8] {
        var attributes = termios()
        tcgetattr(slave, &attributes)
        return withUnsafeBytes(of: &attributes) { [UInt8]($0) }
    }

    var isRaw: Bool {
        var attributes = termios()
        tcgetattr(slave, &attributes)
        return attributes.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0
    }

    /// Everything the program has written so far.
    var text: String {
        var polled = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLIN) != 0 {
            guard let chunk = readChunk(master) else { break }
            seen += chunk
        }
        return String(decoding: seen, as: UTF8.self)
    }

    /// The lines of the newest complete screen: a program begins each at the top left and ends it by clearing
    /// what is below.
    var screen: [String] {
        let parts = text.split(separator: "\u{1B}[H", omittingEmptySubsequences: false).dropFirst()
        guard let last = parts.last(where: { $0.contains("\u{1B}[J") }) else { return [] }
        let end = last.firstRange(of: "\u{1B}[J")?.lowerBound ?? last.endIndex
        // Without the sequences: ESC, bracket, parameters, one letter.
        var plain = ""
        var isSequence = false
        for character in last[..<end] {
            if character == "\u{1B}" {
                isSequence = true
            } else if !isSequence {
                plain.append(character)
            } else if character.isLetter {
                isSequence = false
            }
        }
        return plain.split(separator: "\r\n", omittingEmptySubsequences: false).map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return String(line)
        }
    }
}
