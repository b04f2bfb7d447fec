import CSystem
import KeeperShared

/// What a new keeper says on its report pipe.
enum KeeperReport {
    case started
    case ready
    case failed(status: Int32, execError: Int32, text: String)
    /// The session is over.
    case ended
    /// The keeper has ended.
    case closed
}

/// A keeper that this process started.
final class StartedKeeper {
    let id: SessionID
    private var process: ProcessHandle
    private var reports: FileDescriptor
    private let errors: FileDescriptor?
    private var received = LineBuffer(longest: 1 << 20)

    init(
        _ id: SessionID, process: consuming ProcessHandle, reports: consuming FileDescriptor,
        errors: consuming FileDescriptor?
    ) {
        self.id = id
        self.process = process
        self.reports = reports
        self.errors = errors
    }

    /// Waits for the next report.
    ///
    /// - Parameter deadline: on the monotonic clock; nil for none.
    /// - Returns: nil when the time is up.
    func next(deadline: Int64?) throws(CommandFailure) -> KeeperReport? {
        while true {
            while let line = received.next() {
                if let report = parse(Array(line)) { return report }
            }
            let set = PollSet()
            set.add(reports, .input)
            if let deadline { set.limit(deadline: deadline) }
            do throws(SystemError) {
                try set.wait()
                if set.readiness(of: reports).isEmpty {
                    if let deadline, monotonicNow() >= deadline { return nil }
                    continue
                }
                let count = try reports.read(into: try received.room(for: 4096))
                if count == 0 { return .closed }
                received.grow(by: count)
            } catch {
                throw CommandFailure("wait for the keeper", error)
            }
        }
    }

    private func parse(_ line: [UInt8]) -> KeeperReport? {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard let first = words.first else { return nil }
        if first.elementsEqual("started".utf8) {
            // Another one than was started here, when a service manager has it in a unit of its own.
            if words.count > 1, let pid = parsePID(Array(words[1])), pid != process.pid,
                let keeper = ProcessHandle.open(pid: pid)
            {
                process = keeper
            }
            return .started
        }
        if first.elementsEqual("warning:".utf8) {
            printError(String(decoding: line, as: UTF8.self))
            return nil
        }
        if first.elementsEqual("ready".utf8) { return .ready }
        if first.elementsEqual("ended".utf8) { return .ended }
        guard first.elementsEqual("failed".utf8), words.count == 4 else { return nil }
        return .failed(
            status: Int32(decimal(Array(words[1])) ?? 1), execError: Int32(decimal(Array(words[2])) ?? 0),
            text: String(decoding: words[3], as: UTF8.self))
    }

    var hasEnded: Bool { process.hasEnded() }

    /// Tells the keeper that the session's files are not read any more.
    func stopReading() {
        // Without /dev/null the keeper hears of it when this process ends.
        if let null = try? FileDescriptor.open("/dev/null", O_RDONLY) { reports = null }
    }

    /// The same, and waits until the keeper is gone.
    func release() {
        stopReading()
        while !process.waitForEnd(timeout: .seconds(3600)) {}
    }

    /// What the keeper wrote to standard error before its log was open, if anything.
    func errorOutput() -> [UInt8] {
        var bytes: [UInt8] = []
        errors.use { file in
            lseek(file.raw, 0, SEEK_SET)
            // It only explains a failure that is told in any case.
            bytes = (try? file.readAll(limit: 64 << 10)) ?? []
        }
        return bytes
    }
}

/// Starts keepers as the arguments of `spawn` and `run` ask for.
struct KeeperLauncher {
    let context: Context
    /// Absolute or as given; the keeper starts in the same directory as this process.
    let directoryPath: String
    /// Whether this process waits for the report; if not, the keeper's words go to a file.
    let isWaitedFor: Bool
    let removesFiles: Bool
    /// The keeper removes them only when this process has read them.
    let awaitsReader: Bool

    /// Starts a keeper for a session.
    func start(_ id: SessionID, in directory: borrowing FileDescriptor) throws(CommandFailure)
        -> StartedKeeper
    {
        let what = concat("start session ", id.string)
        do throws(SystemError) {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            let errors = try openErrors(id, in: directory)
            let pipe = try makePipe()
            let mask = umask(0)
            umask(mask)
            let process = try launch(
                id, descriptors: (null.raw, null.raw, errors.raw, pipe.writing.raw),
                mask: mask)
            return StartedKeeper(id, process: process, reports: pipe.takeReading(), errors: errors)
        } catch {
            throw CommandFailure(ExitStatus.failed, concat(what, ": ", error.text))
        }
    }

