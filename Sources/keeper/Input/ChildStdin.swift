import CSystem
import KeeperShared

enum ChildInput {
    case pipe
    case terminal(TerminalEnd)
}

/// The keeper's end of a child's stdin: the writing end of a pipe, or a terminal's master.
struct ChildStdin: ~Copyable {
    enum Written {
        /// So many bytes, at least one.
        case bytes(Int)
        /// It takes nothing just now.
        case full
        /// It takes nothing any more.
        case failed
    }

    /// Goes on from child to child.
    var kind = ChildInput.pipe
    private var descriptor: FileDescriptor?
    /// The child's end of its terminal, held as long as it runs: one that closes its own may open it again, and its
    /// last moments are no hang-up.
    var peer: FileDescriptor?
    /// The reading end of a pipe that was closed before the child ended: it tells what was never read.
    private var closedPipe: FileDescriptor?
    private var fullWrites = 0

    init() {}

    var isOpen: Bool { descriptor != nil }

    var raw: Int32 { descriptor.raw }

    /// The terminal's size, now or for the next child; nil for a pipe.
    var terminalSize: TerminalSize? {
        if case .terminal(let end) = kind { end.size } else { nil }
    }

    /// Goes on with a new child's.
    mutating func open(_ descriptor: consuming FileDescriptor) {
        self.descriptor = consume descriptor
        if case .terminal(var end) = kind {
            end.isMidLine = false
            kind = .terminal(end)
        }
    }

    /// Forgets what belonged to the child before.
    mutating func reset() {
        closedPipe = nil
        fullWrites = 0
    }

    mutating func close() { descriptor = nil }

    mutating func write(_ bytes: UnsafeRawBufferPointer) -> Written {
        let count: Int
        do throws(SystemError) {
            count = try descriptor.use { stdin throws(SystemError) in try stdin.write(bytes, "stdin") } ?? 0
        } catch {
            return error.code == EAGAIN ? .full : .failed
        }
        if count == 0 { return .failed }
        switch kind {
        case .pipe: if count < bytes.count { growPipe() }
        case .terminal(var end):
            end.wrote(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            kind = .terminal(end)
        }
        return .bytes(count)
    }

    /// How many of these lines can be written without one's being cut: as far as the first that is too long now.
    func admissibleCount(_ lines: UnsafeRawBufferPointer) -> Int {
        guard case .terminal(let end) = kind else { return lines.count }
        return descriptor.use { master in end.admissibleCount(lines, into: master) } ?? lines.count
    }

    /// What makes the child read an end of file; nil where there is no terminal that has a character for that.
    func endOfFile() -> [UInt8]? {
        guard case .terminal(let end) = kind else { return nil }
        return descriptor.use { master in end.endOfFile(into: master) } ?? nil
    }

    /// Gives the terminal another size, now and for the next child.
    mutating func resize(_ size: TerminalSize) throws(SystemError) {
        guard case .terminal(var end) = kind else { return }
        end.size = size
        kind = .terminal(end)
        try descriptor.use { master throws(SystemError) in try master.setWindowSize(size) }
    }

    /// A bulk writer gets a larger pipe; users have few of them, so only after many full writes, and no is an answer.
    private mutating func growPipe() {
        fullWrites += 1
        if fullWrites == 16 { descriptor.use { pipe in _ = pipe.setPipeSize(1 << 20) } }
    }

    // MARK: What the child never read

    /// Keeps what tells how much of the pipe was never read, once its writing end is closed.
    mutating func keepReadingEnd() {
        // The name of a terminal's master opens another terminal.
        guard case .pipe = kind, isOpen else { return }
        // Without it all counts as read.
        closedPipe = try? FileDescriptor.open("/proc/self/fd/\(raw)", O_RDONLY | O_NONBLOCK)
    }

    /// Bytes that the child that has ended left in the pipe.
    func unreadCount() -> Int { closedPipe.use { pipe in max(0, Int(csys_readable(pipe.raw))) } ?? 0 }

    // MARK: Waiting for room

    func watch(_ poller: Poller) throws(SystemError) {
        try descriptor.use { stdin throws(SystemError) in
            try poller.add(stdin, [.output], token: Token.stdin)
        }
    }

    func unwatch(_ poller: Poller) { descriptor.use { stdin in poller.remove(stdin) } }

    // MARK: Handover

    func save(into state: inout SavedState.Input, isCheckpoint: Bool) {
        state.stdin = raw
        state.closedPipe = closedPipe.raw
        if isCheckpoint { return }
        if case .terminal(let end) = kind {
            state.columns = end.size.columns
            state.rows = end.size.rows
            state.isMidLine = end.isMidLine
        }
        state.peer = peer.raw
    }

    init(restoring state: SavedState.Input) {
        descriptor = FileDescriptor(owningIfOpen: state.stdin)
        closedPipe = FileDescriptor(owningIfOpen: state.closedPipe)
        peer = FileDescriptor(owningIfOpen: state.peer)
        if let size = TerminalSize(columns: state.columns, rows: state.rows) {
            var end = TerminalEnd(size: size)
            end.isMidLine = state.isMidLine
            kind = .terminal(end)
        }
    }
}
