import CSystem
import KeeperShared

/// A command line of this program that a request asks for, and what its output means.
struct CommandLine {
    /// How standard output becomes a body.
    enum Output {
        /// There is none to speak of: 204.
        case nothing
        /// The id of a session: `{"sessionId":ID}`, 201.
        case sessionID
        /// One JSON value.
        case json
        /// A JSON value a line: an array of them.
        case list
        /// Lines of JSON as they come, or the same as server-sent events.
        case events(asEventStream: Bool)
        /// Text as a whole.
        case text
        /// Bytes as they come.
        case bytes
    }

    var arguments: [[UInt8]]
    var input: [UInt8] = []
    let output: Output
    /// Whether it only looks: without a reader it is ended.
    var endsWithReader = false

    init(_ arguments: [String], input: [UInt8] = [], _ output: Output) {
        self.init(arguments.map { Array($0.utf8) }, input: input, output)
    }

    init(_ arguments: [[UInt8]], input: [UInt8] = [], _ output: Output) {
        self.arguments = arguments
        self.input = input
        self.output = output
    }
}

/// Runs a command of this program as a process of its own, and makes an answer of what it prints.
///
/// What may wait, for a child's answer or a session's end, keeps nobody else waiting. A caller that goes away ends
/// nothing: the command goes on, and nobody reads what it prints.
final class CommandRun: ResponseStream, GatewayPart {
    var isScheduled = false
    private let line: CommandLine
    private let loop: GatewayLoop
    private var process: ProcessHandle?
    private var stdout: FileDescriptor?
    private var stderr: FileDescriptor?
    private var tokens: (process: UInt64, stdout: UInt64, stderr: UInt64) = (0, 0, 0)
    private var out = PageBuffer()
    private var errors: [UInt8] = []
    private var isPaused = false
    /// Its notifications wait in the pipe.
    private var areErrorsPaused = false
    /// It has ended, and is reaped once its output is read.
    private var isEndNoted = false
    /// A line that is longer than the window must still come whole.
    private var wanted = 0
    private var outcome: ProcessEnd?
    private var whenOver: () -> Void
    private(set) var deadline = Int64.max
    var connection: GatewayConnection?
    /// Told of what is new instead of a connection.
    var observer: ((CommandRun) -> Void)?
    /// Whether standard error carries notifications, which ``takeNotification()`` gives.
    var hasNotifications = false

    /// What is kept of standard error: its last line is the reason of a failure.
    private static let mostErrors = 64 << 10
    /// Output that is collected as a whole is bounded, in bytes.
    private static let mostOutput = 64 << 20
    /// Output that is passed on waits in the pipe beyond this.
    private static let window = 64 << 10

    /// - Parameter limits: the command's own, where they are not this process's.
    /// - Parameter whenOver: called once when the process has ended.
    init(
        _ line: CommandLine, _ directory: String, _ loop: GatewayLoop, limits: [ResourceLimit],
        whenOver: @escaping () -> Void
    ) throws(SystemError) {
        self.line = line
        self.loop = loop
        self.whenOver = whenOver
        let input = FileDescriptor(
            owning: try systemCall("memfd_create") { memfd_create("request", UInt32(MFD_CLOEXEC)) })
        try input.writeAll(line.input)
        lseek(input.raw, 0, SEEK_SET)
        let output = try makePipe()
        let problems = try makePipe()
        var arguments = ArgumentList()
        for argument in ["keeperctl", "--sessions-dir", directory] { arguments.append(argument) }
        for argument in line.arguments { arguments.append(argument) }
        let mask = umask(0)
        umask(mask)
        let process = try ArgumentList(["/proc/self/exe"]).withPointer { file throws(SystemError) in
            try arguments.withPointer { arguments throws(SystemError) in
                var request = SpawnRequest(
                    file: file[0]!, arguments: arguments,
                    environment: UnsafePointer(csys_environ()), mask: mask)
                request.limits = limits
                request.descriptors = (input.raw, output.writing.raw, problems.writing.raw, -1)
                return try spawn(request)
            }
        }
        let reading = output.takeReading()
        let failing = problems.takeReading()
        try reading.setNonBlocking()
        try failing.setNonBlocking()
        tokens.process = try loop.add(self, process.descriptor, .input)
        tokens.stdout = try loop.add(self, reading, .input)
        tokens.stderr = try loop.add(self, failing, .input)
        stdout = consume reading
        stderr = consume failing
        self.process = consume process
    }

