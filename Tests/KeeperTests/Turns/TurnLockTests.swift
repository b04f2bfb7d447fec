import Glibc
import Testing

@Suite("One turn at a time", requires(Programs.python))
struct TurnLockTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawn("a", StandIn.command("stream-json"))
    }

    /// A turn that says one word and then waits for a file of this name.
    private func blocked(_ name: String, _ word: String) throws -> Running {
        let turn = try box.startCtl("turn", "a", "\(word) await=\(box.root)/\(name) \(word)")
        #expect(try turn.read(word.utf8.count) == word)
        return turn
    }

    private func release(_ name: String) throws { try writeFile(box.root + "/" + name, []) }

    /// Who waits for a lock, as the kernel has it.
    private func waiters() -> Int {
        let locks = String(decoding: readFile("/proc/locks") ?? [], as: UTF8.self)
        let inode = fileStatus(box.path("a.d/turn.json")).map { ":\($0.st_ino) " } ?? "?"
        return locks.split(separator: "\n").filter { $0.contains("->") && $0.contains(inode) }.count
    }

    @Test("a second one is busy, whatever the protocol; with --wait it waits for the first to end")
    func second() throws {
        let first = try blocked("go", "one")
        let busy = try box.ctl("turn", "--json", "a", "two")
        #expect(busy.status == 5 && busy.err.contains("busy"), busy.why)
        #expect(try busy.events().map { $0["code"]?.string } == ["busy"])
        #expect(try box.ctl("turn", "--protocol", "codex", "a", "two").status == 5)
        let waiting = try box.startCtl("turn", "--wait", "a", "three")
        try eventually("the third to wait for the lock") { waiters() == 1 }
        try release("go")
        #expect(String(decoding: try first.readToEnd(), as: UTF8.self) == "\none\n")
        #expect(try first.wait() == .exited(0))
        #expect(String(decoding: try waiting.readToEnd(), as: UTF8.self) == "three\n")
        #expect(try waiting.wait() == .exited(0))
    }

    @Test("other sessions are not held up, and neither is who only writes or calls")
    func others() throws {
        try box.spawn("b", StandIn.command("stream-json"))
        let first = try blocked("go", "one")
        #expect(try box.ctl("turn", "b", "two").out == "two\n")
        #expect(try box.ctl("write", "a", "{\"message\":{\"content\":\"bare\"}}").status == 0)
        try release("go")
        #expect(try first.wait() == .exited(0))
    }

    @Test("SIGKILL of its caller frees the lock; the next one gets its own answer, not the other's")
    func killedCaller() throws {
        let first = try blocked("go", "WRONG")
        first.kill(SIGKILL)
        try first.wait()
        let next = try box.startCtl("turn", "a", "right")
        try eventually("it to wait for the agent") { next.errorText.contains("somebody who has gone") }
        try release("go")
        #expect(String(decoding: try next.readToEnd(), as: UTF8.self) == "right\n")
        #expect(try next.wait() == .exited(0))
        // And once more when the other's answer is complete before anybody comes.
        let third = try blocked("on", "WRONG")
        third.kill(SIGKILL)
        try third.wait()
        try release("on")
        try eventually("the answer") { box.journalText("a").components(separatedBy: "\"result\"").count > 6 }
        let quick = try box.ctl("turn", "a", "right")
        #expect(quick.out == "right\n" && quick.err == "", quick.why)
    }

    @Test("a late answer to a message whose caller gave up is not the next one's")
    func lateEcho() throws {
        let late = try box.ctl("turn", "--echo-timeout", "300ms", "a", "late await=\(box.root)/go WRONG")
        #expect(late.status == 7, late.why)
        let next = try box.startCtl("turn", "a", "right")
        try eventually("it to wait for the agent") { next.errorText.contains("somebody who has gone") }
        try release("go")
        #expect(String(decoding: try next.readToEnd(), as: UTF8.self) == "right\n")
    }

    @Test("what an agent says after an error that did not end its turn is not part of the next turn")
    func lateAfterError() throws {
        let failed = try box.ctl("turn", "a", "one error=retrying await=\(box.root)/go WRONG")
        #expect(failed.status == 9, failed.why)
        let next = try box.startCtl("turn", "a", "right")
        try eventually("it to wait for the agent") { next.errorText.contains("somebody who has gone") }
        try release("go")
        #expect(String(decoding: try next.readToEnd(), as: UTF8.self) == "right\n")
    }

    @Test("a caller that was killed is not in the way of the next, even before it is quite gone")
    func justKilled() throws {
        for number in 0..<5 {
            let first = try blocked("go\(number)", "WRONG")
            first.kill(SIGKILL)
            let next = try box.startCtl("turn", "a", "right")
            try release("go\(number)")
            #expect(String(decoding: try next.readToEnd(), as: UTF8.self) == "right\n", "\(next.errorText)")
            try first.wait()
        }
    }

    @Test("an agent that will never answer its last message is given up after the time of silence")
    func neverAnswered() throws {
        #expect(try box.ctl("turn", "--silence-timeout", "300ms", "a", "one silent").status == 8)
        let next = try box.ctl("turn", "--silence-timeout", "3s", "a", "right")
        #expect(next.out == "right\n" && next.status == 0, next.why)
    }

    @Test("callers that wait learn of the session's end")
    func endWhileWaiting() throws {
        let first = try blocked("never", "one")
        let waiting = try box.startCtl("turn", "--wait", "a", "two")
        try eventually("it to wait for the lock") { waiters() == 1 }
        try box.ctl("kill", "a")
        #expect(try first.wait() == .exited(10))
        #expect(try waiting.wait() == .exited(3))
    }

    @Test(
        "the file goes with the session: nothing is left after prune, --rm, or another session under the id")
    func noDebris() throws {
        try box.ctl("turn", "a", "one")
        #expect(box.exists("a.d/turn.json"))
        try box.ctl("kill", "a")
        #expect(try box.ctl("prune").status == 0)
        #expect(!box.exists("a.d"))
        try box.spawn("a", StandIn.command("stream-json"))
        #expect(try box.ctl("turn", "a", "one").out == "one\n")
        try box.ctl("kill", "a")
        try box.spawn("a", StandIn.command("stream-json"))
        #expect(!box.exists("a.d/turn.json") && box.exists("a.d~/turn.json"))
        try box.spawn("r", StandIn.command("stream-json"), options: ["--rm"])
        let turn = try box.startCtl("turn", "r", "one await=\(box.root)/never")
        #expect(try turn.read(3) == "one")
        try box.ctl("kill", "r")
        #expect(try turn.wait() == .exited(10))
        try eventually("no files") { directoryEntries(box.sessions).allSatisfy { !$0.contains("r.") } }
    }

    @Test("a record of another child, or one that is no record, is passed over")
    func strangeRecords() throws {
        for record in [
            "", "nonsense", "{\"format\":1,\"childStartTime\":1,\"position\":0}\n", "{\"position\":0}",
        ] {
            try writeFile(box.path("a.d/turn.json"), record.utf8)
            let outcome = try box.ctl("turn", "a", "right")
            #expect(outcome.out == "right\n" && outcome.err == "", outcome.why)
        }
    }

    @Test("SIGKILL of a caller at any moment harms no other caller", arguments: 0..<4)
    func randomKills(round: Int) throws {
        var random = SplitMix64.announced("randomKills")
        for _ in 0..<round { random = SplitMix64(state: random.next()) }
        try box.spawn("r", StandIn.command("rpc"))
        try box.spawn("c", StandIn.command("codex", "/"))
        // Some files are opened with the first output.
        #expect(try box.ctl("turn", "a", "one").status == 0)
        #expect(try box.ctl("turn", "--protocol", "codex", "c", "one").status == 0)
        #expect(try box.ctl("call", "r", "echo").status == 0)
        let descriptors = try ["a", "r", "c"].map { Proc.descriptors(try box.keeperPID($0)) }
        for number in 0..<12 {
            let victims = try [
                box.startCtl("turn", "a", "WRONG tool big=200000 WRONG"),
                box.startCtl("turn", "--protocol", "codex", "c", "WRONG big=200000 WRONG"),
                box.startCtl("call", "r", "big", "[300000]"),
            ]
            var pause = timespec(tv_sec: 0, tv_nsec: Int.random(in: 0...30_000_000, using: &random))
            nanosleep(&pause, nil)
            for victim in victims { victim.kill(SIGKILL) }
            for victim in victims { try victim.wait() }
            let turn = try box.ctl("turn", "--silence-timeout", "2s", "a", "right-\(number)")
            #expect(turn.out == "right-\(number)\n", turn.why)
            let codex = try box.ctl(
                "turn", "--protocol", "codex", "--silence-timeout", "2s", "c", "right-\(number)")
            #expect(codex.out == "right-\(number)\n", codex.why)
            #expect(try box.ctl("call", "r", "echo", "[\(number)]").out == "[\(number)]\n")
        }
        for (id, before) in zip(["a", "r", "c"], descriptors) {
            try eventually("the keeper of \(id) to let go") {
                Proc.descriptors(try box.keeperPID(id)) <= before
            }
            #expect(box.state(id) == "running")
        }
    }
}
