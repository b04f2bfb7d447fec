import CSystem
import KeeperShared

/// `call`: asks the child by JSON-RPC and waits for the answer.
func runCall(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let isBatch = arguments.flag("batch")
    let raw = arguments.value("raw")
    let operands = arguments.operands
    if isBatch || raw != nil {
        if operands.count > 1 {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat(isBatch ? "--batch" : "--raw", " has the method in it: give the session's ID alone"))
        }
        let id = try context.sessionID(operands[0])
        let call = Call(context, try Exchange(id, in: try context.directory(of: id), "call to"))
        if let raw {
            return try call.single(try checkedJSON(raw.bytes, "--raw", objectOnly: true))
        }
        return try call.batch()
    }
    guard let directory = try context.openDirectory() else {
        throw CommandFailure(
            ExitStatus.noSession, concat("no session in ", try context.directoryPath(), ": there is none yet"))
    }
    let target = try context.callTarget(in: directory)
    if target.method.isEmpty {
        throw CommandFailure(
            ExitStatus.badUsage,
            concat("missing METHOD: what is session ", target.id.string, " to be asked?"))
    }
    var request = JSONWriter()
    request.beginObject()
    request.key("jsonrpc")
    request.string("2.0")
    request.key("method")
    request.string(utf8: target.method)
    if var parameters = target.parameters {
        if parameters.count == 1, parameters[0] == UInt8(ascii: "-") {
            parameters = try standardInput()
        }
        request.key("params")
        request.raw(try checkedJSON(parameters, "PARAMS", objectOnly: false))
    }
    // Replaced before it is sent.
    request.key("id")
    request.null()
    request.endObject()
    let call = Call(context, try Exchange(target.id, in: directory, "call to"))
    return try call.single(request.bytes, ownID: true)
}

/// All of standard input.
func standardInput() throws(CommandFailure) -> [UInt8] {
    do throws(SystemError) {
        return try FileDescriptor.duplicate(ofNumber: STDIN_FILENO).readAll()
    } catch {
        throw CommandFailure("read standard input", error)
    }
}

/// One run of `call`.
private final class Call {
    private let exchange: Exchange
    private let output: StandardOutput
    private var requests: CallRequests
    private let progress: [UInt8]
    private let showsOthers: Bool
    /// Whether answers are printed whole; errors too then.
    private var isFull: Bool
    private let timeout: String
    private var status = ExitStatus.done

    init(_ context: Context, _ exchange: Exchange) {
        let arguments = context.arguments
        self.exchange = exchange
        output = context.output
        isFull = arguments.flag("full")
        showsOthers = arguments.flag("notifications")
        progress = arguments.value("progress")?.bytes ?? []
        timeout = arguments.value("timeout")?.text ?? ""
        requests = CallRequests(
            timeout: arguments.duration("timeout") ?? 0, longest: arguments.duration("max-timeout") ?? 0)
    }

    // MARK: One request

    /// Sends a request and waits for its answer; what has no id is not answered.
    func single(_ request: [UInt8], ownID: Bool = false) throws(CommandFailure) -> Int32 {
        try exchange.listen()
        var line: [UInt8] = []
        let now = monotonicNow()
        try append(request, ownID: ownID, at: now, to: &line)
        try exchange.send(line, deadline: requests.deadline)
        // What is not answered is done when it is delivered.
        let isRequest = requests.openCount > 0
        while true {
            try takeAnswers()
            if requests.openCount == 0, isRequest || exchange.isDelivered { break }
            if exchange.isOver { throw exchange.endFailure(ExitStatus.noSession) }
            if !requests.takeOverdue(at: monotonicNow()).isEmpty {
                output.flush()
                throw CommandFailure(
                    ExitStatus.timedOut, concat(exchange.what, ": no answer within ", timeout))
            }
            exchange.set.clear()
            try exchange.wait(until: requests.deadline)
        }
        output.flush()
        return status
    }

