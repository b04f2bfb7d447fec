import Glibc
import Testing

@Suite("keeperctl run")
struct RunTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("feeds stdin in, streams both outputs out, ends with the child's status, leaves nothing")
    func streams() throws {
        let script = "cat; echo problem >&2; exit 42"
        let outcome = try box.ctl("run", "--", "sh", "-c", script, input: [UInt8]("one\ntwo\n".utf8))
        #expect(outcome.status == 42, outcome.why)
        #expect(outcome.out == "one\ntwo\n")
        #expect(outcome.err == "problem\n")
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("passes megabytes through unchanged")
    func large() throws {
        let text = [UInt8]((0..<300_000).map { "line number \($0)\n" }.joined().utf8)
        let outcome = try box.ctl("run", "--", "cat", input: text)
        #expect(outcome.status == 0)
        #expect(outcome.stdout == text)
    }

    @Test("with an id the session's folder stays")
    func named() throws {
        let outcome = try box.ctl("run", "a", "--", "echo", "kept")
        #expect(outcome.out == "kept\n", outcome.why)
        #expect(box.journalText("a") == "kept\n")
        #expect(box.state("a") == "exited")
    }

    @Test(
        "exit statuses are docker's: 127 not found, 126 can't be executed, 125 its own trouble, 128 + signal")
    func statuses() throws {
        try writeFile(box.root + "/plain", "text".utf8)
        let missing = try box.ctl("run", "--", "no-such-program")
        #expect(missing.status == 127, missing.why)
        let plain = try box.ctl("run", "--", box.root + "/plain")
        #expect(plain.status == 126, plain.why)
        let killed = try box.ctl("run", "--", "sh", "-c", "kill -KILL $$")
        #expect(killed.status == 137, killed.why)
        try box.spawn("taken", "--", "cat")
        let taken = try box.ctl("run", "taken", "--", "cat")
        #expect(taken.status == 125, taken.why)
    }

    @Test("INT and TERM are passed on to the child", arguments: [SIGINT, SIGTERM])
    func passesSignals(signal: Int32) throws {
        let script =
            "trap 'echo int; exit 10' INT; trap 'echo term; exit 20' TERM; echo up; while :; do sleep 0.05; done"
        let running = try box.startCtl("run", "a", "--", "sh", "-c", script)
        #expect(try running.readLine() == "up")
        running.kill(signal)
        #expect(try running.readLine() == (signal == SIGINT ? "int" : "term"))
        #expect(try running.wait() == .exited(signal == SIGINT ? 10 : 20), "\(running.errorText)")
    }

    /// Used to pass on INT and TERM alone, and to be killed by the others.
    @Test("every signal is passed on that can be, in the order of the kernel")
    func passesAllSignals() throws {
        let kept = [SIGKILL, SIGSTOP, SIGHUP, SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU]
        // The C library keeps the first two real-time signals for itself.
        let passed = (1...64).filter { !kept.contains($0) && $0 != 32 && $0 != 33 }
        let script =
            "for s in \(passed.map(String.init).joined(separator: " ")); do trap \"echo got $s\" $s; done; echo up; "
            + "while :; do sleep 0.02; done 2>/dev/null"
        let running = try box.startCtl("run", "a", "--", "bash", "-c", script)
        #expect(try running.readLine() == "up")
        for signal in passed {
            running.kill(signal)
            #expect(try running.readLine() == "got \(signal)")
        }
        for signal in [SIGCHLD, SIGPIPE, SIGURG] { running.kill(signal) }
        running.kill(SIGHUP)
        #expect(try running.wait() == .signalled(SIGHUP))
        #expect(Proc.alive(try box.childPID("a")))
        #expect(!box.journalText("a").contains("got \(SIGURG)\n"))
    }

    @Test("TSTP of the terminal stops run, and the command goes on")
    func stops() throws {
        let terminal = try PseudoTerminal()
        let script = "trap 'echo stop' TSTP; trap 'echo cont' CONT; echo up; while :; do sleep 0.02; done"
        let running = try box.start(
            [Executables.keeperctl, "run", "a", "--", "bash", "-c", script], on: terminal)
        try eventually("the command") { box.journalText("a") == "up\n" }
        terminal.type("\u{1A}")
        try eventually("run to stop") { Proc.state(Int(running.pid)) == "T" }
        try eventually("the signal") { box.journalText("a") == "up\nstop\n" }
        running.kill(SIGCONT)
        try eventually("run to go on") { box.journalText("a") == "up\nstop\ncont\n" }
        running.kill(SIGHUP)
        #expect(try running.wait() == .signalled(SIGHUP))
    }

    @Test("HUP and KILL of run leave the session alive", arguments: [SIGHUP, SIGKILL])
    func survives(signal: Int32) throws {
        let running = try box.startCtl("run", "a", "--", "cat")
        running.write("one\n")
        #expect(try running.readLine() == "one")
        running.kill(signal)
        try running.wait()
        #expect(Proc.alive(try box.childPID("a")))
        #expect(try box.ctl("write", "a", "two").status == 0)
        try eventually("the line") { box.journalText("a") == "one\ntwo\n" }
    }

    @Test("a child that ends while run's stdin is still open ends run")
    func childEnds() throws {
        let running = try box.startCtl("run", "--", "sh", "-c", "read x; echo \"got $x\"; exit 6")
        running.write("it\n")
        #expect(try running.readLine() == "got it")
        #expect(try running.wait() == .exited(6), "\(running.errorText)")
    }

    @Test("real programs in a pipe: jq and bc", requires("jq", "bc"))
    func programs() throws {
        let json = try box.ctl(
            "run", "--", "jq", "--unbuffered", "-c", ".a",
            input: [UInt8]("{\"a\":[1, 2]}\n{\"a\":null}\n".utf8))
        #expect(json.out == "[1,2]\nnull\n", json.why)
        let sum = try box.ctl("run", "--", "bc", input: [UInt8]("6*7\n2^64\n".utf8))
        #expect(sum.out == "42\n18446744073709551616\n", sum.why)
    }

    /// Used to fail with 125, the session without a name running on.
    @Test(
        "standard streams that were closed count as /dev/null",
        arguments: ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
    func closedStreams(closed: String) throws {
        let script = "cat; echo out; echo err >&2; exit 7"
        let outcome = try box.run([
            "sh", "-c", "\"$0\" run -- sh -c '\(script)' \(closed)", Executables.keeperctl,
        ])
        #expect(outcome.status == 7, outcome.why)
        #expect(outcome.out == (closed.contains(" >") || closed.hasPrefix(">") ? "" : "out\n"), outcome.why)
        #expect(outcome.err == (closed.contains("2>") ? "" : "err\n"), outcome.why)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    /// Used to leave it running.
    @Test(
        "trouble of its own ends a session without a name",
        arguments: ["1</dev/null", "0>/dev/null", "0</", ">/dev/full"])
    func ownTrouble(streams: String) throws {
        let script = "echo up; exec sleep 1000"
        let outcome = try box.run([
            "sh", "-c", "\"$0\" run -- sh -c '\(script)' \(streams)", Executables.keeperctl,
        ])
        #expect(outcome.status == 125, outcome.why)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
        try eventually("no process") { box.processes.isEmpty }
    }

    @Test("trouble of its own names a session that goes on under its name")
    func ownTroubleNamed() throws {
        let outcome = try box.run([
            "sh", "-c", "\"$0\" run a -- sleep 1000 0>/dev/null", Executables.keeperctl,
        ])
        #expect(outcome.status == 125, outcome.why)
        #expect(outcome.err.hasSuffix("Bad file descriptor; session a goes on\n"), outcome.why)
        #expect(Proc.alive(try box.childPID("a")))
    }

    /// It used to run on with no reader.
    @Test("a session without a name whose output is not read ends, though it ignores SIGPIPE")
    func unread() throws {
        let script = "trap '' PIPE; while :; do echo x; sleep 0.05; done"
        let outcome = try box.run(
            ["sh", "-c", "\"$0\" run -- sh -c \"\(script)\" | head -n 1", Executables.keeperctl])
        #expect(outcome.out == "x\n", outcome.why)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }
}
