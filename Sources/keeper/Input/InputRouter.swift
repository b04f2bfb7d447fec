import KeeperShared

/// Brings the lines of all writers into the child's stdin, one whole line after the other.
///
/// Connections wait in a queue and get a turn each; the one at its head may have a line half in the pipe
/// and keeps its place until that line is through. While stdin is full nothing is read from any writer.
///
/// The way of a line: accepted and queued here, read in `InputConnection`, split in `InputLines`, written in
/// `InputDelivery` through `ChildStdin`, confirmed or refused in `InputReceipt`. Closing stdin is in `InputClosing`.
final class InputRouter {
    enum Target {
        /// Stdin takes bytes.
        case open
        /// Stdin is full and watched.
        case full
        /// There is no child just now, or it is paused; writers wait.
        case away
        /// No line will be delivered any more.
        case closed(StaticString)
    }

    let poller: Poller
    let maximumLine: Int
    private let maximumPending: Int
    /// Takes what the session has to know.
    var report: (InputReport) -> Void = { _ in }
    /// Where another keeper may follow this one.
    var lineGuard: LineGuard?

    var stdin = ChildStdin()
    var target = Target.away
    /// The child is paused.
    var isHeld = false
    var connections: [UInt64: InputConnection] = [:]
    var queue: [InputConnection] = []
    var nextSerial: UInt64 = 0
    private var pendingCount = 0
    private var spare: PageBuffer?

    /// Answered once what was queued is through and stdin is closed.
    var closeReplies: [Reply] = []
    var isClosing = false
    /// Stdin was closed by request.
    var wasClosedByRequest = false

    init(poller: Poller, maximumLine: Int, maximumPending: Int) {
        self.poller = poller
        self.maximumLine = maximumLine
        self.maximumPending = maximumPending
    }

    var count: Int { connections.count }

    /// Whether ``process()`` has something to do.
    var hasWork: Bool { !isBlocked && (!queue.isEmpty || isClosing) }

    private var isAway: Bool {
        if case .away = target { true } else { false }
    }

    /// Whether no line can be delivered just now.
    private var isBlocked: Bool {
        switch target {
        case .full, .away: true
        case .open, .closed: false
        }
    }

    // MARK: Accepting

    /// Takes a new connection and gives it its first turn.
    ///
    /// - Parameter stream: the first bytes of one that carries no lines, but what is typed at a terminal.
    func accept(_ socket: consuming FileDescriptor, stream: [UInt8]? = nil) {
        let connection = makeConnection(socket)
        connection.lastProgress = Int64(nextSerial)
        if isClosing { connection.allowance = 0 }
        enqueue(connection)
        guard let stream else { return }
        do throws(SystemError) {
            try connection.becomeStream(stream)
        } catch {
            fail(connection, .failed(error))
        }
    }

    /// Queues a line of the keeper's own, without its end.
    ///
    /// - Parameters:
    ///   - isFirst: before what is queued; only for a child that has got nothing yet.
    ///   - completion: what follows once it is delivered or can't be.
    func send(
        _ line: [UInt8], isFirst: Bool = false, then completion: LineCompletion?
    ) throws(SystemError) {
        // To the loop it is a writer that has said all it had to say, and gone.
        let connection = makeConnection(try endedSocket())
        do throws(SystemError) {
            try connection.becomeLine(line, then: completion)
        } catch {
            connections[connection.token] = nil
            throw error
        }
        enqueue(connection)
        if isFirst { queue.insert(queue.removeLast(), at: 0) }
    }

    private func makeConnection(_ socket: consuming FileDescriptor) -> InputConnection {
        nextSerial += 1
        let connection = InputConnection(token: Token.input(nextSerial), socket: socket)
        connections[connection.token] = connection
        return connection
    }

    func isReady(_ token: UInt64, _ readiness: Readiness) {
        guard let connection = connections[token] else { return }
        if !readiness.isDisjoint(with: [.peerHalfClosed, .hangUp, .error]) { connection.peerHasEnded = true }
        enqueue(connection)
    }

    // MARK: The queue

    func enqueue(_ connection: InputConnection) {
        connection.mayBeThrough = true
        if connection.isQueued { return }
        connection.isQueued = true
        queue.append(connection)
    }

    func process() {
        var turns = queue.count
        while turns > 0, !queue.isEmpty {
            if isBlocked { return closeFinished() }
            turns -= 1
            let connection = queue[0]
            if connection.isClosed {
                queue.removeFirst()
                continue
            }
            var wantsMore = false
            do throws(SystemError) {
                wantsMore = try takeTurn(connection)
            } catch {
                fail(connection, .failed(error))
            }
            // What is in stdin in part keeps its place.
            if isBlocked { return closeFinished() }
            queue.removeFirst()
            connection.isQueued = false
            if connection.isClosed { continue }
            watch(connection)
            if wantsMore { enqueue(connection) }
        }
        if isClosing, queue.isEmpty, !isAway { finishClosing() }
    }

    /// Stdin is blocked; writers with nothing left still get their receipt.
    ///
    /// New connections are watched only now that they turn out not to be done in their first turn.
    private func closeFinished() {
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

    private func watch(_ connection: InputConnection) {
        do throws(SystemError) { try watchOrThrow(connection) } catch { fail(connection, .failed(error)) }
    }

    func watchOrThrow(_ connection: InputConnection) throws(SystemError) {
        if connection.isWatched || connection.isClosed { return }
        try poller.add(connection.socket, [.input, .peerHalfClosed, .edge], token: connection.token)
        connection.isWatched = true
    }

    /// One batch of one connection: delivers its complete lines, or reads.
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
            report(.dropped(bytes: bytes))
            close(connection)
            return false
        }
    }

    // MARK: Memory

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

    /// Keeps the sum of all partial lines.
    func countPending(_ connection: InputConnection) {
        pendingCount += connection.partialCount - connection.countedPending
        connection.countedPending = connection.partialCount
    }

    private func lendSpare(to connection: InputConnection) {
        if let buffer = spare.take() { connection.buffer = buffer }
    }

    func takeSpare(from connection: InputConnection) {
        let buffer = exchange(&connection.buffer, with: PageBuffer())
        if spare == nil, buffer.isStandard { spare = consume buffer }
    }

    /// Gives back what the last burst needed.
    func releaseMemory() {
        spare?.discard()
        if queue.isEmpty { queue = [] }
    }
}
