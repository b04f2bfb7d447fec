import Glibc
import Testing

@Suite("Drop-in for existing dashboards: keeper ID")
struct DropInTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// What is found as `pi`: it says how it was called, and stays.
    private static let standIn = "#!/bin/sh\necho \"pi: $*\" > \"$HOME/called\"\nexec cat\n"

    private func argv(_ words: [String]) throws -> String {
        String(decoding: try JSON.encode(words), as: UTF8.self)
    }

    /// `keeper a` with this command and these arguments for its child.
    private func start(
        _ command: [String], _ arguments: [String], _ more: [String: String?] = [:]
    ) throws -> Running {
        var settings = more
        settings["PI_KEEPER_PI_CMD"] = try argv(command)
        settings["PI_KEEPER_PI_ARGS"] = try argv(arguments)
        return try box.start([Executables.keeper, "a"], setting: settings)
    }

    /// How the stand-in was called, once it has said so.
    private func called() throws -> String {
        try eventual("the stand-in's word") {
            let text = String(decoding: readFile(box.root + "/called") ?? [], as: UTF8.self)
            return text.hasSuffix("\n") ? text : nil
        }
    }

    private func ready() throws {
        do {
            try eventually("the keeper to be ready") { box.log("a").contains("keeper ready: a") }
        } catch {
            Issue.record("never ready; its log: \(box.log("a"))")
            throw error
        }
    }

    @Test("the child's argv is the command followed by the arguments; lines reach it")
    func commands() throws {
        let keeper = try start(["sh", "-c"], ["cat > \"$0\"; exit 3", box.root + "/got"])
        try ready()
        #expect(try box.keeperPID("a") == Int(keeper.pid))
        #expect(try UnixClient(box.socket("a")).deliver("{\"type\":\"prompt\"}\n").isReceipt)
        try eventually("the line") { readFile(box.root + "/got") == [UInt8]("{\"type\":\"prompt\"}\n".utf8) }
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
        #expect(box.sidecars("a") == [])
        #expect(try keeper.readToEnd() == [])
    }

    @Test("the default is pi --mode rpc, found in the PATH")
    func defaults() throws {
        let folder = box.root + "/bin"
        mkdir(folder, 0o700)
        try writeFile(folder + "/pi", DropInTests.standIn.utf8, mode: 0o700)
        let path = folder + ":" + (box.environment["PATH"] ?? "")
        let keeper = try box.start([Executables.keeper, "a"], setting: ["PATH": path])
        try ready()
        #expect(try called() == "pi: --mode rpc\n")
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test(
        "malformed or empty values are named in the log, and the default is used",
        arguments: [
            "", "[]", "not json", "{\"a\":1}", "[1,2]", "[\"sh\",null]", "\"sh\"", "[\"a\"",
        ])
    func malformed(value: String) throws {
        let folder = box.root + "/bin"
        mkdir(folder, 0o700)
        try writeFile(folder + "/pi", DropInTests.standIn.utf8, mode: 0o700)
        let path = folder + ":" + (box.environment["PATH"] ?? "")
        let keeper = try box.start(
            [Executables.keeper, "a"], setting: ["PATH": path, "PI_KEEPER_PI_CMD": value])
        try ready()
        #expect(try called() == "pi: --mode rpc\n")
        #expect(box.log("a").contains("ignoring malformed PI_KEEPER_PI_CMD"), "\(box.log("a"))")
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test("output is discarded by default, and the log says so")
    func discarded() throws {
        let keeper = try start(
            ["sh", "-c"], ["echo secret-out; echo secret-err >&2; head -c 1000000 /dev/zero; exec cat"])
        try ready()
        let log = box.log("a")
        #expect(log.contains("keeper starting: "))
        // A JSON array, until dashboards' own tests turned out to look for the words.
        #expect(
            log.contains(
                " spawning pi sh -c echo secret-out; echo secret-err >&2; head -c 1000000 /dev/zero; exec cat\n"
            ))
        #expect(log.contains("pi output capture: disabled"))
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
        let lines = box.log("a").split(separator: "\n")
        #expect(
            !lines.contains {
                $0.hasSuffix("secret-out") || $0.hasSuffix("secret-err") && !$0.contains("spawning")
            })
        #expect(box.journal("a") == [])
    }

    @Test("PI_KEEPER_CAPTURE_PI_OUTPUT=1 appends both streams to the keeper's log")
    func captured() throws {
        let keeper = try start(
            ["sh", "-c"], ["echo said-$((40+2)); echo complained-$((40+3)) >&2; exec cat"],
            ["PI_KEEPER_CAPTURE_PI_OUTPUT": "1"])
        try ready()
        #expect(box.log("a").contains("pi output capture: enabled"))
        try eventually("both streams") {
            box.log("a").contains("said-42") && box.log("a").contains("complained-43")
        }
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test("the captured log is truncated in place at its limit")
    func truncated() throws {
        let settings = [
            "PI_KEEPER_CAPTURE_PI_OUTPUT": "1", "PI_KEEPER_LOG_MAX_BYTES": "20000",
            "PI_KEEPER_LOG_CHECK_INTERVAL_MS": "50",
        ]
        let keeper = try start(["cat"], ["-"], settings.mapValues { $0 })
        try ready()
        let inode = fileStatus(box.path("keeper-a.log"))?.st_ino
        let sender = try UnixClient(box.socket("a"))
        for _ in 0..<60 { try sender.send(String(repeating: "x", count: 999) + "\n") }
        sender.halfClose()
        #expect(try sender.readToEnd().isReceipt)
        try eventually("a truncated log") { (fileStatus(box.path("keeper-a.log"))?.st_size ?? .max) < 20_000 }
        #expect(fileStatus(box.path("keeper-a.log"))?.st_ino == inode)
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test(
        "a child that ends within 300 ms, or can't be executed, makes the keeper exit 1", arguments: [0, 5])
    func early(code: Int) throws {
        #expect(try start(["sh"], ["-c", "exit \(code)"]).wait() == .exited(1))
        #expect(box.sidecars("a") == [])
        #expect(!box.log("a").contains("keeper ready"))
        #expect(try start(["/no/such/program"], ["x"]).wait() == .exited(1))
        #expect(box.sidecars("a") == [])
        #expect(box.log("a").contains("No such file or directory"), "\(box.log("a"))")
    }

    @Test("a child that ends later makes it exit 0, whatever the child's status")
    func later() throws {
        let keeper = try start(["sh"], ["-c", "read x; exit 9"])
        try ready()
        #expect(try UnixClient(box.socket("a")).deliver("go\n").isReceipt)
        #expect(try keeper.wait() == .exited(0))
        #expect(box.sidecars("a") == [])
    }

    @Test("the child's environment: marked as spawned, the token, none of PI_KEEPER_*")
    func environment() throws {
        let keeper = try start(
            ["cat"], ["-"], ["PI_DASHBOARD_SPAWN_TOKEN": "t0ken", "PI_KEEPER_OTHER": "x", "KEPT": "yes"])
        try ready()
        let variables = Proc.environment(try box.childPID("a"))
        #expect(variables.contains("PI_DASHBOARD_SPAWNED=1"))
        #expect(variables.contains("PI_DASHBOARD_SPAWN_TOKEN=t0ken"))
        #expect(variables.contains("KEPT=yes"))
        #expect(variables.filter { $0.hasPrefix("PI_KEEPER_") } == [])
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test("a second keeper of the id does not disturb the first")
    func second() throws {
        let keeper = try start(["cat"], ["-"])
        try ready()
        #expect(try start(["cat"], ["-"]).wait() == .exited(5))
        #expect(try box.keeperPID("a") == Int(keeper.pid))
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
    }

    @Test("a manager that starts [binary, path, id] uses /usr/bin/env as the binary; discover lists it")
    func environmentBinary() throws {
        let keeper = try box.start(
            ["/usr/bin/env", Executables.keeper, "a"],
            setting: ["PI_KEEPER_PI_CMD": "[\"cat\"]", "PI_KEEPER_PI_ARGS": "[\"-\"]"])
        try ready()
        #expect(try box.keeperPID("a") == Int(keeper.pid))
        #expect(try box.ctl("discover", "-q").out == "a\n")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try keeper.wait() == .exited(0))
    }
}
