import CSystem
import KeeperShared

/// How a turn can go wrong, besides what all commands know.
enum TurnExit {
    static let echoTimeout: Int32 = 7
    static let silenceTimeout: Int32 = 8
    static let agentError: Int32 = 9
    static let ended: Int32 = 10

    /// The name that programs are given.
    static func code(_ status: Int32) -> StaticString {
        switch status {
        case ExitStatus.noSession: "noSession"
        case ExitStatus.timedOut: "timedOut"
        case ExitStatus.conflict: "busy"
        case ExitStatus.outcomeUnknown: "unknown"
        case echoTimeout: "echoTimeout"
        case silenceTimeout: "silenceTimeout"
        case agentError: "agentError"
        case ended: "ended"
        default: "failed"
        }
    }
}

/// `turn`: one turn of a conversation with an agent's command line.
func runTurn(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    var message = arguments.operands[1].bytes
    if message.count == 1, message[0] == UInt8(ascii: "-") { message = try standardInput() }
    let until = arguments.value("until")?.bytes
    let name = arguments.value("protocol")
    let isLines = name?.equals("lines") ?? false
    if isLines != (until != nil) || until?.contains(10) ?? false {
        throw CommandFailure(
            ExitStatus.badUsage, "--until TEXT, which is one line, goes with --protocol lines, and lines needs it")
    }
    let language: TurnProtocol
    if isLines {
        language = LinesProtocol(message, until: until ?? [])
    } else if name?.equals("codex") ?? false {
        language = CodexProtocol(message)
    } else {
        language = StreamJSONProtocol(message)
    }
    let output = TurnOutput(context.output, isJSON: arguments.flag("json"))
    var turn: Turn?
    do throws(CommandFailure) {
        let directory = try context.directory(of: id)
        let exchange = try Exchange(id, in: directory, "turn of")
        turn = try Turn(exchange, output, arguments)
        try turn?.run(language)
    } catch {
        let standardError = error.status >= ExitStatus.outcomeUnknown ? turn?.lastOfStandardError() ?? [] : []
        output.error(
            TurnExit.code(error.status), error.text, standardError: standardError, concat("turn of ", id.string))
        throw error
    }
    return ExitStatus.done
}

/// One turn: the right to it, what it says, and its end.
final class Turn {
    let exchange: Exchange
    let output: TurnOutput
    private(set) var record: TurnRecord
    private let lock: TurnLock
    private let child: String
    private let echoTimeout: Int64
    private let silenceTimeout: Int64

    /// When the message was sent, and when anything came after it first; both on the monotonic clock.
    private var sentAt: Int64 = 0
    private var firstOutputAt: Int64?
    /// When something was sent or came last, and whether anything came since something was sent.
    private var activeAt: Int64 = 0
    private var hasEcho = false
    private var isFinished = false
    /// What the agent says is wrong, and when it said so.
    private var failure: String?
    private var failedAt: Int64 = 0

    /// How long an agent that reports an error has to end its turn, in ns.
    private static let patience: Int64 = .seconds(1)
    private static let tailSize = 8 << 10

    init(_ exchange: Exchange, _ output: TurnOutput, _ arguments: ParsedArguments) throws(CommandFailure) {
        self.exchange = exchange
        self.output = output
        echoTimeout = arguments.duration("echo-timeout") ?? 0
        silenceTimeout = arguments.duration("silence-timeout") ?? 0
        do throws(SystemError) {
            guard let lock = try TurnLock.take(in: exchange.folder, waiting: arguments.flag("wait")) else {
                throw SystemError("lock", "", EBUSY)
            }
            self.lock = lock
        } catch {
            if error.code == EBUSY {
                throw CommandFailure(
                    ExitStatus.conflict,
                    concat(exchange.what, ": busy: somebody else has a turn; --wait waits for its end"))
            }
            if error.code == ENOENT { throw .sessionOver(exchange.names.id) }
            throw CommandFailure(exchange.what, error)
        }
        record = lock.read()
        // Perhaps long after the first look.
        try exchange.refresh()
        var child = ""
        if let identity = exchange.status?.child?.identity {
            child = concat(String(identity.pid), "-", String(identity.startTime))
        }
        self.child = child
        if !equalUTF8(record.child, child) { record = TurnRecord() }
        record.child = child
    }

    func run(_ language: TurnProtocol) throws(CommandFailure) {
        try passOver(language)
        try exchange.listen()
        try language.start(self)
        while true {
            try takeLines(language)
            if isFinished { break }
            let prompt = exchange.lines.flatMap { language.unfinished($0, self) }
            output.flush()
            if exchange.isOver {
                try throwFailure()
                throw exchange.endFailure(TurnExit.ended)
            }
            let now = monotonicNow()
            if let prompt, prompt <= now { break }
            let deadline = try self.deadline(now)
            exchange.set.clear()
            if let prompt { exchange.set.limit(deadline: prompt) }
            try exchange.wait(until: deadline)
        }
        record.position = nil
        record.model = output.figures.model
        lock.write(record)
        output.result(
            isError: failure != nil, duration: monotonicNow() - sentAt,
            firstOutput: firstOutputAt.map { $0 - sentAt })
        try throwFailure()
        output.flush()
    }

    private func takeLines(_ language: TurnProtocol) throws(CommandFailure) {
        guard let lines = exchange.lines else { return }
        var position = lines.position
        while !isFinished, let line = try exchange.next() {
            if position != lines.position { noteOutput() }
            position = lines.position
            try language.take(line, self)
        }
        if position != lines.position { noteOutput() }
    }

