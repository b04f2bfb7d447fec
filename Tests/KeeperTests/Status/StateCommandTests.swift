import Glibc
import Testing

@Suite("keeperctl restart, pause and resume")
struct StateCommandTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("restart starts the commands of several sessions anew, in the same sessions")
    func restarts() throws {
        let ids = ["a", "b", "c"]
        for id in ids { try box.spawn(id, "--", "sh", "-c", "echo up; exec cat") }
        let keepers = try ids.map { try box.keeperPID($0) }
        let children = try ids.map { try box.childPID($0) }
        let outcome = try box.ctl("restart", "a", "b", "c")
        #expect(outcome.status == 0 && outcome.out == "" && outcome.err == "", outcome.why)
        #expect(try ids.map { try box.keeperPID($0) } == keepers)
        for (id, child) in zip(ids, children) {
            #expect(try box.childPID(id) != child && !Proc.alive(child))
            try eventually("output goes on in \(id)") { box.journalText(id) == "up\nup\n" }
        }
        #expect(try box.ctl("write", "a", "still there").status == 0)
        try eventually("the line") { box.journalText("a") == "up\nup\nstill there\n" }
    }

    @Test("a paused session stands still and keeps what is sent to it")
    func pauses() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let child = try box.childPID("a")
        #expect(try box.ctl("pause", "a").status == 0)
        #expect(box.state("a") == "paused")
        try eventually("its stop") { Proc.state(child) == "T" }
        let writer = try box.startCtl("write", "a", "waits")
        let again = try box.ctl("pause", "a")
        #expect(again.status == 1)
        #expect(again.err == "keeperctl: a: can't pause: the session is paused, not running\n", again.why)
        #expect(try box.ctl("resume", "a").status == 0)
        #expect(try writer.wait() == .exited(0))
        try eventually("the line") { box.journalText("a") == "waits\n" }
        let late = try box.ctl("resume", "a")
        #expect(late.err == "keeperctl: a: can't resume: the session is running, not paused\n", late.why)
    }

    @Test("each failure is a line; the other sessions are still done", arguments: ["restart", "pause"])
    func failures(command: String) throws {
        for id in ["a", "over", "b"] { try box.spawn("--wait", "ready", id, "--", "cat") }
        try box.ctl("kill", "over")
        let outcome = try box.ctl(command, "a", "none", "over", "b")
        #expect(outcome.status == 3, outcome.why)
        let lines = outcome.err.split(separator: "\n")
        #expect(
            lines.count == 2 && lines[0].contains("'none'") && lines[1].contains("session over is over"),
            outcome.why)
        for id in ["a", "b"] {
            if command == "restart" {
                #expect(box.restarts(id) == 1)
            } else {
                #expect(box.state(id) == "paused")
            }
        }
        #expect(try box.ctl(command).status == 2)
        #expect(try box.ctl(command, "/").status == 2)
    }

    @Test("a command that is slow to end is waited for, but not longer than asked")
    func timeout() throws {
        let script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        try box.spawn("--stop-steps", "TERM:1h,KILL:2s", "a", "--", "sh", "-c", script)
        try eventually("its start") { box.journalText("a") == "up\n" }
        let outcome = try box.ctl("restart", "--timeout", "100ms", "a")
        #expect(outcome.status == 4 && outcome.err == "keeperctl: a: timed out\n", outcome.why)
        #expect(box.state("a") == "stopping")
        try box.ctl("kill", "--now", "a")
    }

    @Test("who waits for a restart that does not come is told so")
    func refused() throws {
        let script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        try box.spawn("--stop-steps", "TERM:1h,KILL:2s", "a", "--", "sh", "-c", script)
        try eventually("its start") { box.journalText("a") == "up\n" }
        let waiting = try box.startCtl("restart", "a")
        try eventually("the request") { box.state("a") == "stopping" }
        try box.ctl("kill", "--now", "a")
        #expect(try waiting.wait() == .exited(1))
        #expect(waiting.errorText.contains("can't restart: the session is "), "\(waiting.errorText)")
    }
}
