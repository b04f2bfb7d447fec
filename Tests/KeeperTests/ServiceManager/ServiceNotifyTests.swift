import Glibc
import KeeperShared
import Testing

/// The keeper as the main process of a service that wants to be told: sd_notify(3), with the test as the manager.
@Suite struct ServiceNotifyTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// The manager's end of the protocol.
    private final class Manager {
        let descriptor: Int32
        private(set) var lines: [String] = []

        init(_ path: String, abstract: Bool = false) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let name = abstract ? [0] + [UInt8](path.utf8) : [UInt8](path.utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0), length)
                }
            }
            guard result == 0 else { throw CallFailed("bind \(path)") }
        }

        deinit { close(descriptor) }

        /// Whether a line has come by now; messages are separated by an empty one.
        func has(_ line: String) -> Bool {
            var space = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &space, space.count, Int32(MSG_DONTWAIT))
                if count < 0 { break }
                let text = String(decoding: space[..<count], as: UTF8.self)
                lines += text.split(separator: "\n").map(String.init) + [""]
            }
            return lines.contains(line)
        }

        func count(_ line: String) -> Int {
            _ = has("")
            return lines.filter { $0 == line }.count
        }
    }

    private func keeper(
        _ arguments: [String], setting changes: [String: String?] = [:]
    ) throws -> (Running, Manager) {
        let manager = try Manager("\(box.root)/n")
        let environment: [String: String?] = ["NOTIFY_SOCKET": "\(box.root)/n"]
        let running = try box.start(
            [Executables.keeper] + arguments, setting: environment.merging(changes) { $1 })
        return (running, manager)
    }

    @Test("it says when the session is ready, what it does, and that it ends; each once, in order")
    func life() throws {
        let (running, manager) = try keeper(["a", "--", "cat"])
        try eventually("READY=1") { manager.has("READY=1") }
        let child = try box.childPID("a")
        #expect(manager.lines.contains("STATUS=running, child PID \(child)"))
        #expect(manager.lines.contains("MAINPID=\(running.pid)"))
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == .exited(0))
        try eventually("STOPPING=1") { manager.has("STOPPING=1") }
        let told = manager.lines.filter { !$0.isEmpty && !$0.hasPrefix("MAINPID") }
        #expect(
            told == [
                "STATUS=starting, child PID \(child)", "STATUS=running, child PID \(child)", "READY=1",
                "STATUS=stopping, child PID \(child)", "STATUS=exited", "STOPPING=1",
            ])
    }

    @Test("STOPPING=1 when a child was only restarted kept the manager from ending the session later")
    func restart() throws {
        let (running, manager) = try keeper(["a", "--", "cat"])
        try eventually("READY=1") { manager.has("READY=1") }
        #expect(try box.ctl("restart", "a").status == 0)
        try eventually("the second child") {
            manager.has("STATUS=running, child PID \(try box.childPID("a"))")
        }
        #expect(manager.count("STOPPING=1") == 0)
        #expect(manager.count("READY=1") == 1)
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == .exited(0))
        try eventually("STOPPING=1") { manager.has("STOPPING=1") }
    }

    @Test(
        "a session that is over before it was ready: READY=1 only if it went well, and never with STOPPING=1")
    func shortLives() throws {
        let (running, manager) = try keeper(["a", "--", "true"])
        #expect(try running.wait() == .exited(0))
        try eventually("STOPPING=1") { manager.has("STOPPING=1") }
        #expect(manager.count("READY=1") == 1)
        let messages = manager.lines.split(separator: "")
        #expect(!messages.contains { $0.contains("READY=1") && $0.contains("STOPPING=1") })
        #expect(!manager.lines.contains { $0.hasPrefix("WATCHDOG") })

        unlink("\(box.root)/n")
        let (failing, second) = try keeper(["b", "--", "false"])
        #expect(try failing.wait() == .exited(1))
        try eventually("the failure") {
            second.has("STATUS=failed: ended before it was ready: exit 1")
        }
        #expect(second.count("READY=1") == 0)
    }

    @Test("WATCHDOG=1 comes again and again when it is wanted, and of this process only")
    func watchdog() throws {
        let (running, manager) = try keeper(["a", "--", "cat"], setting: ["WATCHDOG_USEC": "40000"])
        try eventually("five signs of life") { manager.count("WATCHDOG=1") >= 5 }
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == .exited(0))

        unlink("\(box.root)/n")
        let (other, second) = try keeper(
            ["b", "--", "cat"], setting: ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"])
        try eventually("READY=1") { second.has("READY=1") }
        kill(other.pid, SIGTERM)
        #expect(try other.wait() == .exited(0))
        #expect(second.count("WATCHDOG=1") == 0)
    }

    @Test("a socket with an abstract name works, and one without a reader does no harm")
    func otherSockets() throws {
        let name = "keeper-test-\(getpid())-\(box.root.suffix(6))"
        let manager = try Manager(name, abstract: true)
        _ = try box.start(
            [Executables.keeper, "a", "--", "cat"], setting: ["NOTIFY_SOCKET": "@\(name)"])
        try eventually("READY=1") { manager.has("READY=1") }
        _ = try box.start([Executables.keeper, "b", "--", "cat"], setting: ["NOTIFY_SOCKET": "/no/such"])
        try eventually("b to run") { box.state("b") == "running" }
    }

    @Test("a manager that reads nothing held up the session for a second a message, and then missed it")
    func fullSocket() throws {
        let (running, manager) = try keeper(["a", "--", "cat"])
        try eventually("READY=1") { manager.has("READY=1") }
        let child = try box.childPID("a")
        try fillSocket("\(box.root)/n")
        for round in 0..<20 {
            #expect(try box.call("a", "pause")["result"] != nil)
            #expect(try box.call("a", "resume")["result"] != nil)
            #expect(try UnixClient(box.socket("a")).deliver("line \(round)\n").isReceipt)
        }
        #expect(try box.call("a", "restart")["result"] != nil)
        let next = try eventual("the next child") {
            let pid = try box.childPID("a")
            return pid == child ? nil : pid
        }
        try box.awaitState("a", "running")
        let lines = (0..<20).map { "line \($0)\n" }.joined()
        try eventually("all lines") { box.journalText("a") == lines }
        // What has changed since is left out; what is true by now comes once there is room.
        try eventually("the status") { manager.has("STATUS=running, child PID \(next)") }
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == .exited(0))
        try eventually("STOPPING=1") { manager.has("STOPPING=1") }
        let told = manager.lines.filter { !$0.isEmpty && !$0.hasPrefix("MAINPID") && $0 != "FILL=1" }
        let end = ["STATUS=stopping, child PID \(next)", "STATUS=exited", "STOPPING=1"]
        #expect(Array(told.suffix(4)) == ["STATUS=running, child PID \(next)"] + end)
    }

    @Test("only the process that the manager has started speaks: no keeper for the service that started it")
    func notForOthers() throws {
        let (_, manager) = try keeper(["a", "--", "cat"], setting: ["SYSTEMD_EXEC_PID": "1"])
        try eventually("a to run") { box.state("a") == "running" }
        // Nor one that keeperctl has started, whatever the environment looks like.
        let outcome = try box.run(
            [Executables.keeperctl, "spawn", "--wait", "ready", "b", "--", "cat"],
            setting: ["NOTIFY_SOCKET": "\(box.root)/n"])
        #expect(outcome.status == 0, outcome.why)
        #expect(try box.ctl("kill", "a", "b").status == 0)
        _ = manager.has("")
        #expect(manager.lines.isEmpty)
    }

    @Test("the child gets none of it, unless it was told to notify its keeper")
    func child() throws {
        let (_, manager) = try keeper(
            ["a", "--", "bash", "-c", "env; exec cat"],
            setting: ["WATCHDOG_USEC": "9000000", "SYSTEMD_EXEC_PID": nil])
        try eventually("READY=1") { manager.has("READY=1") }
        let child = try box.childPID("a")
        try eventually("all of it") {
            Proc.arguments(child) == ["cat"] && box.journalText("a").contains("KEEPER_SESSION=a")
        }
        let environment = box.journalText("a")
        for name in ["NOTIFY_SOCKET", "WATCHDOG_", "SYSTEMD_EXEC_PID"] {
            #expect(!environment.contains("\n\(name)"))
        }
    }
}