    private func noteOutput() {
        activeAt = monotonicNow()
        hasEcho = true
        if firstOutputAt == nil, sentAt > 0 { firstOutputAt = activeAt }
    }

    /// - Throws: if the time is over.
    private func deadline(_ now: Int64) throws(CommandFailure) -> Int64 {
        let end = activeAt + (hasEcho ? silenceTimeout : echoTimeout)
        if failure != nil {
            let end = min(end, failedAt + Turn.patience)
            if end > now { return end }
            // It is not coming to an end, but the turn is over all the same.
            record.position = nil
            lock.write(record)
            try throwFailure()
        }
        if end > now { return end }
        let seconds = String((now - activeAt) / 1_000_000_000)
        if hasEcho {
            throw CommandFailure(
                TurnExit.silenceTimeout, concat(exchange.what, ": no more output for ", seconds, " s"))
        }
        throw CommandFailure(
            TurnExit.echoTimeout, concat(exchange.what, ": no output at all for ", seconds, " s"))
    }

    private func throwFailure() throws(CommandFailure) {
        guard let failure else { return }
        throw CommandFailure(TurnExit.agentError, concat(exchange.what, ": the agent reports an error: ", failure))
    }

    // MARK: For the protocols

    /// Sends lines.
    func send(_ bytes: [UInt8]) throws(CommandFailure) {
        hasEcho = false
        activeAt = monotonicNow()
        try exchange.send(bytes, deadline: activeAt + echoTimeout)
    }

    /// Sends the message itself, and notes it for whoever comes if this is killed.
    func begin(_ bytes: [UInt8]) throws(CommandFailure) {
        record.position = exchange.lines?.position
        lock.write(record)
        sentAt = monotonicNow()
        try send(bytes)
    }

    /// The agent says that something went wrong.
    func fail(_ text: String) {
        if failure == nil { failedAt = monotonicNow() }
        failure = text
    }

    /// The turn has come to its end.
    func finish() { isFinished = true }

    /// The conversation that the session's label names, as JSON; empty without one.
    var keptConversation: [UInt8] {
        var json = JSONWriter()
        for label in exchange.status?.labels ?? [] where equalUTF8(label.name, "conversation") && !label.value.isEmpty {
            json.string(label.value)
        }
        return json.bytes
    }

    /// Keeps the conversation's id as a label of the session.
    func keepConversation() throws(CommandFailure) {
        let id = output.figures.conversation
        if id.count <= 2 || id == keptConversation { return }
        var json = JSONWriter()
        json.beginObject()
        json.key("conversation")
        json.raw(id)
        json.endObject()
        do throws(ControlFailure) {
            let client = try ControlClient(
                exchange.names.id, in: exchange.directory.descriptor, "label", parameters: json.bytes)
            _ = try client.result(deadline: monotonicNow() + .seconds(2))
        } catch {
            // The turn is worth more than its label.
            printError(
                concat("the label 'conversation' can't be set: ", error.commandFailure(exchange.names.id).text))
        }
    }

    // MARK: What others have left

    /// Waits until the agent has done with the message of somebody who was killed: its answer is not ours.
    private func passOver(_ language: TurnProtocol) throws(CommandFailure) {
        guard let position = record.position else { return }
        try exchange.listen(from: position)
        // The last sign of that turn, on the clock that goes on evenly.
        let now = monotonicNow()
        activeAt = now - max(0, Timestamp.now().nanoseconds - max(lock.writtenAt, lastOutputTime))
        var isFirstLook = true
        while let lines = exchange.lines {
            var read = lines.position
            while let line = try exchange.next() {
                if language.endsTurn(line) { return }
            }
            if isFirstLook { read = lines.position }
            if read != lines.position { activeAt = monotonicNow() }
            let prompt = language.unfinished(lines, nil)
            if exchange.isOver { throw .sessionOver(exchange.names.id) }
            let now = monotonicNow()
            if let prompt, prompt <= now { return }
            let deadline = activeAt + silenceTimeout
            if deadline <= now { return }
            if isFirstLook {
                printError(concat(exchange.what, ": the agent is still at a message of somebody who has gone"))
            }
            isFirstLook = false
            exchange.set.clear()
            if let prompt { exchange.set.limit(deadline: prompt) }
            try exchange.wait(until: deadline)
        }
    }

    /// When stdout was written last, in ns since 1970.
    private var lastOutputTime: Int64 {
        let file = try? exchange.folder.metadata(of: StreamName.stdout.linkName)
        return file.flatMap { $0 }?.modifiedTime ?? 0
    }

    /// The end of what the child wrote to stderr.
    func lastOfStandardError() -> [UInt8] {
        let reader = JournalReader(.stderr)
        guard let end = try? reader.journalEnd(in: exchange.folder) else { return [] }
        let tail = JournalReader(.stderr, from: max(0, end - Turn.tailSize))
        var bytes: [UInt8] = []
        while let count = try? tail.look(in: exchange.folder, gap: { _ in }), count > 0 {
            let piece = [UInt8](unsafeUninitializedCapacity: count) { space, filled in
                filled = (try? tail.read(into: UnsafeMutableRawBufferPointer(space))) ?? 0
            }
            if piece.isEmpty { break }
            bytes += piece
        }
        if bytes.count > Turn.tailSize { bytes.removeFirst(bytes.count - Turn.tailSize) }
        return bytes
    }
}
