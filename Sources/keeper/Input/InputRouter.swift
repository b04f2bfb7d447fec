import CSystem
import KeeperShared

/// Brings the lines of all writers into the child's stdin, one whole line after the other.
///
/// Connections wait in a queue and get a turn each; the one at its head may have a line half in the pipe
/// and keeps its place until that line is through. While stdin is full nothing is read from anybody.
final class InputRouter {
    enum Target {
        /// The pipe takes bytes.
        case open
        /// The pipe is full and watched.
        case full
        /// There is no child just now, or it is paused; writers wait.
        case away
        /// No line will be delivered any more.
        case closed(StaticString)
    }

    let poller: Poller
    let maximumLine: Int
    private let maximumPending: Int
    /// Told about what writers should know of later. A cycle, for as long as the process.
    var session: Session?

    /// Set when a terminal takes the pipe's place: ``stdin`` is its master then.
    var terminal: TerminalEnd?
    /// The child's end of its terminal, held as long as it runs: one that closes its own may open it again, and its
    /// last moments are no hang-up.
    var peer: FileDescriptor?
    var target = Target.away
    var stdin: FileDescriptor?
    var connections: [UInt64: InputConnection] = [:]
    var queue: [InputConnection] = []
    var nextSerial: UInt64 = 0
    private var pendingCount = 0
    private var spare: PageBuffer?
    /// Answered once what was queued is through and stdin is closed.
    var closeReplies: [Reply] = []
    var isClosing = false
    /// Stdin was closed because somebody asked for it.
    var wasClosedByRequest = false
    /// The other end of a pipe whose writing end was closed before the child ended: it tells what was never read.
    var closedPipe: FileDescriptor?
    var isHeld = false
    var fullWrites = 0

    init(poller: Poller, maximumLine: Int, maximumPending: Int) {
        self.poller = poller
        self.maximumLine = maximumLine
        self.maximumPending = maximumPending
    }

    var count: Int { connections.count }

    private var isAway: Bool {
        if case .away = target { true } else { false }
    }

    /// Whether ``process()`` has something to do.
    var hasWork: Bool {
        switch target {
        case .open, .closed: !queue.isEmpty || isClosing
        case .full, .away: false
        }
    }

    /// Whether nobody's lines go anywhere just now.
    private var isBlocked: Bool {
        switch target {
        case .full, .away: true
        case .open, .closed: false
        }
    }

    // MARK: Lines

    /// Puts a line of the keeper's own, without its end, behind what is queued.
    ///
    /// - Parameters:
    ///   - isFirst: before what is queued; only for a child that has got nothing yet.
    ///   - completion: what follows once it is delivered or can't be.
    func send(
        _ line: [UInt8], isFirst: Bool = false, then completion: LineCompletion?
    ) throws(SystemError) {
        nextSerial += 1
        // To the loop it is a writer that has said all it had to say, and gone.
        let connection = InputConnection(token: Token.input(nextSerial), socket: try endedSocket())
        let space = try connection.buffer.room(for: line.count + 1)
        for (index, byte) in line.enumerated() { space[index] = byte }
        space[line.count] = UInt8(ascii: "\n")
        connection.buffer.grow(by: line.count + 1)
        connection.completeCount = line.count + 1
        connection.completion = completion
        connections[connection.token] = connection
        enqueue(connection)
        if isFirst { queue.insert(queue.removeLast(), at: 0) }
    }

    /// Closes stdin at once; lines that are not through are refused from now on.
    func closeNow(_ why: StaticString) {
        if case .full = target, stdin != nil { unwatchStdin() }
        if isClosing {
            wasClosedByRequest = true
            keepReadingEnd()
        }
        closeStdin()
        target = .closed(why)
        isClosing = false
        for connection in connections.values {
            connection.allowance = Int.max
            enqueue(connection)
        }
        notifyClosed()
    }

