import Glibc
import Testing

/// A session that outlives its keepers when something else goes wrong as well.
@Suite("Resilient sessions in trouble", requires("python3"))
struct ResilientFaultTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A directory where a file is to be made: that fails, also for root.
    private func block(_ name: String) { #expect(mkdir(box.path(name), 0o700) == 0) }

    private func unblock(_ name: String) { #expect(rmdir(box.path(name)) == 0) }

    private static let newStatus = "a.d/.status.json.tmp"
    private static let newChild = ".a.rpc.sock.pi-pid"

    @Test("kill goes on with the next keeper when the one that it asked dies")
    func killAcrossKeepers() throws {
        let gate = box.root + "/gate"
        #expect(mkfifo(gate, 0o600) == 0)
        let manager = try StandInManager(
            box, "--stop-steps", "eof:60s,KILL:2s", "a", "--", "sh", "-c",
            "cat; echo end >&2; read x < \(gate)")
        let kill = try box.startCtl("kill", "a")
        try eventually("the end of its input") { box.journalText("a", "stderr") == "end\n" }
        try manager.replaceKeeper()
        #expect(!kill.hasEnded)
        try writeFile(gate, "go\n".utf8)
        #expect(try manager.waitForEnd() == 0)
        #expect(try kill.wait() == .exited(0), "\(kill.errorText)")
        #expect(kill.errorText == "")
        #expect(box.state("a") == "exited")
    }

    @Test("what a child uses is counted, whichever keeper has started it")
    func usage() throws {
        let manager = try StandInManager(box, "a", "--", "sh", "-c", "sleep 1000 & exec cat")
        let child = try box.childPID("a")
        try eventually("its own child") { Proc.children(child).count == 1 }
        try manager.replaceKeeper()
        let outcome = try box.ctl("stats", "--no-stream", "--json", "a")
        let sample = try JSON.lines(Array(outcome.stdout)).first
        #expect(sample?["processes"]?.int == 2, outcome.why)
        #expect(try box.ctl("kill", "a").status == 0)
        try manager.waitForEnd()
    }

    @Test("who keeps a lock for a keeper is none: it is counted, and ended with what started it")
    func manager() throws {
        let script = box.root + "/manager.py"
        try writeFile(script, StandInManager.script.utf8)
        // In a kernel session of its own: neither the terminal's nor the group's signals reach it.
        try box.spawn(
            "outer", "--", "sh", "-c",
            "setsid \(Programs.python) \(script) \(box.root)/notify \(box.root)/hold \(Executables.keeper) "
                + "--resilient a -- cat & exec cat")
        try eventually("the session inside") { box.state("a") == "running" }
        let manager = try #require(
            box.processes.first { Proc.arguments($0).contains { $0.hasSuffix("manager.py") } })
        let outcome = try box.ctl("stats", "--no-stream", "--json", "outer")
        let sample = try JSON.lines(Array(outcome.stdout)).first
        #expect(sample?["processes"]?.int == 2, outcome.why)
        #expect(try box.ctl("kill", "outer").status == 0)
        #expect(!Proc.alive(manager))
        // The keeper itself is one, and its session outlives the one around it.
        #expect(box.state("a") == "running" && isLocked(box.path("a.rpc.sock.pid")))
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test(
        "a disk that takes no more doesn't keep the next keeper from going on with a child that it hasn't recorded"
    )
    func unrecordedChild() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let before = try box.childPID("a")
        block(ResilientFaultTests.newStatus)
        block(ResilientFaultTests.newChild)
        #expect(try box.ctl("restart", "a").status == 0)
        func status() throws -> JSON? { try UnixClient(box.control("a")).call("status")["result"] }
        try eventually("the next child") { try status()?["state"]?.string == "running" }
        // Not the one before: that number may be anybody's by now.
        #expect(!box.exists("a.rpc.sock.pi-pid"))
        for _ in 0..<2 {
            try manager.replaceKeeper()
            #expect(try status()?["state"]?.string == "running")
        }
        unblock(ResilientFaultTests.newStatus)
        unblock(ResilientFaultTests.newChild)
        try eventually("the record") {
            guard let child = box.number("a.rpc.sock.pi-pid") else { return false }
            return try box.state("a") == "running" && box.status("a")["child"]?["pid"]?.int == child
        }
        #expect(try box.childPID("a") != before && Proc.alive(box.childPID("a")))
        try box.ctl("write", "a", "hello")
        try eventually("the line") { box.journalText("a") == "hello\n" }
        #expect(try box.ctl("kill", "a").status == 0)
        try manager.waitForEnd()
    }

    @Test(
        "output that waits for the disk waits with the next keeper too, which says why", requires("prlimit"))
    func fullDisk() throws {
        let manager = try StandInManager(
            box, "--journal-size", "64M", "a", "--", "sh", "-c",
            "read x; head -c 6000000 /dev/zero | tr '\\0' x; exec cat")
        func limitFiles(to size: String, _ processes: Int...) throws {
            for pid in processes {
                #expect(try box.run(["prlimit", "--pid", "\(pid)", "--fsize=\(size)"]).status == 0)
            }
        }
        func reason() throws -> String? {
            try UnixClient(box.control("a")).call("status")["result"]?["reason"]?.string
        }
        // The next keeper's as well.
        try limitFiles(to: "4194304:unlimited", manager.keeper, Int(manager.process))
        block(ResilientFaultTests.newStatus)
        try box.ctl("write", "a", "go")
        try eventually("no more room") { try reason()?.hasPrefix("journalFull") == true }
        try manager.replaceKeeper()
        #expect(try reason()?.hasPrefix("journalFull") == true)
        unblock(ResilientFaultTests.newStatus)
        try limitFiles(to: "unlimited", manager.keeper)
        try eventually("all of it") { try reason() == nil && box.journal("a").count == 6_000_000 }
        #expect(try box.ctl("kill", "a").status == 0)
        try manager.waitForEnd()
    }

    @Test("a session that is stopped between two children doesn't begin again when its end can't be recorded")
    func stoppedInBackoff() throws {
        let manager = try StandInManager(
            box, "--restart", "always", "--ready", "output", "a", "--", "sh", "-c",
            "echo $$ >> \(box.root)/starts; echo up; read x; exit 1")
        try box.ctl("write", "a", "end")
        try eventually("backoff") { box.state("a") == "backoff" }
        block(ResilientFaultTests.newStatus)
        let client = try UnixClient(box.control("a"))
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}\n")
        try eventually("the failure") { box.log("a").contains("can't be recorded") }
        let starts = readFile(box.root + "/starts")
        try manager.replaceKeeper()
        unblock(ResilientFaultTests.newStatus)
        #expect(try manager.waitForEnd() == 0)
        #expect(readFile(box.root + "/starts") == starts)
        #expect(box.state("a") == "exited")
        #expect(box.sidecars("a") == [])
    }

    @Test("a child that died in the pause, of which the store has lost the descriptor, has ended unknown")
    func lostChild() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let child = try box.childPID("a")
        try manager.forget("child")
        try writeFile(box.root + "/hold", [])
        manager.killKeeper()
        kill(pid_t(child), SIGKILL)
        try eventually("the child's end") { !Proc.alive(child) }
        unlink(box.root + "/hold")
        #expect(try manager.waitForEnd() == 0)
        #expect(try box.status("a")["exit"]?["unknown"]?.bool == true)
        #expect(box.log("a").contains("FileDescriptorStoreMax"))
        #expect(box.sidecars("a") == [])
    }
}
