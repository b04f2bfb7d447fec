import Glibc
import Testing

/// Restarts where something else fails at the same time.
@Suite(
    "Restarts and faults",
    requiresFaults())
struct RestartFaultTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test(
        "no room for status or events stops no restart; what could be written tells the rest",
        arguments: [
            "write:status.json:2:8:28", "write:events:3:6:28",
        ])
    func noRoom(fault: String) throws {
        box.environment.merge(box.faults(fault)) { $1 }
        try box.supervise(
            "a", ["--restart", "always", "--wait", "ready", "--ready", "output"],
            box.counting("echo up $run; [ $run -lt 3 ] && { read x; exit 1; }; exec cat"))
        for run in 1...2 {
            try eventually("child \(run)") { box.journalText("a").hasSuffix("up \(run)\n") }
            #expect(try box.ctl("write", "a", "x").status == 0)
        }
        try eventually("the third child") { box.journalText("a") == "up 1\nup 2\nup 3\n" }
        try eventually("the status") { box.restarts("a") == 2 && box.state("a") == "running" }
        try eventually("the events") { try box.events("a", "started").count == 3 }
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    @Test("output that the disk does not take yet is there before the next child starts; nothing is lost")
    func fullJournal() throws {
        box.environment.merge(box.faults("write:stdout.log:1:3:28")) { $1 }
        try box.supervise(
            "a", ["--restart", "always", "--ready", "delay:0"], box.counting("echo up $run; read x; exit 1"))
        try eventually("the disk to be full") { try box.eventNames("a").contains("journalFull") }
        #expect(box.reason("a")?.hasPrefix("journalFull") == true)
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("both children's output") { box.journalText("a") == "up 1\nup 2\n" }
        let names = try box.eventNames("a")
        #expect(
            try #require(names.firstIndex(of: "journalResumed")) < #require(
                names.firstIndex(of: "restarting")))
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    /// The child before counted each time as one that had been well for long: the delays started over.
    @Test("a start that fails does not shorten the delays, however long the child before was ready")
    func failedStarts() throws {
        // What is a minute otherwise takes a second.
        box.environment["KEEPER_TEST_PACE"] = "60"
        let path = box.root + "/command"
        try writeFile(path, "#!/bin/sh\necho up\nread x\nexit 1\n".utf8, mode: 0o755)
        try box.supervise("a", ["--restart", "always", "--wait", "ready", "--ready", "output"], [path])
        rename(path, path + ".away")
        try box.pass(seconds: 1.5)
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("three delays") { try box.events("a", "restarting").count >= 3 }
        let delays = try box.events("a", "restarting").map { $0["delayMs"]?.int ?? 0 }
        for (delay, middle) in zip(delays, [1000, 2000, 4000]) {
            #expect((middle * 9 / 10...middle * 11 / 10).contains(delay), "\(delays)")
        }
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    @Test("without descriptors for its pipes the next child comes later")
    func noPipes() throws {
        // The first start takes three.
        box.environment.merge(box.faults("pipe::4:2:24")) { $1 }
        try box.supervise(
            "a", ["--restart", "always", "--wait", "ready", "--ready", "output"],
            box.counting("echo up $run; [ $run = 1 ] && { read x; exit 1; }; exec cat"))
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("the second child") { box.journalText("a") == "up 1\nup 2\n" }
        try box.awaitState("a", "running")
        #expect(try box.events("a", "restarting").count >= 2)
        #expect(
            try box.events("a", "restarting")[1]["message"]?.string?.contains("Too many open files") == true)
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }
}

/// Supervision of a session that a dashboard starts.
@Suite("Restarts of a drop-in session")
struct RestartDropInTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        box.environment["PI_KEEPER_PI_CMD"] = "[\"sh\", \"-c\"]"
        box.environment["PI_DASHBOARD_SPAWN_TOKEN"] = "secret"
    }

    @Test("each child gets the environment, and the first alone its token")
    func token() throws {
        box.environment["PI_KEEPER_CAPTURE_PI_OUTPUT"] = "1"
        box.environment["PI_KEEPER_PI_ARGS"] =
            "[\"echo up $PI_DASHBOARD_SPAWNED ${PI_DASHBOARD_SPAWN_TOKEN-none}; read x; exit 1\"]"
        let keeper = try box.start(
            [Executables.keeper, "--restart", "on-failure", "--ready", "output", "a"])
        try box.awaitState("a", "running")
        #expect(box.log("a").contains("up 1 secret\n"))
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
        try eventually("the second") { box.log("a").contains("up 1 none\n") }
        try box.awaitState("a", "running")
        keeper.kill(SIGTERM)
        #expect(try keeper.wait() == .exited(0))
        try box.transitions("a")
    }

    /// It used to wait for output that is not read.
    @Test("readiness by output needs output that is captured", arguments: ["output", "line:x"])
    func discarded(condition: String) throws {
        box.environment["PI_KEEPER_PI_ARGS"] = "[\"echo up; cat\"]"
        let outcome = try box.run([Executables.keeper, "--ready", condition, "a"])
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.err.contains("PI_KEEPER_CAPTURE_PI_OUTPUT=1"), outcome.why)
    }
}