    // MARK: The process

    func ready(_ readiness: Readiness) { turn() }

    func turn() {
        takeErrors()
        takeOutput()
        if hasEnded {
            // Its last words may have come after that look.
            takeErrors()
            takeOutput()
            if hasOutputLeft { noteEnd() } else { reap() }
        }
        if let observer { observer(self) } else { connection?.wake() }
    }

    private var hasEnded: Bool {
        switch process {
        case .some(let process): process.hasEnded()
        case .none: false
        }
    }

    /// A pause in reading leaves output in the pipe, which is read before the end is told.
    private var hasOutputLeft: Bool { isPaused || areErrorsPaused }

    /// The end is told as long as it lasts, and would wake the loop again and again.
    private func noteEnd() {
        if isEndNoted { return }
        isEndNoted = true
        process.use { loop.remove(tokens.process, $0.descriptor) }
    }

    private func takeErrors() {
        if areErrorsPaused { return }
        if isListenedTo, errors.count >= CommandRun.mostErrors, notification != nil {
            areErrorsPaused = true
            stderr.use { loop.remove(tokens.stderr, $0) }
            return
        }
        guard let part = read(stderr.raw) else { return closeErrors() }
        errors += part
        if hasNotifications, isListenedTo, errors.count < CommandRun.mostOutput { return }
        if errors.count > CommandRun.mostErrors { errors.removeFirst(errors.count - CommandRun.mostErrors) }
    }

    private var isListenedTo: Bool { connection != nil || observer != nil }

    private func takeOutput() {
        while stdout.raw >= 0 {
            if isPassedOn, out.count >= max(CommandRun.window, wanted), isListenedTo {
                return pauseReading()
            }
            guard let part = read(stdout.raw) else { return closeOutput() }
            if part.isEmpty { return }
            // Nobody is there to have it.
            if !isListenedTo { continue }
            if out.count < CommandRun.mostOutput {
                var problem: SystemError?
                out.append(part, &problem)
            }
        }
    }

    private var isPassedOn: Bool {
        switch line.output {
        case .events, .bytes: true
        case .nothing, .sessionID, .json, .list, .text: false
        }
    }

    /// Out of the set: the end of a pipe is told however little it is asked for.
    private func pauseReading() {
        if isPaused { return }
        isPaused = true
        stdout.use { loop.remove(tokens.stdout, $0) }
    }

    private func goOnReading() {
        if !isPaused { return }
        isPaused = false
        stdout.use { tokens.stdout = watch($0) }
        loop.schedule(self)
    }

    private func goOnReadingErrors() {
        if !areErrorsPaused { return }
        areErrorsPaused = false
        stderr.use { tokens.stderr = watch($0) }
        loop.schedule(self)
    }

    /// Without memory for it the end of the process, or the reader, gives the next turn.
    private func watch(_ descriptor: borrowing FileDescriptor) -> UInt64 {
        (try? loop.add(self, descriptor, .input)) ?? 0
    }

    /// Reads once; nil at the end.
    private func read(_ number: Int32) -> [UInt8]? {
        if number < 0 { return [] }
        var isAtEnd = false
        let part = [UInt8](unsafeUninitializedCapacity: 64 << 10) { space, count in
            let got = CSystem.read(number, space.baseAddress, space.count)
            count = max(0, got)
            isAtEnd = got == 0 || (got < 0 && csys_errno() != EAGAIN && csys_errno() != EINTR)
        }
        return isAtEnd ? nil : part
    }

    var isOver: Bool { outcome != nil }

    /// What it prints, for those who put it into a message.
    var isEvents: Bool {
        if case .events = line.output { return true }
        return false
    }

    var isJSON: Bool {
        switch line.output {
        case .json, .list, .sessionID: true
        case .nothing, .events, .text, .bytes: false
        }
    }

    /// The JSON value on standard output, also of a command that has failed.
    var wholeAnswer: JSONValue? { try? JSONValue.parse(out.bytes.filter { $0 != 10 }) }

