import Glibc
import Testing

@Suite("Ending a session")
struct EndingTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A program that says what reaches it, and goes on unless told otherwise.
    private func stubborn(ignoring: Bool) -> [String] {
        let script = """
            import os, signal, sys
            def term(*_):
                os.write(1, b'term\\n')
                if not \(ignoring ? "True" : "False"): os._exit(9)
            signal.signal(signal.SIGTERM, term)
            os.write(1, b'up\\n')
            while os.read(0, 4096): pass
            os.write(1, b'eof\\n')
            while True: signal.pause()
            """
        return [Programs.python, "-c", script]
    }

    private func spawnStubborn(_ id: String, ignoring: Bool) throws {
        let outcome = try box.run(
            [Executables.keeperctl, "spawn", "--wait", "ready", id, "--"] + stubborn(ignoring: ignoring))
        try #require(outcome.status == 0, outcome.why)
        try eventually("the child to be up") { box.journalText(id) == "up\n" }
    }

    @Test("kill closes stdin first: who ends on that ends with its own status")
    func endOfFileFirst() throws {
        try box.spawn(
            "--wait", "ready", "a", "--", "sh", "-c", "trap 'echo term' TERM; cat; echo bye; exit 3")
        let child = try box.childPID("a")
        let outcome = try box.ctl("kill", "a")
        #expect(outcome.status == 0, outcome.why)
        #expect(!Proc.alive(child))
        #expect(box.journalText("a") == "bye\n")
        #expect(box.state("a") == "exited")
        #expect(try box.status("a")["exit"]?["code"]?.int == 3)
        #expect(box.sidecars("a") == [])
    }

    @Test("then SIGTERM", requires(Programs.python))
    func termination() throws {
        try spawnStubborn("a", ignoring: false)
        let outcome = try box.ctl("kill", "--grace", "2s", "a")
        #expect(outcome.status == 0, outcome.why)
        #expect(box.journalText("a") == "up\neof\nterm\n")
        #expect(try box.status("a")["exit"]?["code"]?.int == 9)
    }

    @Test("then SIGKILL; what the child said until then is all in the journal", requires(Programs.python))
    func killing() throws {
        try spawnStubborn("a", ignoring: true)
        let outcome = try box.ctl("stop", "--grace", "2s", "a")
        #expect(outcome.status == 0, outcome.why)
        #expect(box.journalText("a") == "up\neof\nterm\n")
        #expect(try box.status("a")["exit"]?["signal"] != nil)
        #expect(box.sidecars("a") == [])
    }

    @Test("--now kills without asking", requires(Programs.python))
    func now() throws {
        try spawnStubborn("a", ignoring: true)
        #expect(try box.ctl("kill", "--now", "a").status == 0)
        #expect(box.journalText("a") == "up\n")
        #expect(box.sidecars("a") == [])
    }

    @Test("a paused group is woken to be ended")
    func paused() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.stopChild("a")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.sidecars("a") == [])
    }

    @Test("several at once, and --all; nothing is left running")
    func several() throws {
        for id in ["a", "b", "c", "d"] { try box.spawn(id, "--", "cat") }
        #expect(try box.ctl("kill", "a", "b").status == 0)
        #expect(box.sidecars("a") == [] && box.sidecars("b") == [])
        #expect(box.sidecars("c") != [] && box.sidecars("d") != [])
        let mixed = try box.ctl("kill", "nobody", "c")
        #expect(mixed.status == 3, mixed.why)
        #expect(box.sidecars("c") == [], "one id that isn't there stops the others from being ended")
        #expect(try box.ctl("kill", "--all").status == 0)
        try eventually("nothing to run") { box.processes.isEmpty }
        #expect(try box.ctl("kill", "--all").status == 0)
    }

    @Test("kill -s only sends a signal; the session goes on")
    func signal() throws {
        try box.spawn(
            "--wait", "ready", "a", "--", "sh", "-c",
            "trap 'echo usr1' USR1; while :; do sleep 0.05; done")
        for name in ["USR1", "SIGUSR1"] {
            let before = box.journal("a").count
            let outcome = try box.ctl("kill", "-s", name, "a")
            #expect(outcome.status == 0, outcome.why)
            try eventually("the trap") { box.journal("a").count == before + 5 }
        }
        #expect(box.state("a") == "running")
        #expect(try box.eventNames("a").contains("signalled"))
        #expect(try box.ctl("kill", "-s", "NOSUCH", "a").status == 2)
    }

    @Test("wait prints ID CODE and exits 0, also for what has ended already")
    func wait() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "read x; exit 7")
        try box.spawn("--wait", "ready", "b", "--", "sh", "-c", "cat")
        let waiter = try box.startCtl("wait", "a", "b")
        #expect(try box.ctl("write", "a", "go").status == 0)
        #expect(try box.ctl("eof", "b").status == 0)
        let lines = String(decoding: try waiter.readToEnd(), as: UTF8.self).split(separator: "\n").sorted()
        #expect(lines == ["a 7", "b 0"])
        #expect(try waiter.wait() == .exited(0))
        #expect(try box.ctl("wait", "a").out == "a 7\n")
    }

    @Test("wait --timeout is exit 4; --for ready returns while it runs")
    func waitLimits() throws {
        try box.spawn("a", "--", "cat")
        #expect(try box.ctl("wait", "--for", "ready", "a").status == 0)
        #expect(try box.status("a")["child"]?["readyAt"] != nil)
        let outcome = try box.ctl("wait", "--timeout", "200ms", "a")
        #expect(outcome.status == 4, outcome.why)
    }

    @Test("the keeper's own SIGTERM: the child ends, the keeper exits 0", requires(Programs.python))
    func keeperTerminated() throws {
        for (id, ignoring) in [("a", false), ("b", true)] {
            let keeper = try box.start([Executables.keeper, id, "--"] + stubborn(ignoring: ignoring))
            try eventually("the child to be up") { box.journalText(id) == "up\n" }
            let child = try box.childPID(id)
            keeper.kill(SIGTERM)
            #expect(try keeper.wait() == .exited(0))
            #expect(!Proc.alive(child))
            #expect(box.sidecars(id) == [])
            #expect(box.state(id) == "exited")
        }
    }

    @Test("final output, however much, is in the journal when the session has ended")
    func drained() throws {
        for round in 1...3 {
            try box.spawn("a\(round)", "--", "sh", "-c", "read x; seq 200000; exit 5")
            #expect(try box.ctl("write", "a\(round)", "go").status == 0)
            #expect(try box.ctl("wait", "a\(round)").out == "a\(round) 5\n")
            #expect(box.journalText("a\(round)").hasSuffix("\n199999\n200000\n"))
            #expect(box.journal("a\(round)").count == 1_288_895)
        }
    }
}
