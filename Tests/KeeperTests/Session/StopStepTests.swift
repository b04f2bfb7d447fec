import Glibc
import Testing

/// How a child is ended, and who else with it.
@Suite("Stop steps")
struct StopStepTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Says which signals reach it and goes on; ends by SIGKILL alone.
    private let stubborn = """
        import os, signal, sys
        def say(number, frame): os.write(1, (signal.Signals(number).name + '\\n').encode())
        for name in ['HUP', 'INT', 'TERM', 'USR1', 'USR2', 'QUIT', 'WINCH']: signal.signal(getattr(signal, 'SIG' + name), say)
        os.write(1, b'up\\n')
        while os.read(0, 4096): pass
        os.write(1, b'eof\\n')
        while True: signal.pause()
        """

    @Test("any signals in any order, by name or number, each in its time", requires(Programs.python))
    func steps() throws {
        let steps = "HUP:1s,USR1:1s,eof:1s,SIGINT:0s,12:1s,term:1s,KILL:5s"
        try box.supervise(
            "a", ["--stop-steps", steps, "--wait", "ready", "--ready", "output"],
            [Programs.python, "-c", stubborn])
        #expect(try box.ctl("kill", "a").status == 0)
        let lines = box.journalText("a").split(separator: "\n").map(String.init)
        // Two signals without a wait in between come in the kernel's order.
        #expect(lines.filter { $0 != "SIGINT" } == ["up", "SIGHUP", "SIGUSR1", "eof", "SIGUSR2", "SIGTERM"])
        #expect(lines.contains("SIGINT"))
        let signals = try box.events("a", "signalled").compactMap { $0["signal"]?.string }
        #expect(signals == ["HUP", "USR1", "INT", "USR2", "TERM", "KILL"])
        #expect(try box.status("a")["exit"]?["signal"]?.string == "KILL")
        try box.transitions("a")
    }

    @Test("the steps of a request replace those of the session; what ends early gets no more of them")
    func replaced() throws {
        try box.supervise("a", ["--stop-steps", "USR1:60s", "--wait", "ready"], ["cat"])
        let answer = try box.call("a", "stop", ["steps": "eof:10s,KILL:2s"])["result"]
        #expect(answer?["exitCode"]?.int == 0, "\(answer?.description ?? "?")")
        #expect(try box.events("a", "signalled").isEmpty)
        for steps in ["", "eof", "TERM:2s,", "NOSUCH:2s", "TERM:soon"] {
            try box.supervise("b", ["--wait", "ready"], ["cat"])
            #expect(try box.call("b", "stop", ["steps": steps])["error"]?["code"]?.int == -32602, "\(steps)")
            #expect(try box.stateNow("b") == "running")
            #expect(try box.ctl("kill", "b").status == 0)
        }
    }

    /// The session used to be called stuck before the kernel had had time to end the child.
    @Test("a last step that does not wait leaves SIGKILL its moment")
    func noWait() throws {
        for round in 0..<10 {
            try box.supervise("a\(round)", [], ["sleep", "1000"])
            let answer = try box.call("a\(round)", "stop", ["steps": "KILL:0s"])["result"]
            #expect(answer?["state"]?.string == "exited", "\(answer?.description ?? "?")")
            #expect(answer?["survivors"]?.array?.count == 0)
        }
    }

    /// A child, one in its group, and one that has left that; each says which TERM reaches it.
    private func spawnFamily(_ id: String, _ options: [String]) throws -> [Int] {
        let script = """
            import os, signal, sys
            name = sys.argv[1]
            def term(*_): os.write(1, ('TERM ' + name + '\\n').encode())
            signal.signal(signal.SIGTERM, term)
            os.write(1, (name + ' ' + str(os.getpid()) + '\\n').encode())
            while True: signal.pause()
            """
        let path = box.root + "/member.py"
        try writeFile(path, script.utf8)
        let member = "\(Programs.python) \(path)"
        try box.supervise(
            id, options + ["--stop-steps", "TERM:2s,KILL:5s"],
            ["sh", "-c", "\(member) inside & setsid \(member) outside & exec \(member) child"])
        return try eventual("all three") {
            let lines = box.journalText(id).split(separator: "\n")
            return lines.count == 3 ? lines.compactMap { Int($0.split(separator: " ")[1]) } : nil
        }
    }

    @Test(
        "signals go to the group, to all descendants, or to the child alone; in the end no process is left",
        requires(Programs.python),
        arguments: [("group", "child inside"), ("tree", "child inside outside"), ("process", "child")])
    func scope(scope: String, reached: String) throws {
        let pids = try spawnFamily("a", ["--kill", scope])
        let before = box.journal("a").count
        #expect(try box.ctl("kill", "a").status == 0)
        // Until the child was killed; the leftovers get theirs after that.
        let log = box.log("a")
        let end = try #require(log.range(of: "the child ended"))
        #expect(!log[..<end.lowerBound].contains("left behind"))
        let said = String(decoding: box.journal("a")[before...], as: UTF8.self).split(separator: "\n")
        let names = said.map { String($0.dropFirst(5)) }
        for name in reached.split(separator: " ") { #expect(names.contains(String(name)), "\(said)") }
        for pid in pids { #expect(!Proc.alive(pid)) }
        #expect(box.sidecars("a") == [])
    }

    @Test("with --kill process and --leftovers leave the others go on", requires(Programs.python))
    func left() throws {
        box.mayLeaveProcesses = true
        let pids = try spawnFamily("a", ["--kill", "process", "--leftovers", "leave"])
        let child = try box.childPID("a")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.state("a") == "exited")
        #expect(!Proc.alive(child))
        #expect(pids.filter { Proc.alive($0) }.count == 2)
        #expect(
            !box.journalText("a").contains("TERM inside") && !box.journalText("a").contains("TERM outside"))
        for pid in pids where pid != child { kill(pid_t(pid), SIGKILL) }
    }

    @Test("restart ends descendants that left the group before the next child starts")
    func leftoversOfRestart() throws {
        try box.supervise(
            "a", ["--restart", "always", "--wait", "ready", "--ready", "output:up"],
            ["sh", "-c", "setsid sh -c 'echo $$; echo up; exec sleep 1000' & exec cat"])
        let first = try #require(box.journalText("a").split(separator: "\n").compactMap { Int($0) }.first)
        #expect(Proc.alive(first))
        #expect(try box.call("a", "restart")["result"] != nil)
        #expect(!Proc.alive(first))
        #expect(try box.ctl("kill", "a").status == 0)
    }

    /// Held by a tracer, a killed child is a zombie that its parent is not told of.
    private let tracer = """
        import ctypes, os, signal, sys
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) != 0: sys.exit(os.strerror(ctypes.get_errno()))
        print('held', flush=True)
        signal.pause()
        """

    @Test(
        "what survives SIGKILL is stuck and named; it is looked at again, and ends when it can",
        requires(Programs.python))
    func stuck() throws {
        try box.supervise(
            "a", ["--wait", "ready", "--stop-steps", "eof:100ms,TERM:100ms,KILL:500ms"], ["sleep", "1000"])
        let child = try box.childPID("a")
        let holder = try box.start([Programs.python, "-c", tracer, "\(child)"])
        try #require(try holder.readLine() == "held", "may this user trace? \(holder.errorText)")
        let answer = try box.call("a", "stop")["result"]
        #expect(answer?["state"]?.string == "stuck", "\(answer?.description ?? "?")")
        #expect(answer?["survivors"]?.array?.compactMap { $0.int } == [child])
        #expect(box.state("a") == "stuck")
        #expect(try box.events("a", "stuck")[0]["survivors"]?.array?.compactMap { $0.int } == [child])
        let refusal = try box.call("a", "restart")["error"]
        #expect(refusal?["data"]?["state"]?.string == "stuck")
        // Told once more it tries once more.
        #expect(try box.call("a", "stop", ["now": true])["result"]?["state"]?.string == "stuck")
        holder.kill(SIGKILL)
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        #expect(try box.status("a")["exit"]?["signal"]?.string == "KILL")
        let seen = try box.transitions("a").map(\.to)
        #expect(seen == ["starting", "running", "stopping", "stuck", "stopping", "stuck", "exited"])
    }
}
