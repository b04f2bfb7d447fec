import CSystem
import KeeperShared

/// How a turn can go wrong, besides what all commands know.
enum TurnExit {
    static let echoTimeout: Int32 = 7
    static let silenceTimeout: Int32 = 8
    static let agentError: Int32 = 9
    static let ended: Int32 = 10

    /// The names that programs are given, by number.
    static let codes: [StaticString] = [
        "", "failed", "failed", "noSession", "timedOut", "busy", "unknown", "echoTimeout", "silenceTimeout",
        "agentError", "ended",
    ]
}

/// One turn: the right to it, what it says, and its end.
final class AgentTurn {
    let exchange: Exchange
    let output: TurnOutput
    private(set) var record = TurnRecord(child: 0)
    private let lock: TurnLock
    private let echoTimeout: Int64
    private let silenceTimeout: Int64

    /// When the message was sent, and when anything came after it first; both on the monotonic clock, or 0.
    private var sentAt: Int64 = 0
    private var firstOutputAt: Int64 = 0
    /// When something was sent or came last, and whether anything came since something was sent.
    private var activeAt: Int64 = 0
    private var hasEcho = false
    private var isFinished = false
    /// The conversation that the label names by now, as JSON; the status may tell it later.
    private var keptNow: [UInt8] = []
    /// What the agent says is wrong, and when it said so.
    private var problem: String?
    private var failedAt: Int64 = 0

    /// How long an agent that reports an error has to end its turn, in ns.
    private static let patience: Int64 = .seconds(1)
    private static let tailSize = 8 << 10

    /// - Parameter waits: whether to wait while somebody else has a turn.
    init(
        _ exchange: Exchange, _ output: TurnOutput, echoTimeout: Int64, silenceTimeout: Int64, waits: Bool
    ) throws(CommandFailure) {
        self.exchange = exchange
        self.output = output
        self.echoTimeout = echoTimeout
        self.silenceTimeout = silenceTimeout
        let lock: TurnLock?
        do throws(SystemError) {
            lock = try TurnLock.take(in: exchange.watch.folder, waiting: waits)
        } catch {
            throw CommandFailure(exchange.what, error)
        }
        guard let lock else {
            throw exchange.failure(
                ExitStatus.conflict, ": busy: somebody else has a turn; --wait waits for its end")
        }
        self.lock = lock
    }

    func run(_ language: TurnProtocol) throws(CommandFailure) {
        while !(try hasAttention(language)) {}
        try exchange.listen()
        try language.start(self)
        while true {
            let prompt = try takeLines(language)
            output.flush()
            if isFinished { break }
            if exchange.isOver {
                if problem != nil { throw agentFailure("") }
                throw exchange.endFailure(TurnExit.ended)
            }
            let now = monotonicNow()
            if let prompt, prompt <= now { break }
            let end = end
            if end <= now {
                if problem != nil { break }
                throw exchange.failure(
                    hasEcho ? TurnExit.silenceTimeout : TurnExit.echoTimeout,
                    hasEcho
                        ? ": no more output in time (--silence-timeout)"
                        : ": no output in time (--echo-timeout)")
            }
            try wait(until: end, prompt)
        }
        // Without an end, the agent may still be at it after the error.
        if problem == nil || isFinished { record.position = nil } else { record.hasFailed = true }
        record.model = output.figure(.model)
        lock.write(record)
        output.result(
            isError: problem != nil, duration: monotonicNow() - sentAt,
            firstOutput: firstOutputAt == 0 ? -1 : firstOutputAt - sentAt)
        output.flush()
        if problem != nil { throw agentFailure("") }
    }

    /// - Returns: when the turn is over if nothing else comes; nil when more must come.
    private func takeLines(_ language: TurnProtocol) throws(CommandFailure) -> Int64? {
        guard let lines = exchange.lines else { return nil }
        var position = lines.position
        while !isFinished {
            let line = try exchange.next()
            if position != lines.position {
                position = lines.position
                activeAt = monotonicNow()
                hasEcho = true
                if firstOutputAt == 0, sentAt > 0 { firstOutputAt = activeAt }
            }
            guard let line else { return language.unfinished(lines, self) }
            try language.take(line, self)
        }
        return nil
    }

    /// When waiting is over.
    private var end: Int64 {
        let end = activeAt + (hasEcho ? silenceTimeout : echoTimeout)
        return problem == nil ? end : min(end, failedAt + AgentTurn.patience)
    }

