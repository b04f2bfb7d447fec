import Glibc
import Testing

@Suite("What a child leaves behind")
struct LeftoverTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Runs until it is killed: in a session of its own, deaf to SIGTERM, away from the pipes.
    private let escape =
        "setsid sh -c 'trap \"\" TERM; echo $$ > \"$0\"; exec sleep 1000' \"$PIDFILE\" </dev/null >/dev/null 2>&1 &"

    private func escaped(_ path: String) throws -> Int {
        try eventual("the escaped process") {
            Int(String(decoding: readFile(path) ?? [], as: UTF8.self).filter { $0.isNumber })
        }
    }

    @Test("what forked away into its own session is ended with the session", arguments: ["kill", "natural"])
    func ended(how: String) throws {
        box.hurry()
        let file = box.root + "/pid"
        try box.spawn("--wait", "ready", "--env", "PIDFILE=\(file)", "a", "--", "sh", "-c", "\(escape)\ncat")
        let pid = try escaped(file)
        #expect(try box.ctl(how == "kill" ? "kill" : "eof", "a").status == 0)
        try eventually("the end of the session") { !box.exists("a.rpc.sock.pid") }
        #expect(!Proc.alive(pid))
        #expect(box.state("a") == "exited")
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
    }

    @Test("--leftovers leave leaves them")
    func left() throws {
        let file = box.root + "/pid"
        box.mayLeaveProcesses = true
        try box.spawn(
            "--leftovers", "leave", "--env", "PIDFILE=\(file)", "a", "--", "sh", "-c", "\(escape)\ncat")
        let pid = try escaped(file)
        #expect(try box.ctl("eof", "a").status == 0)
        try eventually("the end of the session") { !box.exists("a.rpc.sock.pid") }
        #expect(Proc.alive(pid))
        kill(pid_t(pid), SIGKILL)
    }

    @Test("a grandchild that holds the pipes does not keep the session open")
    func holdsPipes() throws {
        box.hurry()
        try box.spawn("--leftovers", "leave", "a", "--", "sh", "-c", "sleep 1000 & echo said; read x; exit 3")
        box.mayLeaveProcesses = true
        #expect(try box.ctl("write", "a", "go").status == 0)
        #expect(try box.ctl("wait", "a").out == "a 3\n")
        #expect(box.journalText("a") == "said\n")
        try eventually("the sidecars to go") { box.sidecars("a") == [] }
    }

    @Test(
        "what leftovers write is read for as long as they write; it used to be cut two seconds after the command's end"
    )
    func leftWriting() throws {
        box.mayLeaveProcesses = true
        let loop = "for i in 1 2 3 4 5 6 7 8; do sleep 0.5; echo $i; done"
        try box.spawn("--leftovers", "leave", "a", "--", "sh", "-c", "(\(loop)) 2>/dev/null & exit 0")
        #expect(try box.ctl("wait", "a").out == "a 0\n")
        #expect(box.journalText("a") == "1\n2\n3\n4\n5\n6\n7\n8\n")
        #expect(try !box.eventNames("a").contains("outputAbandoned"))
    }

    @Test("the end of reading what leftovers hold is in the log and the events")
    func leftSilent() throws {
        box.hurry()
        box.mayLeaveProcesses = true
        try box.spawn("--leftovers", "leave", "a", "--", "sh", "-c", "sleep 1000 2>/dev/null & echo said")
        #expect(try box.ctl("wait", "a").out == "a 0\n")
        let events = try box.events("a").filter { $0["event"]?.string == "outputAbandoned" }
        #expect(events.map { $0["stream"]?.string } == ["stdout"])
        #expect(box.log("a").contains("stdout is not read any more, though processes still hold it"))
    }

    @Test("leftovers that never stop writing don't keep a session that is told to end, nor the next child")
    func leftWritingForEver() throws {
        box.mayLeaveProcesses = true
        let loop = "while sleep 0.1; do echo; done"
        try box.spawn("--leftovers", "leave", "a", "--", "sh", "-c", "(\(loop)) & read x")
        #expect(try box.ctl("eof", "a").status == 0)
        try eventually("the child's end") { box.log("a").contains("the child ended") }
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try box.eventNames("a").contains("outputAbandoned"))
        try box.spawn(
            "--leftovers", "leave", "--restart", "always", "--wait", "ready", "b", "--", "sh", "-c",
            "(\(loop)) & read x")
        #expect(try box.ctl("write", "b", "x").status == 0)
        try eventually("the next child") { try box.status("b")["child"]?["restarts"]?.int ?? 0 > 0 }
        #expect(try box.ctl("kill", "--now", "b").status == 0)
    }

    @Test("a session started inside a session outlives it")
    func nested() throws {
        try box.spawn("outer", "--", "sh", "-c", "\(Executables.keeperctl) spawn inner -- cat; exec cat")
        try eventually("the inner session") { box.journalText("outer") == "inner\n" }
        let (keeper, child) = (try box.keeperPID("inner"), try box.childPID("inner"))
        #expect(try box.ctl("kill", "outer").status == 0)
        #expect(box.sidecars("outer") == [])
        #expect(Proc.alive(keeper) && Proc.alive(child))
        #expect(try box.ctl("write", "inner", "still here").status == 0)
        try eventually("the line") { box.journalText("inner") == "still here\n" }
        #expect(try box.ctl("kill", "inner").status == 0)
    }

    @Test("a nested session outlives an outer keeper that is killed")
    func nestedKill() throws {
        try box.spawn("outer", "--", "sh", "-c", "\(Executables.keeperctl) spawn inner -- cat; exec cat")
        try eventually("the inner session") { box.journalText("outer") == "inner\n" }
        let child = try box.childPID("outer")
        kill(pid_t(try box.keeperPID("outer")), SIGKILL)
        try eventually("the outer child to end") { !Proc.alive(child) }
        #expect(try box.ctl("discover", "-q").out == "inner\n")
        #expect(try box.ctl("write", "inner", "still here").status == 0)
    }

    @Test("many grandchildren that end by themselves are reaped")
    func zombies() throws {
        try box.spawn(
            "a", "--", "sh", "-c", "i=0; while [ $i -lt 20 ]; do (true &); i=$((i+1)); done; echo done; cat")
        try eventually("the forks") { box.journalText("a") == "done\n" }
        let keeper = try box.keeperPID("a")
        try eventually("only the child to be left") { Proc.children(keeper) == [try box.childPID("a")] }
    }

    /// Starts a session whose keeper, and all below it, can't see /proc.
    private func spawnHidden(_ id: String, _ script: String, unshare: [String] = ["--mount"]) throws {
        box.environment["PATH"] = "\(Executables.directory):\(box.environment["PATH"] ?? "")"
        let command =
            "mount -t tmpfs none /proc && exec keeperctl spawn --wait ready \(id) -- sh -c '\(script)'"
        let outcome = try box.run(["unshare"] + unshare + ["sh", "-c", command])
        try #require(outcome.status == 0, outcome.why)
    }

    @Test("without /proc a session ends as soon as its last process has", requiresRoot(), requires("unshare"))
    func hidden() throws {
        for (id, options) in [("a", []), ("b", ["--now"])] as [(String, [String])] {
            try spawnHidden(id, "cat; (sleep 0.1) & exit 3")
            let outcome = try box.run([Executables.keeperctl, "kill", id] + options)
            #expect(outcome.status == 0, outcome.why)
            #expect(box.sidecars(id) == [] && box.state(id) == "exited")
            #expect(!box.log(id).contains("/proc"), "nothing was left that could not be known")
        }
        try spawnHidden("c", "cat; exit 3")
        #expect(try box.ctl("eof", "c").status == 0)
        try eventually("its own end") { box.sidecars("c") == [] }
        #expect(try box.status("c")["exit"]?["code"]?.int == 3)
    }

    @Test(
        "what can't be found without /proc keeps no session alive, and the log says so", requiresRoot(),
        requires("unshare"), arguments: [[], ["--now"]])
    func hiddenLeftovers(options: [String]) throws {
        box.hurry()
        // One in the child's group, deaf to SIGTERM, and one that has left it.
        let file = box.root + "/pid"
        box.environment["PIDFILE"] = file
        box.mayLeaveProcesses = true
        try spawnHidden(
            "a",
            "(trap \"\" TERM; exec sleep 1000) </dev/null >/dev/null 2>&1 & echo $!; "
                + "setsid sh -c \"trap : TERM; echo \\$\\$ >$PIDFILE; while :; do sleep 0.1; done\" "
                + "</dev/null >/dev/null 2>&1 & exec cat")
        let gone = try escaped(file)
        let member = try eventual("the group's") { Int(box.journalText("a").filter { $0.isNumber }) }
        let outcome = try box.run([Executables.keeperctl, "kill", "a"] + options)
        #expect(outcome.status == 0, outcome.why)
        #expect(box.sidecars("a") == [] && box.state("a") == "exited")
        #expect(!Proc.alive(member), "the child's group can be ended")
        #expect(Proc.alive(gone))
        kill(pid_t(gone), SIGKILL)
        #expect(box.log("a").split(separator: "\n").filter { $0.contains("/proc does not show") }.count == 1)
    }
}
