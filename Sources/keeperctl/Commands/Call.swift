import CSystem
import KeeperShared

let callCommand = Command("call", run: runCall) {
    CommandSpec(
        $0, summary: "Ask a session by JSON-RPC and print the answer",
        description: [
            "Sends a request of JSON-RPC 2.0, a line to the command's input, and waits for the answer on its "
                + "stdout. The result is printed on stdout, an error on stderr. The id is random, so that many "
                + "may call at the same time.",
            "ID.METHOD is understood too. IDs may have dots: the longest ID of a live session counts. PARAMS is a "
                + "JSON object or array, or '-' for standard input.",
            "With --raw or --batch an id of the request's own is replaced on the way, and is in the answer again "
                + "where that is printed whole; a message without id is delivered and not answered.",
        ],
        operands: [
            OperandSpec("ID", .string), OperandSpec("METHOD", .string, .optional),
            OperandSpec("PARAMS", .string, .optional),
        ],
        groups: [
            OptionGroup("Asking", [CallOptions.raw, CallOptions.batch]),
            OptionGroup(
                "Waiting", [CallOptions.timeout, CallOptions.progress, CallOptions.maxTimeout]),
            OptionGroup("Output", [CallOptions.full, CallOptions.notifications]),
        ],
        examples: [
            ExampleSpec("keeperctl call mcp tools/list", "Asks an MCP server for its tools."),
            ExampleSpec(
                "keeperctl call mcp.tools/call '{\"name\":\"now\",\"arguments\":{}}' | jq .content",
                "Calls one of them."),
            ExampleSpec(
                "keeperctl call mcp --batch < requests.ndjson > answers.ndjson",
                "Sends many requests without waiting for each answer."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The answer is a result."),
            ExitStatusSpec("1", "The answer is an error, or the request was refused."),
            ExitStatusSpec("3", "No such session, or it ended before it answered."),
            ExitStatusSpec("4", "No answer in time."),
            ExitStatusSpec("6", "The session ended and may have got the request or not."),
        ])
}

/// The options of `call`.
enum CallOptions {
    static let raw: Option<Argument> = Option(
        "raw", .string, "JSON", help: "Send this message", excludes: ["batch"])
    static let batch = Flag(
        "batch",
        help: "Send the messages on standard input, one on each line, as they come; print whole "
            + "answers as they come")
    static let timeout: Setting<Int64> = Setting(
        "timeout", .duration, "DURATION",
        help: "Give up when there is no answer after this time, or no room for the request", default: "30s")
    static let progress: Setting<Argument> = Setting(
        "progress", .string, "METHOD",
        help: "Wait 60s from each notification of this name on, if that is longer",
        default: "notifications/progress")
    static let maxTimeout: Setting<Int64> = Setting(
        "max-timeout", .duration, "DURATION", help: "But never longer than this", default: "10m")
    static let full = Flag("full", help: "Print the whole answer, also if it is an error")
    static let notifications = Flag(
        "notifications", help: "Print what else the session says meanwhile, as JSON on stderr")
}

/// `call`: asks the child by JSON-RPC and waits for the answer.
func runCall(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let operands = arguments.operands
    let raw = arguments[CallOptions.raw]
    let isBatch = arguments[CallOptions.batch]
    if raw != nil || isBatch {
        if operands.count > 1 {
            throw CommandFailure(
                ExitStatus.badUsage,
                "with --raw or --batch only the session's ID is given: the method is in the message")
        }
        let id = try context.sessionID(operands[0])
        let request = try raw.map { raw throws(CommandFailure) in
            try checkedJSON(raw.bytes, "message", objectOnly: true)
        }
        let call = Call(context, try Exchange(id, in: try context.directory(of: id), "call to"))
        guard let request else { return try call.batch() }
        return try call.single(request)
    }
    guard let directory = try context.openDirectory() else {
        throw CommandFailure(ExitStatus.noSession, concat("there is no ", try context.directoryPath()))
    }
    let target = try CallTarget(operands, in: directory)
    if target.method.isEmpty {
        throw CommandFailure(ExitStatus.badUsage, "missing METHOD: give ID METHOD, or ID.METHOD")
    }
    var request = JSONWriter()
    request.part("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":")
    request.string(utf8: target.method)
    if var parameters = target.parameters {
        if parameters.count == 1, parameters[0] == UInt8(ascii: "-") { parameters = try standardInput() }
        request.part(",\"params\":")
        request.raw(try checkedJSON(parameters, "PARAMS", objectOnly: false))
    }
    request.endObject()
    return try Call(context, try Exchange(target.id, in: directory, "call to")).single(
        request.bytes, hasID: false)
}

/// All of standard input.
func standardInput() throws(CommandFailure) -> [UInt8] {
    try attempt("read standard input", try FileDescriptor.duplicate(ofNumber: STDIN_FILENO).readAll())
}

/// One run of `call`.
private final class Call {
    private let exchange: Exchange
    private let output: StandardOutput
    private let arguments: ParsedArguments
    private var requests: CallRequests
    private let progress: [UInt8]
    /// Whether answers are printed whole, errors too.
    private var isFull: Bool
    private var isBatch = false
    private var status = ExitStatus.done
    private var scratch: [UInt8] = []
    /// When to give up sending, if the child takes nothing until then, and how much had been sent.
    private var deliveryEnd: Int64?
    private var sentCount = 0

    init(_ context: Context, _ exchange: Exchange) {
        self.exchange = exchange
        output = context.output
        arguments = context.arguments
        isFull = arguments[CallOptions.full]
        progress = arguments[CallOptions.progress].bytes
        requests = CallRequests(
            timeout: arguments[CallOptions.timeout], longest: arguments[CallOptions.maxTimeout])
    }

    // MARK: One request

    /// Sends a request and waits for its answer; what has no id is not answered.
    ///
    /// - Parameter hasID: whether the id in it is the caller's, who wants it back.
    func single(_ request: [UInt8], hasID: Bool = true) throws(CommandFailure) -> Int32 {
        try exchange.listen()
        try append(request, hasID: hasID)
        try exchange.send(scratch, deadline: requests.deadline)
        // What is not answered is done when it is delivered.
        let isRequest = requests.openCount > 0
        while true {
            try takeAnswers()
            if requests.openCount == 0, isRequest || exchange.isDelivered || status != ExitStatus.done {
                return status
            }
            if exchange.isOver { throw exchange.endFailure(ExitStatus.noSession) }
            if isStuck() { return status }
            exchange.set.clear()
            try exchange.wait(until: requests.deadline ?? deliveryEnd)
        }
    }

    /// Appends a request to what is sent next, with an id of ours in place of its own.
    private func append(_ request: [UInt8], hasID: Bool) throws(CommandFailure) {
        let isRequest = request.withUnsafeBufferPointer { request in
            guard let message = CallMessage(request), !message.method.isEmpty else { return false }
            let id =
                message.id.isEmpty
                ? [] : requests.add(hasID ? ownedBytes(message.id) : [], at: monotonicNow())
            message.append(withID: id, to: &scratch)
            return true
        }
        if !isRequest {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat("message ", quoted(request), " can't be sent: it has no \"method\""))
        }
    }

    // MARK: Answers

    private func takeAnswers() throws(CommandFailure) {
        while let line = try exchange.next() {
            guard let message = CallMessage(line) else { continue }
            if message.isAnswer {
                if let id = requests.take(message.id) {
                    show(message, id)
                } else if message.id[0] == UInt8(ascii: "n") {
                    // An error of which the server can't say what it is about.
                    takeOther(message)
                }
            } else if !message.method.isEmpty {
                takeOther(message)
            }
        }
        for id in requests.takeOverdue(at: monotonicNow()) {
            fail(isBatch ? concat("no answer to request ", quoted(id)) : "no answer")
        }
        output.flush()
    }

    /// Something did not come in time.
    private func fail(_ what: String) {
        let limit = formatDuration(arguments[CallOptions.timeout])
        printError(concat(exchange.what, ": ", what, " within ", limit))
        note(ExitStatus.timedOut)
    }

    /// Whether to give up input that no request waits for: the child has taken none of it for too long.
    private func isStuck() -> Bool {
        guard requests.openCount == 0, let client = exchange.client, client.backlog > 0 || client.isThrough
        else {
            deliveryEnd = nil
            return false
        }
        let now = monotonicNow()
        if deliveryEnd == nil || sentCount != client.sentCount { deliveryEnd = now + requests.timeout }
        sentCount = client.sentCount
        guard let deliveryEnd, deliveryEnd <= now else { return false }
        fail("the child took no more of its input")
        return true
    }

    /// Of several the highest counts.
    private func note(_ status: Int32) { self.status = max(self.status, status) }

    private func show(_ message: CallMessage, _ id: [UInt8]) {
        var bytes: [UInt8] = []
        let isError = !message.error.isEmpty
        if isError { note(ExitStatus.failed) }
        if isFull {
            message.append(withID: id, to: &bytes)
        } else {
            appendLine(isError ? message.error : message.result, to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
            if isError { return writeStandard(STDERR_FILENO, bytes) }
        }
        output.write(bytes)
    }

    /// What the session says besides: notifications, and requests of its own.
    private func takeOther(_ message: CallMessage) {
        if message.isNotification, stringText(of: message.method) == progress {
            requests.noteProgress(at: monotonicNow())
        }
        if !arguments[CallOptions.notifications] { return }
        var bytes: [UInt8] = []
        message.append(withID: [], to: &bytes)
        writeStandard(STDERR_FILENO, bytes)
    }

    // MARK: Many requests

    /// Sends what standard input has as soon as it comes, and prints the answers in the order in which they come.
    func batch() throws(CommandFailure) -> Int32 {
        isFull = true
        isBatch = true
        let input = try attempt(
            "standard input", RequestInput(try FileDescriptor.duplicate(ofNumber: STDIN_FILENO)))
        try exchange.listen()
        try exchange.connect(deadline: nil)
        while true {
            try takeAnswers()
            if !input.isAtEnd { try send(input) }
            if input.isAtEnd, exchange.isDelivered, requests.openCount == 0 { return status }
            if exchange.isOver { throw exchange.endFailure(ExitStatus.noSession) }
            if isStuck() { return status }
            exchange.set.clear()
            if canSend { input.prepare(exchange.set) }
            try exchange.wait(until: requests.deadline ?? deliveryEnd)
        }
    }

    private var canSend: Bool { !requests.isFull && exchange.client?.backlog == 0 }

    /// Sends the requests that are there.
    private func send(_ input: RequestInput) throws(CommandFailure) {
        try input.fill(exchange.set)
        while canSend {
            scratch.removeAll(keepingCapacity: true)
            while scratch.count < 64 << 10, !requests.isFull, let line = input.next() {
                if line.isEmpty { continue }
                do throws(CommandFailure) {
                    try append(try checkedJSON(line, "message", objectOnly: true), hasID: true)
                } catch {
                    printError(error.text)
                    note(ExitStatus.badUsage)
                }
            }
            if input.isAtEnd || scratch.isEmpty { break }
            try exchange.pass(scratch)
        }
        if input.isAtEnd {
            try exchange.pass(scratch)
            exchange.client?.finish()
        }
    }
}