    /// Closes stdin when every line that has come by now is through.
    func closeWhenThrough(_ reply: Reply) {
        closeReplies.append(reply)
        if case .closed = target {
            wasClosedByRequest = true
            return notifyClosed()
        }
        // A second request closes behind what the first one does.
        if isClosing { return }
        isClosing = true
        // A writer that never stops must not keep stdin open.
        for connection in connections.values {
            connection.allowance = connection.socket.receivable()
            enqueue(connection)
        }
    }

    func notifyClosed() {
        let waiting = closeReplies
        closeReplies = []
        for reply in waiting { session?.control.answer(reply) { $0.value(.object([])) } }
    }

    // MARK: The writers' side

    /// Takes a new connection and gives it its first turn.
    ///
    /// - Parameter stream: the first bytes of one that carries no lines, but what is typed at a terminal.
    func accept(_ socket: consuming FileDescriptor, stream: ArraySlice<UInt8>? = nil) {
        nextSerial += 1
        let connection = InputConnection(token: Token.input(nextSerial), socket: socket)
        if let stream { connection.becomeStream(stream) }
        if isClosing { connection.allowance = 0 }
        connection.lastProgress = Int64(nextSerial)
        connections[connection.token] = connection
        enqueue(connection)
    }

    /// Something happened on a connection.
    func isReady(_ token: UInt64, _ readiness: Readiness) {
        guard let connection = connections[token] else { return }
        if !readiness.isDisjoint(with: [.peerHalfClosed, .hangUp, .error]) { connection.peerHasEnded = true }
        enqueue(connection)
    }

    func enqueue(_ connection: InputConnection) {
        connection.mayBeThrough = true
        if connection.isQueued { return }
        connection.isQueued = true
        queue.append(connection)
    }

    /// Gives each connection in the queue one turn.
    func process() {
        var turns = queue.count
        while turns > 0, !queue.isEmpty {
            if isBlocked { return waitTogether() }
            turns -= 1
            let connection = queue[0]
            if connection.isClosed {
                queue.removeFirst()
                continue
            }
            let again: Bool
            do throws(SystemError) {
                again = try takeTurn(connection)
            } catch {
                fail(connection, .failed(error))
                again = false
            }
            // What is in the pipe in part keeps its place.
            if isBlocked { return waitTogether() }
            queue.removeFirst()
            connection.isQueued = false
            if connection.isClosed { continue }
            watch(connection)
            if again { enqueue(connection) }
        }
        if isClosing, queue.isEmpty, !isAway { finishClosing() }
    }

    /// Nobody's lines go anywhere: who has none left gets the receipt all the same.
    ///
    /// New connections are watched only now that they turn out not to be done in their first turn.
    private func waitTogether() {
        var someAreThrough = false
        for connection in queue where connection.mayBeThrough {
            watch(connection)
            connection.mayBeThrough = false
            if connection.isClosed || !connection.isThrough { continue }
            close(connection)
            someAreThrough = true
        }
        if someAreThrough { queue.removeAll { $0.isClosed } }
    }

    func watch(_ connection: InputConnection) {
        do throws(SystemError) { try watchOrThrow(connection) } catch { fail(connection, .failed(error)) }
    }

    func watchOrThrow(_ connection: InputConnection) throws(SystemError) {
        if connection.isWatched || connection.isClosed { return }
        try poller.add(connection.socket, [.input, .peerHalfClosed, .edge], token: connection.token)
        connection.isWatched = true
    }

