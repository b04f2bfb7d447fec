import CSystem
import KeeperShared

/// One writer's connection, what of it is not in the child's stdin yet, and how its socket is read.
final class InputConnection {
    let token: UInt64
    private(set) var socket: FileDescriptor
    /// Taken from the socket and not delivered, from the start of a line on.
    var buffer = PageBuffer()
    /// How much of ``buffer`` is complete lines.
    var completeCount = 0
    /// How much of the complete lines is in stdin already: part of the first.
    var sentCount = 0
    /// The last byte in ``buffer`` is still in the socket too: it is taken when all before it is delivered.
    var holdsLastByte = false
    /// What the connection fails with once its complete lines are delivered.
    var failure: InputError?
    /// The writer half-closed or is gone.
    var peerHasEnded = false
    var isQueued = false
    /// Something has happened since it was last seen to have lines left.
    var mayBeThrough = true
    var isWatched = false
    /// Not lines, but bytes for a terminal, delivered as they come.
    var isStream = false
    var delivered = 0
    /// For a line of the keeper's own: what follows once it is delivered or can't be.
    var completion: LineCompletion?
    /// What the router has counted of this connection's partial line.
    var countedPending = 0
    /// Bytes that may still be taken: what had come when stdin was asked to close after it.
    var allowance = Int.max
    /// When it last made progress, for choosing who has stalled longest.
    var lastProgress: Int64 = 0

    init(token: UInt64, socket: consuming FileDescriptor) {
        self.token = token
        self.socket = socket
    }

    var isClosed: Bool { socket.raw < 0 }

    /// Closes the socket now, whatever else refers to this connection. After delivery that is the writer's receipt.
    func closeSocket() { socket = FileDescriptor(owning: -1) }

    // MARK: Reading

    /// What one turn of reading has brought.
    enum Intake {
        /// Complete lines are in ``buffer``, or ``failure`` is set.
        case lines
        /// Nothing to do until the writer does something.
        case idle
        /// Everything is delivered and the writer half-closed: the receipt is due.
        case finished
        /// The writer left in the middle of a line; its bytes are not forwarded.
        case abandoned(bytes: Int)
        /// More may be there; ask again.
        case more
    }

    /// Takes what the socket has, all but the last byte, and peeks at that one.
    ///
    /// A keeper that dies leaves the byte unread, and the kernel makes a reset of that: the writer can't
    /// mistake it for a receipt. Called only while nothing complete is waiting in ``buffer``.
    func takeIn(maximumLine: Int) throws(SystemError) -> Intake {
        if allowance == 0 { return .idle }
        if isStream { return try takeStream() }
        let available = min(socket.receivable(), allowance)
        if available == 0 { return try takeEnd() }
        if available > 1 {
            let space = try buffer.room(for: min(available - 1, PageBuffer.standardCapacity))
            let part = UnsafeMutableRawBufferPointer(rebasing: space[..<min(available - 1, space.count)])
            guard let count = try socket.receive(into: part), count > 0 else { return try takeEnd() }
            let before = buffer.count
            buffer.grow(by: count)
            spend(count)
            findLines(from: before, maximumLine: maximumLine)
            if completeCount > 0 || failure != nil { return .lines }
            if count < available - 1 { return .more }
        }
        return try holdLastByte(maximumLine: maximumLine)
    }

    private func takeStream() throws(SystemError) -> Intake {
        let space = try buffer.room(for: PageBuffer.standardCapacity)
        let count: Int?
        do throws(SystemError) {
            count = try socket.receive(
                into: UnsafeMutableRawBufferPointer(rebasing: space[..<min(space.count, allowance)]))
        } catch {
            // The client is gone.
            if error.code == ECONNRESET { return .finished }
            throw error
        }
        guard let count else { return .idle }
        if count == 0 { return .finished }
        buffer.grow(by: count)
        spend(count)
        completeCount = buffer.count
        return .lines
    }

    /// Whether everything is delivered and the writer has half-closed.
    var isThrough: Bool {
        guard buffer.isEmpty, socket.receivable() == 0 else { return false }
        // What can't be read now fails in a turn of its own.
        if case .finished = try? takeEnd() { return true }
        return false
    }

    private func takeEnd() throws(SystemError) -> Intake {
        var byte: UInt8 = 0
        switch try receive(&byte, peek: true) {
        case .none: return .idle
        case .some(0): return .finished
        case .some: return .more
        }
    }

    private func holdLastByte(maximumLine: Int) throws(SystemError) -> Intake {
        var byte: UInt8 = 0
        // An out-of-band byte counts as available, but can't be read here.
        guard let count = try receive(&byte, peek: true) else { return .idle }
        if count == 0 { return buffer.isEmpty ? .finished : .abandoned(bytes: buffer.count) }
        let newline = UInt8(ascii: "\n")
        if byte != newline {
            if buffer.count >= maximumLine {
                failure = .tooLong(limit: maximumLine)
                return .lines
            }
            guard peerHasEnded else { return .idle }
            // Only this byte is left, as nothing comes after a half-close; but it may have come just now.
            if socket.receivable() > 1 { return allowance > 1 ? .more : .idle }
            if socket.peerHasGone() { return .abandoned(bytes: buffer.count + 1) }
            try append(byte)
        }
        try append(newline)
        holdsLastByte = true
        completeCount = buffer.count
        return .lines
    }

    /// Takes the held byte out of the socket, once all before it is delivered.
    func releaseLastByte() throws(SystemError) {
        holdsLastByte = false
        var byte: UInt8 = 0
        _ = try receive(&byte, peek: false)
        spend(1)
    }

    private func spend(_ count: Int) {
        if allowance != Int.max { allowance -= count }
    }

    /// - Returns: 1; 0 when there will be no more, nil when there is none now.
    private func receive(_ byte: inout UInt8, peek: Bool) throws(SystemError) -> Int? {
        do throws(SystemError) {
            return try withUnsafeMutableBytes(of: &byte) { space throws(SystemError) in
                try socket.receive(into: space, peek: peek)
            }
        } catch {
            // A writer that is gone with an error has nothing more to say.
            if error.code == ECONNRESET { return 0 }
            throw error
        }
    }
}
