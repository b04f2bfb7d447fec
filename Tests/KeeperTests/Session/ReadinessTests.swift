import Glibc
import Testing

/// When a child counts as ready, and who waits for that.
@Suite("Readiness")
struct ReadinessTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func waitReady(_ id: String, _ options: [String], _ command: [String], limit: Double = 60) throws
        -> Outcome
    {
        try box.run(
            [Executables.keeperctl, "spawn", "--wait", "ready"] + options + [id, "--"] + command, limit: limit
        )
    }

    /// Each child becomes ready when it gets a line, in the way that its condition asks for.
    private static let conditions: [(condition: String, act: String)] = [
        ("output", "echo anything"), ("output", "echo anything >&2"),
        ("output:all good", "printf 'not yet, all '; sleep 0.05; printf 'good'"),
        ("output:all good", "printf 'all go' >&2; sleep 0.05; printf 'od, yes' >&2"),
        ("fd:3", "echo >&3"), ("fd:7", "printf 'x\\n' >&7; exec 7>&-"), ("fd:200", "bash -c 'echo >&200'"),
    ]

    @Test("a child is ready when it says so, and not before", arguments: conditions.indices)
    func kinds(index: Int) throws {
        let (condition, act) = ReadinessTests.conditions[index]
        let noise = condition == "output" ? ":" : "echo starting; echo all; echo good >&2"
        let command = ["sh", "-c", "\(noise); read x; \(act); exec cat"]
        try box.supervise("a", ["--ready", condition], command)
        let waiter = try box.startCtl("wait", "--for", "ready", "a")
        if condition != "output" {
            try eventually("the noise") { box.journal("a").count >= "starting\nall\n".utf8.count }
        }
        #expect(try box.stateNow("a") == "starting")
        #expect(!waiter.hasEnded)
        #expect(try box.ctl("write", "a", "go").status == 0)
        #expect(try waiter.wait() == .exited(0))
        #expect(box.state("a") == "running")
        try box.awaitState("a", "running")
        #expect(try box.status("a")["child"]?["readyAt"] != nil)
        #expect(try box.eventNames("a") == ["started", "ready"])
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("line:TEXT is the first line the child gets, before those of writers; its answer makes it ready")
    func line() throws {
        let command = [
            "sh", "-c", "echo banner; sleep 0.1; read a; read b; echo \"<$a>\"; echo \"<$b>\"; exec cat",
        ]
        try box.supervise("a", ["--ready", "line:are you there?"], command)
        let writer = try box.startCtl("write", "a", "hello")
        try box.awaitState("a", "running")
        #expect(try writer.wait() == .exited(0))
        try eventually("both lines") { box.journalText("a") == "banner\n<are you there?>\n<hello>\n" }
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("a child that only says something before it is asked is not ready")
    func unasked() throws {
        try box.supervise(
            "a", ["--ready", "line:x"],
            ["sh", "-c", "echo no answer >&2; read x; echo not on stdout >&2; read y; echo yes; exec cat"])
        try eventually("what is no answer") { box.journalText("a", "stderr").hasSuffix("not on stdout\n") }
        #expect(try box.stateNow("a") == "starting")
        #expect(try box.ctl("write", "a", "y").status == 0)
        try box.awaitState("a", "running")
        #expect(try box.ctl("kill", "a").status == 0)
    }

    /// An answer that came at once used to be missed.
    @Test("each child is asked again, first of all, and once")
    func lineAgain() throws {
        try box.supervise("a", ["--restart", "always", "--ready", "line:hi", "--wait", "ready"], ["cat"])
        let writer = try UnixClient(box.socket("a"))
        for round in 1...2 {
            kill(pid_t(try box.childPID("a")), SIGKILL)
            try eventually("away") { try box.events("a", "restarting").count == round }
            try writer.send("line \(round)\n")
            #expect(try box.call("a", "restart")["result"] != nil)
            try eventually("the line") { box.journalText("a").hasSuffix("line \(round)\n") }
        }
        #expect(box.journalText("a") == "hi\nhi\nline 1\nhi\nline 2\n")
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("a child whose stdin stays closed can't be asked: it has to survive")
    func lineClosed() throws {
        try box.supervise(
            "a", ["--restart", "on-failure", "--ready", "line:hi", "--wait", "ready"],
            box.counting("cat; [ $run = 1 ] && exit 1; exec sleep 1000"))
        #expect(try box.ctl("eof", "a").status == 0)
        try eventually("the second child to be ready") {
            box.restarts("a") == 1 && box.state("a") == "running"
        }
        #expect(try box.ctl("kill", "--now", "a").status == 0)
    }

    @Test(
        "spawn --wait ready tells why a child can't become ready, and wait --for ready that it has ended",
        arguments: [
            ("output", "exit 3", "exit 3"), ("output:x", "echo y >&2; kill -TERM $$", "signal TERM"),
            ("notify", "exit 4", "exit 4"), ("fd:3", "printf x >&3; exit 5", "exit 5"),
            ("line:x", "read x; exit 6", "exit 6"), ("delay:60s", "exit 7", "exit 7"),
            ("notify", "exit 0", "exit 0"),
        ])
    func failing(condition: String, script: String, end: String) throws {
        let outcome = try waitReady("a", ["--ready", condition], ["sh", "-c", script])
        #expect(outcome.status == 1, outcome.why)
        #expect(outcome.err.contains(end), outcome.why)
        try box.awaitEnd("a")
        #expect(box.state("a") == (end == "exit 0" ? "exited" : "failed"))
        let waiter = try box.ctl("wait", "--for", "ready", "a")
        #expect(waiter.status == 1 && waiter.err.contains("without having been ready"), waiter.why)
        try box.transitions("a")
    }

    /// A child that ends well once its stdin is closed used to count as one that had simply ended.
    @Test(
        "a child that is not ready in time is ended, and that is a failure however it ends",
        arguments: [["cat"], ["sh", "-c", "exec sleep 1000"]])
    func startTimeout(command: [String]) throws {
        let outcome = try waitReady(
            "a",
            [
                "--ready", "notify", "--start-timeout", "200ms", "--restart", "always", "--stop-steps",
                "eof:500ms,KILL:5s",
            ], command)
        #expect(outcome.status == 1, outcome.why)
        #expect(outcome.err.contains("start-timeout: not ready within 200ms"), outcome.why)
        try box.awaitEnd("a")
        #expect(box.state("a") == "failed")
        #expect(box.reason("a") == "start-timeout: not ready within 200ms")
        #expect(try box.eventNames("a").filter { $0 != "signalled" } == ["started", "stopping", "exited"])
        #expect(
            try box.events("a", "stopping")[0]["reason"]?.string == "start-timeout: not ready within 200ms")
        try box.transitions("a")
    }

    @Test("a child that was restarted and is not ready in time is one more failure")
    func startTimeoutLater() throws {
        try box.supervise(
            "a",
            [
                "--restart", "on-failure", "--ready", "output", "--start-timeout", "3s", "--wait", "ready",
                "--stop-steps", "KILL:5s",
            ],
            box.counting("[ $run = 2 ] || echo up; [ $run = 1 ] && { read x; exit 1; }; exec sleep 1000"))
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("the third child") {
            box.restarts("a") == 2 && box.state("a") == "running"
        }
        #expect(
            try box.events("a", "stopping")[0]["reason"]?.string == "start-timeout: not ready within 3s")
        #expect(try box.ctl("kill", "--now", "a").status == 0)
        try box.transitions("a")
    }

    /// It was a matter of chance which of the two was noticed first.
    @Test(
        "what a child says and then ends at once counts: it was ready",
        arguments: ["output:go", "fd:3", "notify"], 0..<5)
    func lastWords(condition: String, round: Int) throws {
        let notify = """
            import os, socket
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1\\nSTATUS=done', '\\0' + os.environ['NOTIFY_SOCKET'][1:])
            os._exit(3)
            """
        let command: [String] =
            switch condition {
            case "notify": [Programs.python, "-c", notify]
            case "fd:3": ["sh", "-c", "echo >&3; exit 3"]
            default: ["sh", "-c", "echo go; exit 3"]
            }
        try box.supervise("a", ["--restart", "always", "--ready", condition], command)
        let wanted = ["started", "ready", "exited", "restarting"]
        try eventually("its end") { try box.eventNames("a").count >= wanted.count }
        if condition == "notify" { #expect(try box.status("a")["note"]?.string == "done") }
        #expect(try box.eventNames("a").prefix(wanted.count) == wanted[...])
        #expect(try box.ctl("kill", "a").status == 0)
    }

    /// wait --for ready used to take the child that had ended for the one that was to come.
    @Test(
        "wait --for ready waits for the next child of a session that is away, and not for one that is ending")
    func waitAway() throws {
        try box.supervise(
            "a", ["--restart", "always", "--wait", "ready", "--ready", "output"],
            box.counting("echo up; [ $run = 1 ] && { read x; exit 1; }; exec cat"))
        #expect(try box.ctl("wait", "--for", "ready", "a").status == 0)
        #expect(try box.ctl("write", "a", "x").status == 0)
        try box.awaitState("a", "backoff")
        #expect(try box.ctl("wait", "--for", "ready", "a").status == 0)
        #expect(box.restarts("a") == 1 && box.state("a") == "running")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try box.ctl("wait", "--for", "ready", "a").status == 0, "it was ready")
    }

    @Test("a session that is told to end does not become ready meanwhile")
    func tooLate() throws {
        try box.supervise(
            "a", ["--restart", "always", "--ready", "output"], ["sh", "-c", "cat; echo up; exec sleep 1000"])
        let client = try UnixClient(box.control("a"))
        try client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\",\"params\":{\"steps\":\"eof:60s,KILL:2s\"}}\n")
        try eventually("its last words") { box.journalText("a") == "up\n" }
        #expect(try box.stateNow("a") == "stopping")
        #expect(try box.ctl("kill", "--now", "a").status == 0)
        #expect(try box.status("a")["child"]?["readyAt"] == nil)
        #expect(!box.log("a").contains("keeper ready"))
        try box.transitions("a")
    }

    @Test("the descriptor is the child's alone, also beside many others, and is closed once it has been used")
    func descriptor() throws {
        try box.supervise(
            "a", ["--ready", "fd:9", "--wait", "ready"],
            ["sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo; echo >&9; exec 9>&-; exec cat"])
        try eventually("the list") { box.journalText("a").hasSuffix("\n") }
        let numbers = box.journalText("a").split(whereSeparator: { " \n".contains($0) }).compactMap {
            Int($0)
        }
        // The last is the directory that ls reads.
        #expect(numbers.contains(9) && numbers.filter { $0 > 3 && $0 != 9 }.isEmpty, "\(numbers)")
        let keeper = try box.keeperPID("a")
        let control = try UnixClient(box.control("a"))
        // By the second answer what came before is closed.
        for _ in 0..<2 { #expect(try control.call("status")["result"] != nil) }
        let before = Proc.descriptors(keeper)
        for _ in 0..<3 {
            #expect(try control.call("restart")["result"] != nil)
            try box.awaitState("a", "running")
        }
        try eventually("descriptors as before") { Proc.descriptors(keeper) == before }
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test(
        "what can't be is refused at once, with what can",
        arguments: [
            ["--ready", "soon"], ["--ready", "fd:2"], ["--ready", "fd:256"], ["--ready", "output:"],
            ["--ready", "line:" + String(repeating: "x", count: 4096)],
            ["--ready", "output", "--no-journal"], ["--ready", "line:x", "--no-journal"],
            ["--silence-timeout", "1s", "--no-journal"], ["--restart", "sometimes"],
            ["--restart-limit", "0/1m"], ["--restart-limit", "3"], ["--stop-steps", "eof"],
            ["--stop-steps", "NOSUCH:1s"], ["--limit", "NOFILE"], ["--limit", "NOFILE=9:3"],
            ["--limit", "NOSUCH=1"], ["--kill", "everybody"], ["--watchdog", "often"],
        ])
    func refused(options: [String]) throws {
        let outcome = try box.run([Executables.keeperctl, "spawn"] + options + ["a", "--", "cat"])
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.err.contains(options[0]), outcome.why)
        #expect(!box.exists("a.d"))
    }

    @Test("durations that go beyond the clock's end are never due")
    func endless() throws {
        let long = "106751.99d"
        try box.supervise(
            "a",
            [
                "--wait", "ready", "--max-runtime", long, "--idle-timeout", long, "--silence-timeout", long,
                "--watchdog", long, "--start-timeout", long, "--stop-steps", "KILL:\(long)",
                "--restart-limit",
                "3/\(long)",
            ], ["cat"])
        #expect(try box.ctl("write", "a", "x").status == 0)
        try eventually("the echo") { box.journalText("a") == "x\n" }
        #expect(try box.ctl("kill", "a").status == 0)
    }
}
