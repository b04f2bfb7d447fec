import Glibc
import Testing

@Suite("call", requires(Programs.python))
struct CallTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawn("r", StandIn.command("rpc"))
    }

    // MARK: The answer

    @Test("the result is on stdout, and nothing else")
    func result() throws {
        let outcome = try box.ctl("call", "r", "echo", "{\"a\": [1, 2.50, \"é\"]}")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == "{\"a\": [1, 2.5, \"é\"]}\n")
        #expect(outcome.err == "")
        #expect(try box.ctl("call", "r", "echo").out == "null\n")
        #expect(try box.ctl("call", "r", "null").out == "null\n", "an error that is null is none")
    }

    @Test("an error object is on stderr, with status 1; --full prints the envelope instead")
    func error() throws {
        let outcome = try box.ctl("call", "r", "fail", "[7]")
        #expect(outcome.status == 1)
        #expect(outcome.out == "")
        let error = try JSON(parsing: outcome.stderr)
        #expect(error["code"]?.int == -32000)
        #expect(error["data"]?.array?.first?.int == 7)
        let whole = try box.ctl("call", "--full", "r", "fail")
        #expect(whole.status == 1)
        #expect(try JSON(parsing: whole.stdout)["error"]?["message"]?.string == "as you wish")
        #expect(whole.err == "")
        let good = try JSON(parsing: try box.ctl("call", "--full", "r", "echo", "[1]").stdout)
        #expect(good["jsonrpc"]?.string == "2.0" && good["result"]?.array?.count == 1)
    }

    @Test(
        "parameters from stdin and over several lines; what is no parameters is refused before anything is sent"
    )
    func parameters() throws {
        let big = [UInt8]("[\"\(String(repeating: "y", count: 1_000_000))\",\n 2]".utf8)
        let outcome = try box.run([Executables.keeperctl, "call", "r", "echo", "-"], input: big)
        #expect(try JSON(parsing: outcome.stdout).canonical() == JSON(parsing: big).canonical())
        for (bad, why) in [("7", "no JSON object or array"), ("{\"a\"", "byte 4"), ("", "byte 0")] {
            let refused = try box.ctl("call", "r", "echo", bad)
            #expect(refused.status == 2, refused.why)
            #expect(refused.err.contains(why), refused.why)
        }
        #expect(try box.ctl("call", "r", "count").line == "2")
    }

    @Test("ids of callers at the same time can't clash: everybody gets their own answer")
    func manyCallers() throws {
        let callers = try (0..<12).map { try box.startCtl("call", "r", "echo", "[\($0)]") }
        for (number, caller) in callers.enumerated() {
            #expect(try caller.readLine() == "[\(number)]")
            #expect(try caller.wait() == .exited(0))
        }
        let ids = try (0..<3).map { _ in try box.ctl("call", "r", "id").line }
        #expect(Set(ids).count == 3)
    }

    @Test(
        "what is no answer to the request is passed over: garbage, half lines, the request itself, others' answers"
    )
    func garbage() throws {
        #expect(try box.ctl("call", "r", "garbage").out == "\"right\"\n")
        #expect(try box.ctl("call", "r", "twice").out == "1\n")
        #expect(try box.ctl("call", "r", "echo", "[1]").out == "[1]\n", "the second answer is nobody's")
    }

    @Test("U+2028 and U+2029 don't break the line of an answer")
    func separators() throws {
        let outcome = try box.ctl("call", "r", "separators")
        #expect(outcome.out == "\"a\\u2028b\\u2029c\"\n")
    }

    @Test("an answer of 10 MB")
    func bigAnswer() throws {
        let outcome = try box.ctl("call", "r", "big", "[10000000]")
        #expect(outcome.status == 0)
        #expect(outcome.stdout.count == 10_000_003)
    }

    @Test("--notifications shows on stderr what else is said; without it nothing is")
    func notifications() throws {
        #expect(try box.ctl("call", "r", "notify").err == "")
        let outcome = try box.ctl("call", "--notifications", "r", "notify")
        #expect(outcome.out == "\"told\"\n")
        let said = try JSON.lines(outcome.stderr)
        #expect(
            said.compactMap { $0["method"]?.string } == ["notifications/message", "sampling/createMessage"])
        #expect(said.first?["params"]?["text"]?.string == "a\u{2028}b")
        #expect(!outcome.err.contains("\u{2028}"))
    }

    @Test("members that are null are as good as none")
    func nullMembers() throws {
        let outcome = try box.ctl("call", "--timeout", "1s", "r", "all members", "[1.5]")
        #expect(outcome.out == "\"all\"\n" && outcome.err == "", outcome.why)
    }

    @Test("an error that is no request's shows with --notifications")
    func errorOfNoRequest() throws {
        let outcome = try box.ctl("call", "--notifications", "r", "unreadable")
        #expect(outcome.out == "\"read after all\"\n" && outcome.err.contains("Parse error"), outcome.why)
    }

    // MARK: Messages as they are

    @Test("--raw: the id is replaced on the way and is back in the answer; without id, delivered is done")
    func raw() throws {
        let own = try box.ctl("call", "r", "--full", "--raw", "{\"id\": \"mine\",\n\"method\": \"id\"}")
        let answer = try JSON(parsing: own.stdout)
        #expect(answer["id"]?.string == "mine")
        #expect(answer["result"]?.string?.hasPrefix("keeperctl-") == true, own.why)
        let before = try #require(Int(try box.ctl("call", "r", "count").line))
        let notice = try box.ctl("call", "r", "--raw", "{\"method\":\"notice\"}")
        #expect(notice.status == 0 && notice.out == "", notice.why)
        #expect(try box.ctl("call", "r", "count").line == "\(before + 2)")
        for bad in ["[1]", "{\"id\":1}", "{\"method\"", "7"] {
            let refused = try box.ctl("call", "r", "--raw", bad)
            #expect(refused.status == 2 && refused.err.contains("can't be sent"), refused.why)
        }
        #expect(try box.ctl("call", "r", "echo", "--raw", "{\"method\":\"n\"}").status == 2)
        #expect(try box.ctl("call", "r").status == 2)
    }

    // MARK: Waiting

    @Test("no answer in time is status 4; progress extends the time, up to --max-timeout")
    func timeouts() throws {
        let late = try box.ctl("call", "--timeout", "200ms", "r", "hold")
        #expect(late.status == 4 && late.err.contains("no answer within 200ms"), late.why)
        // The first sign of progress comes soon, the answer after four seconds.
        let work = "\"times\":40,\"pause\":0.1"
        #expect(try box.ctl("call", "--timeout", "3s", "r", "work", "{\(work)}").out == "\"worked\"\n")
        let bounded = try box.ctl(
            "call", "--timeout", "3s", "--max-timeout", "3100ms", "r", "work", "{\(work)}")
        #expect(bounded.status == 4, bounded.why)
        try #require(try box.ctl("call", "r", "echo").status == 0, "the server has done with the last one")
        let named = "{\(work),\"name\":\"x/tick\"}"
        #expect(try box.ctl("call", "--timeout", "3s", "r", "work", named).status == 4)
        try #require(try box.ctl("call", "r", "echo").status == 0)
        #expect(
            try box.ctl("call", "--timeout", "3s", "--progress", "x/tick", "r", "work", named).status == 0)
    }

    @Test("a child that does not read is waited for no longer than --timeout, notification or batch")
    func deafChild() throws {
        try box.spawn("deaf", "--", "sleep", "1000")
        // More than its stdin pipe takes.
        let text = "{\"method\":\"n\",\"params\":[\"\(String(repeating: "x", count: 100_000))\"]}"
        let one = try box.ctl("call", "--timeout", "300ms", "deaf", "--raw", text)
        #expect(one.status == 4 && one.err.contains("no more of its input within 300ms"), one.why)
        let lines = String(repeating: "{\"id\":1,\(text.dropFirst())\n", count: 20)
        let many = try box.run(
            [Executables.keeperctl, "call", "--timeout", "300ms", "deaf", "--batch"],
            input: [UInt8](lines.utf8))
        #expect(many.status == 4 && many.out == "", many.why)
    }

    @Test("while a child is being ended, a request is for the next one, which answers")
    func whileEnding() throws {
        try box.spawn(
            "x", StandIn.command("rpc"), options: ["--restart", "always", "--stop-steps", "eof:60s"])
        let busy = "{\"id\":1,\"method\":\"await\",\"params\":[\"\(box.root)/go\"]}"
        #expect(try box.ctl("write", "x", busy).status == 0)
        let restart = try box.startCtl("restart", "x")
        try eventually("its end to begin") { box.state("x") == "stopping" }
        let next = try box.startCtl("call", "x", "count")
        let turn = try box.startCtl(
            "turn", "--protocol", "lines", "--until", "never", "x", "{\"id\":1,\"method\":\"id\"}")
        try eventually("the turn to begin") { box.exists("x.d/turn.json") }
        try writeFile(box.root + "/go", [])
        #expect(try restart.wait() == .exited(0))
        #expect(try next.readLine() != nil, "\(next.errorText)")
        #expect(try next.wait() == .exited(0))
        #expect(try turn.readLine()?.contains("\"id\"") == true, "\(turn.errorText)")
        turn.kill(SIGKILL)
    }

    @Test("a session that ends meanwhile is an error at once; an answer that came before the end counts")
    func endings() throws {
        let dead = try box.ctl("call", "--timeout", "10m", "r", "die")
        #expect(dead.status == 3, dead.why)
        #expect(dead.err.contains("ended with status 4"), dead.why)
        #expect(try box.ctl("call", "r", "echo").status == 3)
        try box.spawn("q", StandIn.command("rpc"))
        let last = try box.ctl("call", "--timeout", "10m", "q", "answer and die")
        #expect(last.out == "\"my last\"\n" && last.status == 0, last.why)
        try box.spawn("k", StandIn.command("rpc"))
        let caller = try box.startCtl("call", "--timeout", "10m", "k", "hold")
        try eventually("the request to arrive") {
            Proc.state(try box.childPID("k")) == "S" && !caller.hasEnded
        }
        kill(pid_t(try box.keeperPID("k")), SIGKILL)
        let end = try caller.wait()
        #expect(end == .exited(3) || end == .exited(6), "\(end) \(caller.errorText)")
        try box.ctl("discover")
    }

    @Test("a child that ends and is started again is an error at once too, and the new one is asked")
    func startedAgain() throws {
        try box.spawn("x", StandIn.command("rpc"), options: ["--restart", "always"])
        try eventually("it to be ready") { box.state("x") == "running" }
        let dead = try box.ctl("call", "--timeout", "10m", "x", "die")
        #expect(dead.status == 3, dead.why)
        #expect(try box.ctl("call", "x", "count").line == "1")
    }

    @Test("sessions that can't answer are refused with the reason")
    func impossible() throws {
        try box.spawn("mute", ["cat"], options: ["--no-journal"])
        let mute = try box.ctl("call", "mute", "echo")
        #expect(mute.status == 1 && mute.err.contains("keeps no output"), mute.why)
        let none = try box.ctl("call", "nobody", "echo")
        #expect(none.status == 3 && none.err.contains("'nobody'"), none.why)
        // What only gives back what it gets is no server.
        try box.spawn("echoes", ["cat"])
        #expect(try box.ctl("call", "--timeout", "200ms", "echoes", "x").status == 4)
    }

    // MARK: Which session is called

    @Test("ID.METHOD: ids and methods may have dots, and the longest id of a live session counts")
    func dottedNames() throws {
        try box.spawn("r.x", StandIn.command("rpc"))
        try box.ctl("call", "r", "echo")
        #expect(try box.ctl("call", "r.count").line == "2")
        #expect(try box.ctl("call", "r.x.count").line == "1")
        #expect(try box.ctl("call", "r.x", "count").line == "2")
        #expect(try box.ctl("call", "r.echo", "[5]").out == "[5]\n")
        #expect(try box.ctl("call", "r.x.echo", "[6]").out == "[6]\n")
        // A live session is called by what fits it, not one that is over.
        try box.ctl("kill", "r.x")
        let other = try box.ctl("call", "r.x.count")
        #expect(other.status == 1 && other.err.contains("Method not found"), other.why)
        try box.ctl("kill", "r")
        let over = try box.ctl("call", "r.x.count")
        #expect(over.status == 3 && over.err.contains("session r.x is over"), over.why)
    }
}