    /// The next whole line of standard error that is a JSON object.
    func takeNotification() -> [UInt8]? {
        guard let place = notification else {
            // The rest are words for people, of which the last may be the reason of a failure.
            if errors.count > CommandRun.mostErrors, let end = errors.lastIndex(of: 10) {
                errors.removeFirst(end)
            }
            return nil
        }
        let line = Array(errors[place])
        errors.removeSubrange(place.lowerBound...place.upperBound)
        goOnReadingErrors()
        return line
    }

    /// Where the next one is.
    private var notification: Range<Int>? {
        if !hasNotifications { return nil }
        var start = 0
        while let end = errors[start...].firstIndex(of: 10) {
            if errors[start] == UInt8(ascii: "{") { return start..<end }
            start = end + 1
        }
        return nil
    }

    /// Why it has failed; nil when it has not.
    var problem: HTTPFailure? {
        guard let outcome, outcome != .exited(0) else { return nil }
        return failure(outcome)
    }

    private func closeOutput() {
        isPaused = false
        stdout.use { loop.remove(tokens.stdout, $0) }
        stdout = nil
    }

    private func closeErrors() {
        areErrorsPaused = false
        stderr.use { loop.remove(tokens.stderr, $0) }
        stderr = nil
    }

    private func reap() {
        guard let process = process.take() else { return }
        if !isEndNoted { loop.remove(tokens.process, process.descriptor) }
        closeOutput()
        closeErrors()
        var record = csys_ended()
        _ = csys_waitid(P_PID, id_t(process.pid), WEXITED, &record)
        outcome = ProcessEnd(record)
        whenOver()
    }

    // MARK: The answer

    var response: HTTPResponse? {
        if let outcome, outcome != .exited(0), !hasStarted { return nil }
        switch line.output {
        case .events(let isEventStream):
            // A failure before the first event has a status of its own.
            if (out.isEmpty || isRefused) && outcome == nil && !hasStarted { return nil }
            return HTTPResponse(type: isEventStream ? MediaType.events : MediaType.jsonLines)
        case .bytes:
            if out.isEmpty && outcome == nil && !hasStarted { return nil }
            return HTTPResponse(type: MediaType.bytes)
        case .nothing: return outcome == nil ? nil : HTTPResponse.empty
        case .sessionID: return outcome == nil ? nil : HTTPResponse(status: 201)
        case .json, .list: return outcome == nil ? nil : HTTPResponse()
        case .text: return outcome == nil ? nil : HTTPResponse(type: MediaType.text)
        }
    }

    private var hasStarted = false

