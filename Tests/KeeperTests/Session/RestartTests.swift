import Glibc
import Testing

/// What follows when a child ends.
@Suite("Restarts")
struct RestartTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test(
        "the policy says whether a child that was ready is started again",
        arguments: [
            ("no", "exit 0", false), ("no", "exit 3", false), ("on-failure", "exit 0", false),
            ("on-failure", "exit 3", true), ("on-failure", "kill -KILL $$", true),
            ("always", "exit 0", true), ("always", "exit 3", true),
        ])
    func policy(policy: String, end: String, again: Bool) throws {
        try box.supervise(
            "a", ["--restart", policy, "--ready", "output"],
            box.counting("echo up $run; [ $run = 1 ] || exec cat; read x; \(end)"))
        try eventually("the first child") { box.journalText("a") == "up 1\n" }
        #expect(try box.ctl("write", "a", "x").status == 0)
        if again {
            try eventually("the second child") { box.journalText("a") == "up 1\nup 2\n" }
            try box.awaitState("a", "running")
            #expect(box.restarts("a") == 1)
            #expect(try box.status("a")["exit"] == nil && box.reason("a") == nil)
            #expect(try box.status("a")["child"]?["pid"]?.int == box.childPID("a"))
            let names = try box.eventNames("a")
            #expect(
                names == ["started", "ready", "exited", "restarting", "started", "ready"], "\(names)")
            #expect(try box.events("a", "restarting")[0]["restarts"]?.int == 1)
            #expect(try box.ctl("kill", "a").status == 0)
        } else {
            try box.awaitEnd("a")
            #expect(box.state("a") == "exited")
            #expect(box.restarts("a") == 0)
        }
        try box.transitions("a")
    }

    @Test("the delays grow from one second on, each within a tenth, as the events have them")
    func delays() throws {
        try box.supervise(
            "a", ["--restart", "always", "--ready", "output"], ["sh", "-c", "echo up; exit 1"])
        try eventually("three restarts") { try box.events("a", "restarting").count == 3 }
        try box.awaitState("a", "backoff")
        let status = try box.status("a")
        #expect(status["nextStartAt"]?.string?.hasSuffix("Z") == true)
        #expect(status["reason"]?.string == "the child ended: exit 1")
        #expect(status["exit"]?["code"]?.int == 1)
        let delays = try box.events("a", "restarting").map { $0["delayMs"]?.int ?? 0 }
        for (delay, middle) in zip(delays, [1000, 2000, 4000]) {
            #expect((middle * 9 / 10...middle * 11 / 10).contains(delay), "\(delays)")
        }
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.state("a") == "exited")
        #expect(try box.status("a")["nextStartAt"] == nil)
        #expect(
            try box.transitions("a").last == SeenTransition(from: "stopping", event: "exited", to: "exited"))
    }

    @Test("a limit on restarts ends the session as failed, with its reason; writers are told")
    func limit() throws {
        try box.supervise(
            "a", ["--restart", "always", "--restart-limit", "1/10m", "--ready", "output"],
            box.counting("echo up; echo oops >&2; [ $run = 1 ] && read x; exit 0"))
        let writer = try UnixClient(box.socket("a"))
        try writer.send("ends the first child\nwaits\n")
        try box.awaitEnd("a")
        #expect(box.state("a") == "failed")
        #expect(box.reason("a") == "restart limit: 1 restarts in 10m")
        #expect(try box.events("a").last?["reason"]?.string == "restart limit: 1 restarts in 10m")
        #expect(box.restarts("a") == 1)
        #expect(try box.status("a")["stderrTail"]?.string == "oops\noops\n")
        // The line went into the second child's pipe, or was refused; nothing is left waiting.
        _ = try writer.readToEnd()
        try box.transitions("a")
    }

    @Test(
        "a child that has never been ready costs one start, whatever the policy",
        arguments: ["on-failure", "always"])
    func neverReady(policy: String) throws {
        try box.supervise(
            "a", ["--restart", policy, "--ready", "notify"], ["sh", "-c", "echo no >&2; sleep 0.1; exit 2"])
        try box.awaitEnd("a")
        #expect(box.state("a") == "failed")
        #expect(box.reason("a") == "ended before it was ready: exit 2")
        #expect(try box.status("a")["stderrTail"]?.string == "no\n")
        #expect(try box.eventNames("a") == ["started", "exited"])
    }

    @Test("restart ends the child by the steps and starts another at once; all who asked are answered")
    func explicit() throws {
        try box.supervise("a", ["--wait", "ready"], ["sh", "-c", "echo up; exec cat"])
        let child = try box.childPID("a")
        let clients = try (0..<2).map { _ in try UnixClient(box.control("a")) }
        for client in clients {
            try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"restart\"}\n")
        }
        for client in clients {
            let answer = try JSON(parsing: try client.readLine())
            #expect(["starting", "running"].contains(answer["result"]?["state"]?.string ?? "?"), "\(answer)")
        }
        #expect(!Proc.alive(child))
        try box.awaitState("a", "running")
        let restarts = box.restarts("a") ?? 0
        #expect((1...2).contains(restarts))
        #expect(try box.events("a", "restarting").allSatisfy { $0["delayMs"]?.int == 0 })
        #expect(box.reason("a") == nil)
        #expect(try box.ctl("write", "a", "hello").status == 0)
        try eventually("the echo") { box.journalText("a").hasSuffix("up\nhello\n") }
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    @Test("restart of a session that waits for its next child starts that at once")
    func whileAway() throws {
        try box.supervise(
            "a", ["--restart", "always", "--ready", "output"],
            box.counting("echo up; [ $run -gt 2 ] && exec cat; exit 1"))
        try eventually("the longer delay") { try box.events("a", "restarting").count == 2 }
        let answer = try box.call("a", "restart")
        #expect(answer["result"]?["state"]?.string == "starting", "\(answer)")
        try box.awaitState("a", "running")
        #expect(box.restarts("a") == 2)
        // The delays start over.
        kill(pid_t(try box.childPID("a")), SIGKILL)
        try eventually("the third delay") { try box.events("a", "restarting").count == 3 }
        let delay = try box.events("a", "restarting")[2]["delayMs"]?.int ?? 0
        #expect((900...1100).contains(delay))
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    /// The figure n used to start over with each failure to execute.
    @Test("a command that can't be executed any more is one more failure, each with a longer delay")
    func vanished() throws {
        let path = box.root + "/command"
        try writeFile(path, "#!/bin/sh\necho up\nread x\nexit 1\n".utf8, mode: 0o755)
        try box.supervise("a", ["--restart", "always", "--wait", "ready", "--ready", "output"], [path])
        rename(path, path + ".away")
        let child = try box.childPID("a")
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("two failures") { try box.events("a", "restarting").count == 3 }
        #expect(!Proc.alive(child))
        let events = try box.events("a", "restarting")
        #expect(events[1]["message"]?.string?.contains("No such file") == true)
        #expect((3600...4400).contains(events[2]["delayMs"]?.int ?? 0), "\(events)")
        #expect(box.state("a") == "backoff")
        #expect(box.reason("a")?.hasPrefix("cannot start the command again: exec") == true)
        let refusal = try box.call("a", "restart")["error"]
        #expect(refusal?["code"]?.int == 5)
        #expect(refusal?["data"]?["errno"]?.int == Int(ENOENT))
        #expect(refusal?["message"]?.string == "failed: exec \(path): No such file or directory")
        rename(path + ".away", path)
        #expect(try box.call("a", "restart")["result"] != nil)
        try box.awaitState("a", "running")
        #expect(box.reason("a") == nil)
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    @Test("a restart that can't be done ends a session whose policy does not try again")
    func cannotRestart() throws {
        let path = box.root + "/command"
        try writeFile(path, "#!/bin/sh\nexec cat\n".utf8, mode: 0o755)
        try box.supervise("a", ["--wait", "ready"], [path])
        unlink(path)
        #expect(try box.call("a", "restart")["error"]?["code"]?.int == 5)
        try box.awaitEnd("a")
        #expect(box.state("a") == "failed")
        #expect(box.reason("a")?.hasPrefix("cannot start the command again") == true)
        try box.transitions("a")
    }

    @Test("run goes on through restarts and ends with the last child's status; nothing is left")
    func foreground() throws {
        let outcome = try box.run(
            [Executables.keeperctl, "run", "--rm", "--restart", "on-failure", "--ready", "output", "a", "--"]
                + box.counting("echo run $run; [ $run = 1 ] && exit 9; exit 0"))
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == "run 1\nrun 2\n")
        #expect(directoryEntries(box.sessions).filter { $0 != ".lock" } == [])
    }

    @Test("what the session says of an earlier end does not outlive that")
    func staleReason() throws {
        try box.supervise(
            "a", ["--restart", "on-failure", "--ready", "output"],
            box.counting("[ $run = 1 ] && echo up && exit 4; exit 0"))
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        #expect(box.restarts("a") == 1)
        #expect(box.reason("a") == nil)
    }

    @Test("a keeper that dies between two children is found, and its end recorded")
    func deathWhileAway() throws {
        try box.supervise(
            "a", ["--restart", "always", "--ready", "output"], ["sh", "-c", "echo up; exit 1"])
        try box.awaitState("a", "backoff")
        kill(pid_t(try box.keeperPID("a")), SIGKILL)
        try eventually("discover to find it") {
            try box.ctl("discover")
            return box.state("a") == "lost"
        }
        #expect(box.sidecars("a") == [])
        let last = try box.transitions("a").last
        #expect(last?.event == "lost" && last?.to == "lost")
    }

    @Test("the keeper's own SIGTERM ends it between two children, and a child that is to be restarted")
    func terminated() throws {
        let away = try box.start(
            [
                Executables.keeper, "--restart", "always", "--ready", "output", "a", "--", "sh", "-c",
                "echo up",
            ])
        let restarting = try box.start(
            [Executables.keeper, "--ready", "output", "--stop-steps", "USR1:60s", "b", "--"]
                + ["sh", "-c", "trap '' USR1; echo up; while :; do sleep 0.05; done"])
        try box.awaitState("a", "backoff")
        try box.awaitState("b", "running")
        let client = try UnixClient(box.control("b"))
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"restart\"}\n")
        try box.awaitState("b", "stopping")
        away.kill(SIGTERM)
        restarting.kill(SIGTERM)
        #expect(try away.wait() == .exited(0))
        #expect(try restarting.wait() == .exited(0))
        #expect(try JSON(parsing: client.readLine())["error"]?["code"]?.int == 1)
        for id in ["a", "b"] {
            #expect(box.state(id) == "exited")
            try box.transitions(id)
        }
    }
}