    private func wait(until end: Int64, _ prompt: Int64?) throws(CommandFailure) {
        exchange.set.clear()
        if let prompt { exchange.set.limit(deadline: prompt) }
        try exchange.wait(until: end)
    }

    // MARK: For the protocols

    /// Sends lines.
    func send(_ bytes: [UInt8]) throws(CommandFailure) {
        hasEcho = false
        activeAt = monotonicNow()
        try exchange.send(bytes, deadline: activeAt + echoTimeout)
    }

    /// Sends the message itself, and records it for the next caller in case this one is killed.
    func begin(_ bytes: [UInt8]) throws(CommandFailure) {
        record.position = exchange.lines?.position
        lock.write(record)
        sentAt = monotonicNow()
        try send(bytes)
    }

    /// The agent says that something went wrong. It has a moment to come to an end.
    func fail(_ text: String) {
        if problem == nil { failedAt = monotonicNow() }
        problem = text
    }

    /// The failure that the agent told of.
    func agentFailure(_ hint: String) -> CommandFailure {
        CommandFailure(
            TurnExit.agentError, concat(exchange.what, ": the agent reports an error: ", problem ?? "", hint))
    }

    /// The turn has come to its end.
    func finish() { isFinished = true }

    /// The conversation that the session's label names, as JSON; empty without one.
    var keptConversation: [UInt8] {
        var json = JSONWriter()
        for label in exchange.status?.labels ?? []
        where equalUTF8(label.name, "conversation") && !label.value.isEmpty {
            json.string(label.value)
        }
        return json.bytes
    }

    /// Keeps the conversation's id as a label of the session.
    func keepConversation() {
        let id = output.figure(.conversation)
        if id.count <= 2 || id == keptNow || id == keptConversation { return }
        keptNow = id
        var json = JSONWriter()
        json.part("{\"conversation\":")
        json.raw(id)
        json.part("}")
        do throws(ControlFailure) {
            let client = try ControlClient(
                exchange.names.id, in: exchange.directory.descriptor, "label", parameters: json.bytes)
            _ = try client.result(deadline: monotonicNow() + .seconds(2))
        } catch {
            // The turn is worth more than its label.
            let reason = error.commandFailure(exchange.names.id).text
            printError(concat("the label 'conversation' can't be set: ", reason))
        }
    }

    // MARK: What others have left

    /// Waits until there is a child that has answered the message of a caller that was killed: that answer is
    /// not ours.
    ///
    /// - Returns: false when all has changed meanwhile.
    private func hasAttention(_ language: TurnProtocol) throws(CommandFailure) -> Bool {
        // Perhaps long after the last look.
        try exchange.refresh()
        try exchange.listen()
        activeAt = monotonicNow()
        while exchange.child == nil {
            if exchange.isOver { throw .sessionOver(exchange.names.id) }
            if end <= monotonicNow() {
                throw exchange.failure(
                    TurnExit.echoTimeout,
                    ": the child is away, and not started again in time (--echo-timeout)")
            }
            try wait(until: end, nil)
        }
        record = lock.read(child: Int(truncatingIfNeeded: exchange.child?.startTime ?? 0))
        guard let position = record.position else { return true }
        try exchange.listen(from: position)
        guard let lines = exchange.lines else { return true }
        // The last sign of that turn, on the monotonic clock. Without the file's time the record's own counts.
        let written = try? exchange.watch.folder.metadata(of: StreamName.stdout.linkName)
        let sign = max(lock.writtenAt, written.flatMap { $0 }?.modifiedTime ?? 0)
        activeAt = monotonicNow() - max(0, Timestamp.now().nanoseconds - sign)
        let patience = record.hasFailed ? min(echoTimeout, silenceTimeout) : silenceTimeout
        var known = -1
        while true {
            while let line = try exchange.next() {
                if language.endsTurn(line) { return true }
            }
            let prompt = language.unfinished(lines, nil)
            if exchange.isOver { return false }
            let now = monotonicNow()
            // What was there already came when it came.
            if known >= 0, known != lines.position { activeAt = now }
            if prompt ?? Int64.max <= now || activeAt + patience <= now { return true }
            if known < 0 {
                printError(concat(exchange.what, ": first, the agent ends a turn of somebody who has gone"))
            }
            known = lines.position
            try wait(until: activeAt + patience, prompt)
        }
    }

    /// The end of what the child wrote to stderr.
    func lastOfStandardError() -> [UInt8] {
        lastBytes(of: .stderr, AgentTurn.tailSize, in: exchange.watch.folder)
    }
}