    /// One batch of one connection.
    ///
    /// - Returns: whether it wants another turn.
    private func takeTurn(_ connection: InputConnection) throws(SystemError) -> Bool {
        if connection.completeCount > 0 { return try deliver(connection) }
        if let failure = connection.failure {
            fail(connection, failure)
            return false
        }
        if connection.buffer.isEmpty { lendSpare(to: connection) }
        let before = connection.buffer.count
        let intake = try connection.takeIn(maximumLine: maximumLine)
        if connection.buffer.count != before {
            nextSerial += 1
            connection.lastProgress = Int64(nextSerial)
        }
        countPending(connection)
        switch intake {
        case .lines:
            return connection.completeCount > 0 ? try deliver(connection) : true
        case .more:
            boundPending()
            return !connection.isClosed
        case .idle:
            boundPending()
            if connection.buffer.isEmpty { takeSpare(from: connection) }
            return false
        case .finished:
            close(connection)
            return false
        case .abandoned(let bytes):
            session?.inputWasDropped(bytes)
            close(connection)
            return false
        }
    }

    /// Writes complete lines into the pipe.
    private func deliver(_ connection: InputConnection) throws(SystemError) -> Bool {
        if case .closed(let why) = target {
            fail(connection, .childAway(why))
            return false
        }
        while connection.completeCount > 0 {
            let end = admissibleCount(connection)
            if end == 0 {
                fail(connection, .tooLongForTerminal)
                return false
            }
            let lines = connection.buffer.bytes[connection.sentCount..<end]
            let count = writeToStdin(UnsafeRawBufferPointer(rebasing: lines))
            guard let count else { return true }
            if count == 0 {
                fail(connection, .childAway("the child closed its stdin"))
                return false
            }
            connection.advance(by: count)
            session?.inputWasDelivered()
        }
        if connection.completion != nil {
            // At once: the answer may come before another turn does.
            close(connection)
            return false
        }
        if connection.holdsLastByte { try connection.releaseLastByte() }
        if connection.buffer.isEmpty { takeSpare(from: connection) }
        return true
    }

    /// Sheds the connection that has stalled longest while partial lines take up more than they may.
    private func boundPending() {
        while pendingCount > maximumPending {
            var victim: InputConnection?
            for connection in connections.values where connection.partialCount > 0 {
                if victim == nil || connection.lastProgress < victim!.lastProgress { victim = connection }
            }
            guard let victim else { return }
            fail(victim, .busy)
        }
    }

    private func fail(_ connection: InputConnection, _ error: InputError) {
        if connection.isClosed { return }
        session?.log.line("refused input after \(connection.delivered) lines: \(error.message)")
        refuse(connection, error)
    }

    private func refuse(_ connection: InputConnection, _ error: InputError) {
        if let completion = connection.completion {
            connection.completion = nil
            session?.complete(completion, error)
        } else {
            connection.send(error)
        }
        close(connection)
    }

    /// Keeps the sum of all partial lines.
    func countPending(_ connection: InputConnection) {
        pendingCount += connection.partialCount - connection.countedPending
        connection.countedPending = connection.partialCount
    }

    private func close(_ connection: InputConnection) {
        if let completion = connection.completion {
            connection.completion = nil
            session?.complete(completion, nil)
        }
        connection.buffer.removeFirst(connection.buffer.count)
        connection.completeCount = 0
        connection.failure = nil
        countPending(connection)
        takeSpare(from: connection)
        connection.isClosed = true
        if connection.isWatched { poller.remove(connection.socket) }
        connections[connection.token] = nil
    }

    /// Tells everybody who still waits that the session is over.
    func end(_ why: StaticString) {
        closeNow(why)
        for connection in Array(connections.values) {
            // One that is through, and said so, gets its receipt.
            if connection.isThrough { close(connection) } else { refuse(connection, .childAway(why)) }
        }
        queue = []
    }

    // MARK: Memory

    private func lendSpare(to connection: InputConnection) {
        if let buffer = spare.take() { connection.buffer = buffer }
    }

    private func takeSpare(from connection: InputConnection) {
        var buffer = PageBuffer()
        swap(&buffer, &connection.buffer)
        if spare == nil, buffer.isStandard { spare = consume buffer }
    }

    /// Gives back what the last burst needed.
    func releaseMemory() {
        spare?.discard()
        if queue.isEmpty { queue = [] }
    }
}
