import Glibc
import Testing

/// A fresh, short directory under /tmp with a sessions directory in it, and a clean environment.
/// Its end ends every keeper in it by the PID in its locked sidecar, and reports what was left over.
final class Sandbox {
    let root: String
    var sessions: String
    var environment: [String: String]
    /// A test that leaves a process after on purpose says so; it is ended nevertheless.
    var mayLeaveProcesses = false
    /// How long what was told to end may take, in seconds.
    var patience = 30.0
    private var started: [Running] = []
    private var errorFiles = 0
    /// With `KEEPER_TEST_TIMES=1` each sandbox says how long it was there. What the runner says has the time in it that
    /// a test waited for its turn.
    private let beginning = monotonicNow()
    private let owner = Test.current.map { "\($0.id)" } ?? "no test"

    init() throws {
        _ = brokenPipesAreErrors
        var template = [CChar]("/tmp/kt-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CallFailed("mkdtemp") }
        root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        sessions = root + "/s"
        environment = [
            "PATH": environmentValue("PATH") ?? "/usr/bin:/bin", "HOME": root,
            "KEEPER_SESSIONS_DIR": sessions,
            "LC_ALL": "C.UTF-8",
        ]
    }

    deinit { cleanUp() }

    // MARK: Programs

    /// Runs `keeperctl` to its end.
    @discardableResult
    func ctl(
        _ arguments: String..., input: [UInt8] = [], limit: Double = 120,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        try run(
            [Executables.keeperctl] + arguments, input: input, limit: limit, sourceLocation: sourceLocation)
    }

    /// Runs any program to its end in the sandbox's environment. What takes too long is killed and fails
    /// the test, with the keepers' logs; so does a process that keeps the pipes open after the end.
    @discardableResult
    func run(
        _ argv: [String], input: [UInt8] = [], setting changes: [String: String?] = [:],
        directory: String? = nil,
        limit: Double = 120, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        let (inputRead, inputWrite) = try makePipe()
        let (outputRead, outputWrite) = try makePipe()
        let (errorRead, errorWrite) = try makePipe()
        let launch = Launch(
            argv: argv, environment: environment(with: changes), directory: directory ?? root,
            descriptors: [0: inputRead, 1: outputWrite, 2: errorWrite])
        let pid = try starting(launch, closing: [inputRead, outputWrite, errorWrite])
        let capture = Capture(
            pid: pid, command: argv, input: input, inputEnd: inputWrite, outputEnds: [outputRead, errorRead])
        guard let outcome = try capture.finish(limit: limit) else {
            Issue.record("killed after \(limit) s: \(argv)\n\(logs)", sourceLocation: sourceLocation)
            throw TimedOut(what: "end of \(argv)")
        }
        if outcome.pipesLeftOpen {
            Issue.record(
                "its pipes were still open after its end: \(outcome)", sourceLocation: sourceLocation)
        }
        return outcome
    }

    /// Starts a program in the background: stdin and stdout are pipes, stderr is a file.
    func start(
        _ argv: [String], setting changes: [String: String?] = [:], directory: String? = nil,
        extra: [Int32: Int32] = [:], newSession: Bool = false
    ) throws -> Running {
        let (inputRead, inputWrite) = try makePipe()
        let (outputRead, outputWrite) = try makePipe()
        errorFiles += 1
        let errorPath = root + "/stderr-\(errorFiles).txt"
        let error = open(errorPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let launch = Launch(
            argv: argv, environment: environment(with: changes), directory: directory ?? root,
            descriptors: extra.merging([0: inputRead, 1: outputWrite, 2: error]) { $1 },
            newSession: newSession)
        let pid = try starting(launch, closing: [inputRead, outputWrite, error])
        let running = Running(
            pid: pid, command: argv, input: inputWrite, output: outputRead, errorPath: errorPath)
        started.append(running)
        return running
    }

    /// Starts a program in the background on a terminal. It is the terminal's own unless `controlling` says no,
    /// and is then told by signals of what happens to it.
    func start(
        _ argv: [String], on terminal: PseudoTerminal, controlling: Bool = true
    ) throws -> Running {
        errorFiles += 1
        let errorPath = root + "/stderr-\(errorFiles).txt"
        let error = open(errorPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let launch = Launch(
            argv: (controlling ? ["setsid", "-c"] : []) + argv, environment: environment(with: [:]),
            directory: root, descriptors: [0: terminal.slave, 1: terminal.slave, 2: error])
        let pid = try starting(launch, closing: [error])
        let running = Running(pid: pid, command: argv, input: -1, output: -1, errorPath: errorPath)
        started.append(running)
        return running
    }

    /// Starts `keeperctl` in the background.
    func startCtl(_ arguments: String...) throws -> Running { try start([Executables.keeperctl] + arguments) }

    private func starting(_ launch: Launch, closing descriptors: [Int32]) throws -> pid_t {
        defer { for descriptor in descriptors { close(descriptor) } }
        return try launch.start()
    }

    private func environment(with changes: [String: String?]) -> [String: String] {
        var result = environment
        for (name, value) in changes { result[name] = value }
        return result
    }

    /// A session that must start; its id.
    @discardableResult
    func spawn(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let outcome = try run([Executables.keeperctl, "spawn"] + arguments, sourceLocation: sourceLocation)
        try #require(outcome.status == 0, outcome.why, sourceLocation: sourceLocation)
        return outcome.line
    }

    // MARK: The sessions directory

    func path(_ name: String) -> String { "\(sessions)/\(name)" }
    func socket(_ id: String) -> String { path("\(id).rpc.sock") }
    func control(_ id: String) -> String { path("\(id).d/ctl.sock") }
    func exists(_ name: String) -> Bool { fileStatus(path(name)) != nil }
    func mode(_ name: String) -> mode_t? { fileStatus(path(name)).map { $0.st_mode & 0o7777 } }
    func bytes(_ name: String) -> [UInt8]? { readFile(path(name)) }
    func text(_ name: String) -> String { String(decoding: bytes(name) ?? [], as: UTF8.self) }
    func log(_ id: String) -> String { text("keeper-\(id).log") }
    func number(_ name: String) -> Int? {
        Int(text(name).prefix { $0.isNumber })
    }
    func keeperPID(_ id: String) throws -> Int {
        try #require(number("\(id).rpc.sock.pid"), "no PID sidecar of \(id); \(logs)")
    }
    func childPID(_ id: String) throws -> Int {
        try #require(number("\(id).rpc.sock.pi-pid"), "no pi-pid of \(id); \(logs)")
    }
    func status(_ id: String) throws -> JSON { try JSON(parsing: bytes("\(id).d/status.json") ?? []) }
    func state(_ id: String) -> String? { (try? status(id))?["state"]?.string }
    func events(_ id: String) throws -> [JSON] { try JSON.lines(bytes("\(id).d/events.jsonl") ?? []) }
    func eventNames(_ id: String) throws -> [String] { try events(id).compactMap { $0["event"]?.string } }

    /// How many bytes of stdout the session has carried, as the keeper says.
    func next(_ id: String) throws -> Int? {
        try UnixClient(control(id)).call("status")["result"]?["streams"]?["stdout"]?["next"]?.int
    }

    /// Names of a stream's segments, oldest first.
    func segments(_ id: String, _ stream: String = "stdout", _ ending: String = "log") -> [String] {
        directoryEntries(path("\(id).d")).filter {
            $0.hasPrefix("\(stream).") && $0.hasSuffix(".\(ending)") && $0 != "\(stream).\(ending)"
        }
    }

    /// What the journal of a stream holds.
    func journal(_ id: String, _ stream: String = "stdout") -> [UInt8] {
        segments(id, stream).flatMap { bytes("\(id).d/\($0)") ?? [] }
    }

    func journalText(_ id: String, _ stream: String = "stdout") -> String {
        String(decoding: journal(id, stream), as: UTF8.self)
    }

    /// The names that only a living session has.
    func sidecars(_ id: String) -> [String] {
        directoryEntries(sessions).filter {
            $0.hasPrefix("\(id).rpc.sock") || $0.hasPrefix(".\(id).rpc.sock")
        }
    }

    /// Every log of every keeper here, for failures.
    var logs: String {
        let names = directoryEntries(sessions).filter { $0.hasPrefix("keeper-") }
        return names.map { "--- \($0)\n\(text($0).suffix(4000))" }.joined(separator: "\n")
    }

    // MARK: The end

    private func cleanUp() {
        for running in started
        where !running.hasEnded && Proc.arguments(Int(running.pid)).first != Executables.keeper {
            kill(running.pid, SIGKILL)
        }
        for running in started { running.closeInput() }
        endKeepers(SIGTERM)
        // Twice in a row: between two programs of one process its environment can't be seen.
        var left = [0]
        var empty = 0
        try? eventually("an empty sandbox", timeout: mayLeaveProcesses ? 0.5 : patience) {
            left = processes
            empty = left.isEmpty ? empty + 1 : 0
            return empty == 3
        }
        if empty < 3 {
            let list = left.map { "\($0) \(Proc.arguments($0)) \(Proc.state($0) ?? "?")" }
            if !mayLeaveProcesses {
                Issue.record("processes left over: \(list.joined(separator: "; "))\n\(logs)")
            }
            try? eventually("the rest to go", timeout: 10) {
                for pid in processes { kill(pid_t(pid), SIGKILL) }
                return processes.isEmpty
            }
        }
        for running in started { _ = try? running.wait(timeout: 5) }
        checkFaults()
        if environmentValue("KEEPER_TEST_KEEP") != "1" { removeTree(root) }
        if environmentValue("KEEPER_TEST_TIMES") == "1" {
            print("took \(Int((monotonicNow() - beginning) * 1000)) ms: \(owner)")
        }
    }

    private func endKeepers(_ signal: Int32) {
        for folder in Set([sessions] + extraSessionDirectories) {
            for name in directoryEntries(folder)
            where name.hasSuffix(".rpc.sock.pid") && isLocked("\(folder)/\(name)") {
                let pid = String(decoding: readFile("\(folder)/\(name)") ?? [], as: UTF8.self).prefix {
                    $0.isNumber
                }
                // Only a process of this sandbox: a test may have written any number into the sidecar.
                if let pid = Int(pid), processes.contains(pid) { kill(pid_t(pid), signal) }
            }
        }
    }

    /// Faults that were asked for: see ``faults(_:sourceLocation:)``.
    var expectedFaults: [(rule: String, place: SourceLocation)] = []

    /// Further directories whose keepers are ended with the sandbox.
    var extraSessionDirectories: [String] = []

    /// Living processes whose environment or working directory is of this sandbox.
    var processes: [Int] {
        let mark = [UInt8](root.utf8)
        return Proc.all.filter { pid in
            if pid == Int(getpid()) || !Proc.alive(pid) { return false }
            if readLink("/proc/\(pid)/cwd")?.hasPrefix(root) == true { return true }
            return (readFile("/proc/\(pid)/environ") ?? []).split(separator: 0).contains { entry in
                entry.firstIndex(of: 61).map { entry[($0 + 1)...].starts(with: mark) } ?? false
            }
        }
    }
}
