import Glibc
import Testing

@Suite("Pausing")
struct PauseTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A child with a descendant in its group and one outside of it.
    private func spawnFamily(_ id: String, _ options: [String] = []) throws -> (
        child: Int, inside: Int, outside: Int
    ) {
        try box.supervise(
            id, ["--wait", "ready", "--ready", "output:up"] + options,
            [
                "sh", "-c",
                "sleep 1000 & echo in $!; setsid sh -c 'echo out $$; echo up; exec sleep 1000' & exec cat",
            ])
        var found: [String: Int] = [:]
        for line in box.journalText(id).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { found[String(words[0])] = Int(words[1]) }
        }
        return (try box.childPID(id), try #require(found["in"]), try #require(found["out"]))
    }

    private func isStopped(_ pid: Int) -> Bool { Proc.state(pid) == "T" }

    @Test("the whole group is stopped and goes on; the state, events and input follow")
    func group() throws {
        let (child, inside, outside) = try spawnFamily("a")
        #expect(try box.call("a", "pause")["result"]?["state"]?.string == "paused")
        #expect(box.state("a") == "paused")
        try eventually("the group to be stopped") { isStopped(child) && isStopped(inside) }
        #expect(!isStopped(outside))
        let writer = try UnixClient(box.socket("a"))
        try writer.send("waits\n")
        writer.halfClose()
        #expect(try box.stateNow("a") == "paused")
        #expect(!writer.isReadable)
        #expect(try box.call("a", "resume")["result"]?["state"]?.string == "running")
        #expect(try writer.readToEnd().isReceipt)
        try eventually("the echo") { box.journalText("a").hasSuffix("waits\n") }
        #expect(!isStopped(child) && !isStopped(inside))
        #expect(try box.eventNames("a") == ["started", "ready", "paused", "resumed"])
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }

    @Test("the status of a paused session tells how far its output goes")
    func extents() throws {
        try box.supervise(
            "a", ["--wait", "ready", "--ready", "output:up"],
            ["sh", "-c", "echo up; head -c 500000 /dev/zero; exec cat"])
        try eventually("the output") { try box.next("a") == 500_003 }
        for (method, state) in [("pause", "paused"), ("resume", "running")] {
            #expect(try box.call("a", method)["result"]?["state"]?.string == state)
            let status = try box.status("a")
            #expect(status["state"]?.string == state)
            #expect(status["streams"]?["stdout"]?["next"]?.int == 500_003)
        }
    }

    /// Under `--kill tree` what is outside of the group used to be continued at once; under `process` the group ran on.
    @Test("whom signals go to otherwise: all of the group at least, all descendants with tree")
    func scopes() throws {
        for scope in ["process", "tree"] {
            let (child, inside, outside) = try spawnFamily(scope, ["--kill", scope])
            #expect(try box.call(scope, "pause")["result"] != nil)
            try eventually("the group to be stopped") { isStopped(child) && isStopped(inside) }
            if scope == "tree" { try eventually("the rest") { isStopped(outside) } }
            #expect(isStopped(outside) == (scope == "tree"))
            #expect(try box.call(scope, "resume")["result"] != nil)
            try eventually("all to go on") { ![child, inside, outside].contains { isStopped($0) } }
            #expect(try box.call(scope, "pause")["result"] != nil)
            #expect(try box.ctl("kill", scope).status == 0)
            try eventually("no process to be left") { ![child, inside, outside].contains { Proc.alive($0) } }
        }
    }

    @Test("a paused session is stopped, restarted, killed and signalled like any other")
    func ends() throws {
        for id in ["stopped", "restarted", "killed", "terminated"] {
            try box.supervise(id, ["--wait", "ready", "--restart", "always"], ["cat"])
            #expect(try box.call(id, "pause")["result"] != nil)
        }
        #expect(try box.ctl("kill", "stopped").status == 0)
        #expect(try box.status("stopped")["exit"]?["code"]?.int == 0, "it ended on the end of its input")
        #expect(try box.call("restarted", "restart")["result"] != nil)
        try box.awaitState("restarted", "running")
        #expect(try box.ctl("write", "restarted", "x").status == 0)
        try eventually("the echo") { box.journalText("restarted") == "x\n" }
        let writer = try UnixClient(box.socket("killed"))
        try writer.send("y\n")
        writer.halfClose()
        kill(pid_t(try box.childPID("killed")), SIGKILL)
        try box.awaitState("killed", "backoff")
        #expect(try writer.readToEnd().isReceipt, "the next child is not held back by the pause of the last")
        kill(pid_t(try box.keeperPID("terminated")), SIGTERM)
        try box.awaitEnd("terminated")
        #expect(box.state("terminated") == "exited")
        #expect(try box.ctl("kill", "--all").status == 0)
        for id in ["stopped", "restarted", "killed", "terminated"] { try box.transitions(id) }
    }

    @Test("what can't be done in a state is refused, with the state there is and the one that is wanted")
    func wrongStates() throws {
        func refusal(_ id: String, _ method: String) throws -> String {
            let error = try #require(try box.call(id, method)["error"])
            #expect(error["code"]?.int == 1)
            let state = error["data"]?["state"]?.string ?? "?"
            let wanted = error["data"]?["wanted"]?.string ?? "?"
            #expect(error["message"]?.string == "wrong_state: the session is \(state), not \(wanted)")
            return "\(method) \(state) \(wanted)"
        }
        let ends = ["--restart", "always", "--ready", "output", "--stop-steps", "USR1:60s"]
        try box.supervise("new", ends, ["sleep", "1000"])
        #expect(try refusal("new", "pause") == "pause starting running")
        #expect(try refusal("new", "resume") == "resume starting paused")
        try box.supervise(
            "up", ends + ["--wait", "ready"],
            ["sh", "-c", "trap '' USR1; echo up; while :; do sleep 0.05; done"])
        #expect(try refusal("up", "resume") == "resume running paused")
        #expect(try box.call("up", "pause")["result"] != nil)
        #expect(try refusal("up", "pause") == "pause paused running")
        #expect(try box.call("up", "resume")["result"] != nil)
        try box.supervise("away", ends, ["sh", "-c", "echo up"])
        try box.awaitState("away", "backoff")
        #expect(try refusal("away", "pause") == "pause backoff running")
        #expect(try refusal("away", "resume") == "resume backoff paused")
        let stop = try UnixClient(box.control("up"))
        try stop.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}\n")
        try box.awaitState("up", "stopping")
        #expect(try refusal("up", "pause") == "pause stopping running")
        #expect(try refusal("up", "resume") == "resume stopping paused")
        #expect(try refusal("up", "restart") == "restart stopping starting, running, paused or backoff")
        for id in ["new", "up", "away"] { #expect(try box.ctl("kill", "--now", id).status == 0) }
    }

    /// It used to say that the session is running and not running.
    @Test("when the child has just ended and its leftovers have not, there is no child to pause")
    func noChild() throws {
        try box.supervise(
            "a", ["--wait", "ready", "--ready", "output:up"],
            [
                "sh", "-c",
                "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.05; done' & read x; exit 0",
            ])
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("the child's end") { box.log("a").contains("left behind: ") }
        let error = try box.call("a", "pause")["error"]
        #expect(error?["code"]?.int == 3, "\(error?.description ?? "no error")")
        #expect(error?["message"]?.string == "child_away: there is no child")
        try box.awaitEnd("a")
        try box.transitions("a")
    }

    @Test("time limits do not run while a session is paused")
    func limits() throws {
        try box.supervise(
            "a",
            [
                "--wait", "ready", "--idle-timeout", "4s", "--silence-timeout", "3s", "--watchdog", "5s",
                "--stop-steps", "KILL:5s",
            ], ["sleep", "1000"])
        #expect(try box.ctl("write", "a", "unanswered").status == 0)
        #expect(try box.call("a", "pause")["result"] != nil)
        try box.pass(seconds: 6)
        #expect(try box.stateNow("a") == "paused")
        #expect(try box.call("a", "resume")["result"]?["state"]?.string == "running")
        try box.awaitEnd("a")
        #expect(box.reason("a")?.hasPrefix("silence-timeout") == true)
        try box.transitions("a")
    }
}