    /// Whether an error is the first event: nothing has begun, and how the command ends is the answer.
    private var isRefused: Bool {
        let error = Array(#"{"type":"error""#.utf8)
        return !hasStarted && isEvents && out.bytes.starts(with: error)
    }

    var length: HTTPLength {
        if case .nothing = line.output { return .none }
        return .open
    }

    func fill(_ body: inout PageBuffer, limit: Int) throws(HTTPFailure) -> Bool {
        if isPassedOn {
            if out.isEmpty || isRefused, !hasStarted, outcome != .exited(0) {
                guard let outcome else { return false }
                throw failure(outcome)
            }
            if case .events(let isEventStream) = line.output {
                try passOn(&body, limit: limit, isEventStream: isEventStream)
            } else if !out.isEmpty {
                hasStarted = true
                if body.isEmpty {
                    swap(&body, &out)
                } else {
                    do throws(SystemError) { try body.append(out.bytes) } catch {
                        throw HTTPFailure(503, error.text)
                    }
                    out.removeFirst(out.count)
                }
                goOnReading()
            }
            return outcome != nil && out.isEmpty
        }
        guard let outcome else { return false }
        if outcome != .exited(0) { throw failure(outcome) }
        do throws(SystemError) {
            switch line.output {
            case .nothing, .events, .bytes: break
            case .json, .text: try body.append(out.bytes)
            case .list: try append(jsonArray(ofLines: Array(out.bytes)), to: &body)
            case .sessionID:
                var json = JSONWriter()
                json.beginObject()
                json.member("sessionId", String(decoding: trimmedLine, as: UTF8.self))
                json.endObject()
                json.endLine()
                try append(json.bytes, to: &body)
            }
        } catch {
            throw HTTPFailure(503, error.text)
        }
        return true
    }

    private var trimmedLine: [UInt8] { out.bytes.filter { $0 != 10 } }

    /// Whole lines of what has come.
    private func passOn(
        _ body: inout PageBuffer, limit: Int, isEventStream: Bool
    ) throws(HTTPFailure) {
        var start = 0
        let bytes = out.bytes
        do throws(SystemError) {
            while body.count < limit {
                guard
                    let end = lineFeed(in: bytes, from: start)
                        ?? (outcome != nil && start < bytes.count ? bytes.count : nil)
                else { break }
                if isEventStream { try append(Array("data: ".utf8), to: &body) }
                try body.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                try append(Array((isEventStream ? "\n\n" : "\n").utf8), to: &body)
                start = min(end + 1, bytes.count)
                hasStarted = true
            }
        } catch {
            throw HTTPFailure(503, error.text)
        }
        if start > 0 { out.removeFirst(start) }
        wanted = start == 0 ? out.count + 1 : 0
        if out.count < max(CommandRun.window, wanted) { goOnReading() }
    }

    private func append(_ bytes: [UInt8], to body: inout PageBuffer) throws(SystemError) {
        try bytes.bytes { part throws(SystemError) in try body.append(part) }
    }

    var isEndless: Bool { line.endsWithReader && line.arguments.contains(Array("--follow".utf8)) }

    func end() {
        connection = nil
        observer = nil
        goOnReading()
        goOnReadingErrors()
        if !line.endsWithReader { return }
        switch process {
        // One that has ended just now needs no signal.
        case .some(let process): try? process.signal(SIGTERM)
        case .none: break
        }
    }

    /// The command's own reason, with the status and the code that its exit status stands for.
    private func failure(_ outcome: ProcessEnd) -> HTTPFailure {
        CommandRun.failure(outcome.shellStatus, errors)
    }

    /// What a command's exit status is over HTTP.
    ///
    /// - Parameter errors: what it wrote on standard error; the last line tells why.
    static func failure(_ status: Int32, _ errors: [UInt8]) -> HTTPFailure {
        let lines = errors.split(separator: 10)
        var line = lines.last.map { Array($0) } ?? []
        let prefix = Array("keeperctl: ".utf8)
        // A usage error ends with a hint; the line before says what is wrong.
        for other in lines where other.starts(with: prefix) {
            line = Array(other)
            if status == ExitStatus.badUsage { break }
        }
        if line.starts(with: prefix) { line.removeFirst(prefix.count) }
        let text =
            line.isEmpty
            ? concat("the command ended with status ", String(status)) : String(decoding: line, as: UTF8.self)
        for entry in commandErrors where entry.exit == status {
            return HTTPFailure(entry.status, text, code: entry.code)
        }
        return HTTPFailure(500, text, code: "failed")
    }
}

/// The exit statuses of commands as statuses of HTTP and codes for programs.
let commandErrors: [(exit: Int32, status: Int, code: StaticString)] = [
    (ExitStatus.failed, 422, "failed"),
    (ExitStatus.badUsage, 400, "badUsage"),
    (ExitStatus.noSession, 404, "noSession"),
    (ExitStatus.timedOut, 504, "timedOut"),
    (ExitStatus.conflict, 409, "conflict"),
    (ExitStatus.outcomeUnknown, 502, "unknown"),
    (7, 504, "echoTimeout"),
    (8, 504, "silenceTimeout"),
    (9, 422, "agentError"),
    (10, 502, "ended"),
]

/// An array of the lines, each of which is a JSON value.
func jsonArray(ofLines lines: [UInt8]) -> [UInt8] {
    var list: [UInt8] = [UInt8(ascii: "[")]
    list.reserveCapacity(lines.count + 2)
    list += lines
    if list.last == 10 { list.removeLast() }
    // A line feed is in no JSON value on one line.
    for index in list.indices where list[index] == 10 { list[index] = UInt8(ascii: ",") }
    list.append(UInt8(ascii: "]"))
    list.append(10)
    return list
}