    private func openErrors(
        _ id: SessionID, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> FileDescriptor {
        if !isWaitedFor {
            return try directory.open(SessionNames(id).launchLog, O_RDWR | O_CREAT | O_APPEND)
        }
        // It becomes a file only if there is something in it.
        return FileDescriptor(
            owning: try systemCall("memfd_create") { memfd_create("keeper-launch", UInt32(MFD_CLOEXEC)) })
    }

    /// Becomes the keeper instead of starting one: for a service manager, whose unit this process is.
    ///
    /// - Returns: why it can't.
    func execute(_ id: SessionID, isResilient: Bool) -> CommandFailure {
        let program = keeperPath()
        let arguments = makeArguments(id, isExecuted: true, isResilient: isResilient)
        do throws(SystemError) {
            let environment = try makeEnvironment(isExecuted: true)
            let code = arguments.withPointer { arguments in
                environment.withPointer { environment -> Int32 in
                    csys_become(program, arguments, environment)
                    return csys_errno()
                }
            }
            throw SystemError("exec", program, code)
        } catch {
            return CommandFailure(ExitStatus.failed, error.text)
        }
    }

    private func launch(
        _ id: SessionID, descriptors: (Int32, Int32, Int32, Int32), mask: mode_t
    ) throws(SystemError) -> ProcessHandle {
        let program = keeperPath()
        let arguments = makeArguments(id)
        let environment = try makeEnvironment()
        return try ArgumentList([program]).withPointer { file throws(SystemError) in
            try arguments.withPointer { arguments throws(SystemError) in
                try environment.withPointer { environment throws(SystemError) in
                    var request = SpawnRequest(
                        file: file[0]!, arguments: arguments, environment: environment, mask: mask)
                    request.descriptors = descriptors
                    // The keeper gives its child all of them as they should be.
                    request.keepsSignals = true
                    return try spawn(request)
                }
            }
        }
    }

    private func makeArguments(
        _ id: SessionID, isExecuted: Bool = false, isResilient: Bool = false
    ) -> ArgumentList {
        let given = context.arguments
        var list = ArgumentList()
        list.append("keeper")
        list.append("--sessions-dir")
        list.append(directoryPath)
        for group in SessionOptions.groups + [UnitOptions.group()] {
            for option in group.options where !equalUTF8(option.long, "rm") {
                let name = concat("--", option.long)
                for value in given.values(of: option) {
                    if option.takesValue {
                        list.append(Array(concat(name, "=").utf8) + value.bytes)
                    } else {
                        list.append(name)
                    }
                }
            }
        }
        if isResilient { list.append("--resilient") }
        if given[SessionOptions.tty], given[SessionOptions.size] == nil,
            let (columns, rows) = terminalSize(STDIN_FILENO),
            let size = TerminalSize(columns: columns, rows: rows)
        {
            list.append(concat("--size=", size.text))
        }
        if removesFiles { list.append("--rm") }
        if removesFiles, awaitsReader { list.append("--await-reader") }
        // `run` ends the command itself, unless it has been killed when the time is over.
        if awaitsReader, given[SessionOptions.maximumRuntime] == nil, let limit = given[Shared.timeout],
            limit < .seconds(1 << 32)
        {
            list.append(concat("--max-runtime=", String(limit / .milliseconds(1) + 2000), "ms"))
        }
        if !isExecuted {
            if given[UnitOptions.isolate] == nil { list.append("--isolate=auto") }
            // Reports are not read then: what goes wrong is said in the launch log.
            list.append(isWaitedFor ? "--report-fd=3" : "--handover-fd=3")
        }
        list.append(id.string)
        list.append("--")
        for argument in given.trailing { list.append(argument.bytes) }
        return list
    }

    /// This process's environment, or none, with what files and options set. The last one to set a name wins.
    private func makeEnvironment(isExecuted: Bool = false) throws(SystemError) -> ArgumentList {
        var entries: [[UInt8]] = []
        let isCleared = context.arguments[EnvironmentOptions.isCleared]
        for entry in environmentEntries() {
            // Between a service manager and this process: another keeper never gets it, this one always.
            let isOwn = ManagerVariables.isOfProcess(entry)
            if isOwn ? isExecuted : !isCleared {
                entries.append(Array(UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
            }
        }
        var changes: [[UInt8]] = []
        for file in context.arguments[EnvironmentOptions.files] {
            changes += try readEnvironmentFile(file.text)
        }
        changes += context.arguments[EnvironmentOptions.variables].map { $0.bytes }
        for change in changes {
            let name = change.prefix { $0 != UInt8(ascii: "=") } + [UInt8(ascii: "=")]
            entries.removeAll { $0.starts(with: name) }
            entries.append(change)
        }
        var list = ArgumentList()
        for entry in entries { list.append(entry) }
        return list
    }
}

/// The keeper beside this program; by its name alone when there is none.
func keeperPath() -> String {
    guard let own = processLink("self/exe"), let slash = own.utf8.lastIndex(of: UInt8(ascii: "/")) else {
        return "keeper"
    }
    let path = concat(String(own[..<slash]), "/keeper")
    return access(path, X_OK) == 0 ? path : "keeper"
}

/// The assignments in a file: `NAME=VALUE` a line, as docker reads them. Empty lines and comments are passed over; a
/// bare `NAME` takes this process's value.
private func readEnvironmentFile(_ path: String) throws(SystemError) -> [[UInt8]] {
    let bytes = try FileDescriptor.open(path, O_RDONLY).readAll(path)
    var entries: [[UInt8]] = []
    for part in bytes.split(separator: UInt8(ascii: "\n")) {
        var line = Array(part)
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        line.removeFirst(line.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.count)
        if line.isEmpty || line[0] == UInt8(ascii: "#") || line.contains(0) { continue }
        guard let mark = line.firstIndex(of: UInt8(ascii: "=")) else {
            let name = String(decoding: line, as: UTF8.self)
            if let value = getenv(name) {
                entries.append(
                    line + [UInt8(ascii: "=")]
                        + Array(UnsafeRawBufferPointer(start: value, count: strlen(value))))
            }
            continue
        }
        // As docker has it: no quoting, no `export`.
        let name = line[..<mark]
        if name.isEmpty || name.contains(UInt8(ascii: " ")) || name.contains(UInt8(ascii: "\t")) {
            throw SystemError(
                "use", concat(path, ": ", quoted(Array(name)), " is no variable's name"), EINVAL)
        }
        entries.append(line)
    }
    return entries
}
