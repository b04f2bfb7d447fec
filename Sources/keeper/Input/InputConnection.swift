import CSystem
import KeeperShared

/// Why lines of a connection can't be delivered, as its writer is told.
enum InputError {
    case tooLong(limit: Int)
    case tooLongForTerminal
    case childAway(StaticString)
    case busy
    case failed(SystemError)

    /// Numbers 1 to 5 are those of the control socket.
    var code: Int {
        switch self {
        case .tooLong, .tooLongForTerminal: 2
        case .childAway: 3
        case .failed: 5
        case .busy: 6
        }
    }

    var message: String {
        switch self {
        case .tooLong(let limit): "too_long: the line has more than \(limit) bytes (--max-line)"
        case .tooLongForTerminal:
            "too_long: the terminal takes lines of at most \(TerminalEnd.longestLine) bytes as long as the "
                + "command reads whole lines, and would cut this one"
        case .childAway(let why): "child_away: \(why)"
        case .busy: "busy: unfinished lines take up all the room there is (--max-pending)"
        case .failed(let error): "failed: \(error.text)"
        }
    }
}

/// What follows when a line of the keeper's own is delivered, or can't be.
enum LineCompletion {
    /// The answer to it makes the child ready.
    case armMatch
    /// A request for it is answered; with a key, a later request of the same key is not delivered again.
    case reply(Reply, key: [UInt8]?)
}

/// One writer's connection, and what of it is not in the child's stdin yet.
final class InputConnection {
    let token: UInt64
    let socket: FileDescriptor
    /// Taken from the socket and not delivered, from the start of a line on.
    var buffer = PageBuffer()
    /// How much of ``buffer`` is complete lines.
    var completeCount = 0
    /// How much of the complete lines is in the pipe already: part of the first.
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
    var isClosed = false
    /// Not lines, but bytes for a terminal, delivered as they come.
    var isStream = false
    /// Lines delivered.
    var delivered = 0
    /// For a line of the keeper's own: what follows once it is delivered or can't be.
    var completion: LineCompletion?
    /// What the router has counted of this connection's partial line.
    var countedPending = 0
    /// Bytes that may still be taken: what had come when stdin was asked to close behind it.
    var allowance = Int.max
    /// When it last made progress, for choosing who has stalled longest.
    var lastProgress: Int64 = 0

    init(token: UInt64, socket: consuming FileDescriptor) {
        self.token = token
        self.socket = socket
    }

    /// Makes this a stream of bytes, of which the first are here already.
    func becomeStream(_ bytes: ArraySlice<UInt8>) {
        isStream = true
        if !bytes.isEmpty { bytes.withUnsafeBytes { try? buffer.append($0) } }
        completeCount = buffer.count
    }

    /// Bytes of a line that has not ended.
    var partialCount: Int { buffer.count - completeCount }

    /// One turn of reading.
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
            // Whoever typed is gone.
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
        if case .finished = try? takeEnd() { return true }
        return false
    }

    private func takeEnd() throws(SystemError) -> Intake {
        var byte: UInt8 = 0
        let count = try withByte(&byte, peek: true)
        switch count {
        case .none: return .idle
        case .some(0): return .finished
        case .some: return .more
        }
    }

    private func holdLastByte(maximumLine: Int) throws(SystemError) -> Intake {
        var byte: UInt8 = 0
        // An out-of-band byte counts as available, but can't be read here.
        guard let count = try withByte(&byte, peek: true) else { return .idle }
        if count == 0 { return buffer.isEmpty ? .finished : .abandoned(bytes: buffer.count) }
        let newline = UInt8(ascii: "\n")
        if byte != newline {
            if buffer.count >= maximumLine {
                failure = .tooLong(limit: maximumLine)
                return .lines
            }
            guard peerHasEnded else { return .idle }
            // Only this byte is left, as nothing comes behind a half-close; but it may have come just now.
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
        _ = try withByte(&byte, peek: false)
        spend(1)
    }

    private func spend(_ count: Int) {
        if allowance != Int.max { allowance -= count }
    }

    private func append(_ byte: UInt8) throws(SystemError) {
        try buffer.room(for: 1)[0] = byte
        buffer.grow(by: 1)
    }

    private func withByte(_ byte: inout UInt8, peek: Bool) throws(SystemError) -> Int? {
        var failure: SystemError?
        let count = withUnsafeMutableBytes(of: &byte) { space -> Int? in
            do throws(SystemError) {
                return try socket.receive(into: space, peek: peek)
            } catch {
                failure = error
                return nil
            }
        }
        // A writer that is gone with an error has nothing more to say.
        if let failure, failure.code != ECONNRESET { throw failure }
        return failure == nil ? count : 0
    }

    /// Marks the complete lines. A line that is too long fails the connection, after the lines before it.
    private func findLines(from offset: Int, maximumLine: Int) {
        let bytes = buffer.bytes
        let start = bytes.baseAddress!
        if let last = memrchr(start + offset, 10, bytes.count - offset) {
            completeCount = UnsafeRawPointer(last) - start + 1
        }
        if bytes.count <= maximumLine { return }
        var lineStart = 0
        while lineStart < bytes.count {
            let rest = bytes.count - lineStart
            let found = memchr(start + lineStart, 10, rest)
            let length = found.map { UnsafeRawPointer($0) - start - lineStart } ?? rest
            if length > maximumLine {
                completeCount = lineStart
                failure = .tooLong(limit: maximumLine)
                return
            }
            lineStart += length + 1
        }
    }

    /// Counts what a write took: whole lines leave the buffer, the one that is in the pipe in part stays.
    func advance(by count: Int) {
        if isStream {
            buffer.removeFirst(count)
            completeCount -= count
            return
        }
        sentCount += count
        let bytes = buffer.bytes
        guard sentCount > 0, let last = memrchr(bytes.baseAddress!, 10, sentCount) else { return }
        let whole = UnsafeRawPointer(last) - bytes.baseAddress! + 1
        delivered += countLineFeeds(UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
        buffer.removeFirst(whole)
        completeCount -= whole
        sentCount -= whole
    }

    /// Tells the writer why its lines are not delivered. One try: a writer that doesn't read gets none.
    func send(_ error: InputError) {
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.key("code")
        json.integer(error.code)
        json.key("message")
        json.string(error.message)
        json.key("delivered")
        json.integer(delivered)
        json.endObject()
        json.endObject()
        json.endLine()
        json.bytes.withUnsafeBytes { bytes in _ = try? socket.send(bytes) }
    }
}