    /// Appends a request with an id of ours in place of its own.
    private func append(
        _ request: [UInt8], ownID: Bool, at now: Int64, to bytes: inout [UInt8]
    ) throws(CommandFailure) {
        var line = bytes
        let isRequest = request.withUnsafeBufferPointer { request in
            guard let message = CallMessage(request), !message.method.isEmpty else { return false }
            if message.id.isEmpty {
                line += request
                line.append(UInt8(ascii: "\n"))
            } else {
                message.append(withID: requests.add(ownID ? nil : Array(message.id), at: now), to: &line)
            }
            return true
        }
        if !isRequest {
            throw CommandFailure(
                ExitStatus.badUsage, concat(quoted(request), " is no JSON-RPC request: it has no \"method\""))
        }
        bytes = line
    }

    // MARK: Answers

    private func takeAnswers() throws(CommandFailure) {
        while let line = try exchange.next() {
            guard let message = CallMessage(line) else { continue }
            if message.isAnswer {
                if let id = requests.take(message.id) { show(message, id) }
            } else if !message.method.isEmpty {
                takeOther(message, line)
            }
        }
    }

    private func show(_ message: CallMessage, _ id: [UInt8]) {
        var bytes: [UInt8] = []
        let isError = !message.error.isEmpty
        if isError { status = ExitStatus.failed }
        if isFull {
            message.append(withID: id, to: &bytes)
        } else {
            appendLine(isError ? message.error : message.result, to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        if isError, !isFull { return writeStandard(STDERR_FILENO, bytes) }
        output.write(bytes)
    }

    /// What the session says besides: notifications, and requests of its own.
    private func takeOther(_ message: CallMessage, _ line: Bytes) {
        if message.id.isEmpty {
            var method: [UInt8] = []
            appendJSONString(message.method, to: &method)
            if method.elementsEqual(progress) { requests.noteProgress(at: monotonicNow()) }
        }
        if !showsOthers { return }
        var bytes: [UInt8] = []
        appendLine(line, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
        writeStandard(STDERR_FILENO, bytes)
    }

    // MARK: Many requests

    /// Sends what standard input has as soon as it comes, and prints the answers in the order in which they come.
    func batch() throws(CommandFailure) -> Int32 {
        isFull = true
        try exchange.listen()
        let input: RequestInput
        do throws(SystemError) {
            input = RequestInput(try FileDescriptor.duplicate(ofNumber: STDIN_FILENO))
        } catch {
            throw CommandFailure("standard input", error)
        }
        _ = try exchange.connect(deadline: nil)
        var hasFinished = false
        while true {
            try takeAnswers()
            output.flush()
            if exchange.isOver, requests.openCount > 0 || !input.isAtEnd || !exchange.isDelivered {
                throw exchange.endFailure(ExitStatus.noSession)
            }
            for id in requests.takeOverdue(at: monotonicNow()) {
                printError(concat(exchange.what, ": no answer to request ", quoted(id), " within ", timeout))
                status = ExitStatus.timedOut
            }
            if let client = exchange.client, !hasFinished {
                try send(input, to: client)
                hasFinished = input.isAtEnd
                if hasFinished { client.finish() }
            }
            if hasFinished, exchange.isDelivered, requests.openCount == 0 { return status }
            exchange.set.clear()
            if !hasFinished, exchange.client?.backlog == 0, !requests.isFull { input.prepare(exchange.set) }
            try exchange.wait(until: requests.deadline)
        }
    }

    /// Sends the requests that are there.
    private func send(_ input: RequestInput, to client: InputClient) throws(CommandFailure) {
        do throws(SystemError) {
            try input.fill(exchange.set)
        } catch {
            throw CommandFailure("read standard input", error)
        }
        var bytes: [UInt8] = []
        while !requests.isFull, client.backlog == 0, let line = input.next() {
            if line.isEmpty { continue }
            do throws(CommandFailure) {
                let request = try checkedJSON(line, "standard input:", objectOnly: true)
                try append(request, ownID: false, at: monotonicNow(), to: &bytes)
            } catch {
                printError(error.text)
                status = ExitStatus.badUsage
            }
            if bytes.count < 64 << 10 { continue }
            try pass(bytes, to: client)
            bytes.removeAll(keepingCapacity: true)
        }
        try pass(bytes, to: client)
    }

    private func pass(_ bytes: [UInt8], to client: InputClient) throws(CommandFailure) {
        if bytes.isEmpty { return }
        do throws(SystemError) { try client.send(bytes) } catch { throw CommandFailure(exchange.what, error) }
    }
}
