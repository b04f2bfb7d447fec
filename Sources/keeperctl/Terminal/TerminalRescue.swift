import CSystem
import KeeperShared

/// A process that puts the terminal back when this one is killed before it can do so itself.
///
/// It waits for the end of a pipe that only this process holds, in a session of its own, so that what is meant for
/// this process and its group doesn't reach it.
struct TerminalRescue: ~Copyable {
    /// A page that both processes see: how many bytes to write to the terminal, or ``isDone``, and the bytes.
    private let page: UnsafeMutableRawPointer
    private let line: FileDescriptor
    private static let size = 4096
    private static let isDone = -1

    /// nil where the system has no room for another process: the terminal is then as safe as without.
    init?(of terminal: borrowing FileDescriptor, _ saved: termios) {
        guard let pipe = try? makePipe() else { return nil }
        let page = mmap(
            nil, TerminalRescue.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        guard let page, page != UnsafeMutableRawPointer(bitPattern: -1) else { return nil }
        let process = csys_fork()
        if process == 0 { TerminalRescue.wait(pipe.reading.raw, terminal.raw, saved, page) }
        if process < 0 {
            munmap(page, TerminalRescue.size)
            return nil
        }
        self.page = page
        line = pipe.takeWriting()
    }

    /// The terminal is as it was: nothing is left to do.
    deinit {
        page.storeBytes(of: TerminalRescue.isDone, as: Int.self)
        munmap(page, TerminalRescue.size)
    }

    /// What is to be written to the terminal, should it come to that.
    borrowing func note(_ undo: [UInt8]) {
        let count = min(undo.count, TerminalRescue.size - 8)
        for index in 0..<count { page.storeBytes(of: undo[index], toByteOffset: 8 + index, as: UInt8.self) }
        page.storeBytes(of: count, as: Int.self)
    }

    /// All that the other process does.
    private static func wait(
        _ line: Int32, _ terminal: Int32, _ saved: termios, _ page: UnsafeMutableRawPointer
    ) -> Never {
        var all = sigset_t()
        sigfillset(&all)
        sigprocmask(SIG_BLOCK, &all, nil)
        setsid()
        chdir("/")
        // The lower number last, as it may be the other's place.
        let high = csys_fcntl(terminal, F_DUPFD, 3)
        dup2(line, 0)
        dup2(high, 1)
        _ = csys_close_range(2, UInt32.max)
        var byte: UInt8 = 0
        while CSystem.read(0, &byte, 1) < 0, csys_errno() == EINTR {}
        let count = page.load(as: Int.self)
        var now = termios()
        // A shell that is back before us has modes of its own by now.
        let raw = tcflag_t(ICANON | ECHO | ISIG)
        if count >= 0, tcgetattr(1, &now) == 0, now.c_lflag & raw == 0 {
            var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
            poll(&entry, 1, 300)
            // CAN ends an escape sequence of which the terminal has only a part.
            page.storeBytes(of: 0x18, toByteOffset: 7, as: UInt8.self)
            _ = CSystem.write(1, page + 7, count + 1)
            var attributes = saved
            tcsetattr(1, TCSANOW, &attributes)
        }
        _exit(0)
    }
}
