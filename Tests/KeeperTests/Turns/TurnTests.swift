import Glibc
import Testing

@Suite("turn --protocol stream-json", requires(Programs.python))
struct TurnTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawn("a", StandIn.command("stream-json", "conversation-9"))
    }

    /// The agent's own text in events, all pieces together.
    private func text(_ outcome: Outcome) throws -> String {
        try outcome.events().filter { $0["type"]?.string == "text" && $0["parentToolUseId"] == nil }
            .compactMap { $0["text"]?.string }.joined()
    }

    @Test("the text is on stdout, each message on lines of its own, and nothing else is")
    func plain() throws {
        let outcome = try box.ctl("turn", "a", "hello say=again tool sub compact pieces=streamed_in_pieces")
        #expect(outcome.status == 0)
        #expect(outcome.out == "hello\nagain\nstreamed_in_pieces\n", outcome.why)
        #expect(outcome.err == "")
        #expect(
            try box.run([Executables.keeperctl, "turn", "a", "-"], input: [UInt8]("from stdin".utf8)).out
                == "from\nstdin\n")
    }

    @Test("text comes while the agent still talks")
    func streaming() throws {
        let turn = try box.startCtl("turn", "a", "hello pieces=first await=\(box.root)/go pieces=second")
        #expect(try turn.readLine() == "hello")
        // Read before its line ends.
        #expect(try turn.read(5) == "first")
        try writeFile(box.root + "/go", [])
        #expect(try turn.readLine() == "")
        #expect(try turn.readLine() == "second")
        #expect(try turn.wait() == .exited(0))
    }

    @Test("what agents say only in the result is printed; what they said is not said again")
    func resultText() throws {
        #expect(try box.ctl("turn", "a", "tool").out == "the end\n")
        #expect(try box.ctl("turn", "a", "x").out == "x\n")
    }

    @Test("--json: events of each kind, a tool's use and its result once each")
    func events() throws {
        let outcome = try box.ctl("turn", "--json", "a", "hello tool sub compact ask")
        #expect(outcome.status == 0, outcome.why)
        #expect(
            outcome.eventTypes == [
                "text", "toolUse", "toolResult", "toolUse", "toolResult", "text", "compaction", "request",
                "result",
            ])
        let events = try outcome.events()
        #expect(events[1]["id"]?.string == "t1" && events[1]["name"]?.string == "Read")
        #expect(events[1]["input"]?["file"]?.string == "a\u{2028}b")
        #expect(events[2]["id"]?.string == "t1" && events[2]["isError"]?.bool == false)
        #expect(events[2]["content"]?.string == "done")
        #expect(events[4]["id"]?.string == "t2" && events[4]["isError"]?.bool == true)
        #expect(events[5]["parentToolUseId"]?.string == "t1")
        #expect(events[6]["data"]?["pre_tokens"]?.int == 1000)
        #expect(events[7]["request"]?["request"]?["tool_name"]?.string == "Bash")
        let result = events[8]
        #expect(result["isError"]?.bool == false)
        #expect(result["conversation"]?.string == "conversation-9")
        #expect(result["model"]?.string == "model-1")
        #expect(result["usage"]?["output_tokens"]?.int == 4)
        #expect(result["costUSD"]?.raw as? Double == 0.0125)
        let first = try #require(result["timeToFirstOutputMs"]?.int)
        let whole = try #require(result["durationMs"]?.int)
        #expect(first >= 0 && first <= whole)
        #expect(!outcome.out.contains("\u{2028}"))
    }

    @Test("the conversation's id is kept as a label, once")
    func label() throws {
        try box.ctl("turn", "a", "one")
        try box.ctl("turn", "a", "two")
        #expect(try box.status("a")["labels"]?["conversation"]?.string == "conversation-9")
        #expect(try box.eventNames("a").filter { $0 == "label" }.count == 1)
    }

    @Test("garbage between lines, half lines and lines that come twice change nothing")
    func garbage() throws {
        let outcome = try box.ctl("turn", "a", "one garbage two torn twice=three bare")
        #expect(outcome.out == "one\ntwo\nthree\n", outcome.why)
        #expect(outcome.status == 0)
        let events = try box.ctl("turn", "--json", "a", "garbage tool garbage bare")
        #expect(events.eventTypes == ["toolUse", "toolResult", "toolUse", "toolResult", "result"])
    }

    @Test("U+2028, escapes, and half a surrogate pair")
    func unicode() throws {
        let text = "a\u{2028}b\u{2029}c\nd \u{1F600} \\ \"\n"
        #expect(try box.ctl("turn", "a", "dashes").out == text)
        let events = try box.ctl("turn", "--json", "a", "dashes")
        #expect(!events.out.contains("\u{2028}") && !events.out.contains("\u{2029}"))
        #expect(try self.text(events) == String(text.dropLast()))
        #expect(try box.ctl("turn", "a", "surrogate").out == "\u{1F600} \u{FFFD}!\n")
    }

    @Test("a message of any bytes and of 1 MB reaches the agent as it is")
    func bigMessage() throws {
        let words = String(repeating: "\\\"\u{2028}é", count: 120_000)
        let outcome = try box.run(
            [Executables.keeperctl, "turn", "a", "-"], input: [UInt8]("say=\(words)".utf8))
        #expect(outcome.out == words + "\n")
        let cut = try box.run(
            [Executables.keeperctl, "turn", "a", "-"], input: [UInt8]("x\u{FF}".utf8) + [0xC3])
        #expect(cut.out == "x\u{FF}\u{FFFD}\n")
    }

    @Test("10 MB in one line, and in many pieces")
    func bigAnswer() throws {
        #expect(try box.ctl("turn", "a", "big=10000000").stdout.count == 10_000_001)
        let events = try box.ctl("turn", "--json", "a", "big=10000000")
        #expect(try text(events).utf8.count == 10_000_000)
        let pieces = String(repeating: "z", count: 200_000)
        let outcome = try box.run(
            [Executables.keeperctl, "turn", "a", "-"], input: [UInt8]("pieces=\(pieces)".utf8))
        #expect(outcome.out == pieces + "\n")
    }

    // MARK: What goes wrong

    /// Runs a turn that goes wrong; checks that both ways of saying so agree.
    private func expectError(
        _ code: String, _ status: Int32, _ arguments: String..., says text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try box.run([Executables.keeperctl, "turn", "--json"] + arguments)
        #expect(outcome.status == status, outcome.why, sourceLocation: sourceLocation)
        let error = try #require(try outcome.events().last, outcome.why, sourceLocation: sourceLocation)
        #expect(error["type"]?.string == "error", sourceLocation: sourceLocation)
        #expect(error["code"]?.string == code, sourceLocation: sourceLocation)
        #expect(error["message"]?.string?.contains(text) == true, outcome.why, sourceLocation: sourceLocation)
        #expect(outcome.err.contains(text), outcome.why, sourceLocation: sourceLocation)
        #expect(error["stderr"]?.string != nil, sourceLocation: sourceLocation)
    }

    @Test("an error event, and a result that is an error")
    func agentErrors() throws {
        try expectError("agentError", 9, "a", "one error=overloaded", says: "'overloaded'")
        // The turn ended nevertheless, so the next one has its own answer.
        #expect(try box.ctl("turn", "a", "next").out == "next\n")
        try expectError("agentError", 9, "a", "one failed", says: "'too many turns'")
        let outcome = try box.ctl("turn", "--json", "a", "one failed")
        #expect(outcome.eventTypes == ["text", "result", "error"])
        #expect(try outcome.events()[1]["isError"]?.bool == true)
        // Without an end, an agent has a moment for it.
        try expectError("agentError", 9, "a", "one error=stuck silent", says: "'stuck'")
        #expect(try box.ctl("turn", "--echo-timeout", "2s", "a", "next").out == "next\n")
        try expectError("agentError", 9, "a", "one word=overloaded", says: "'overloaded'")
    }

    @Test("no output at all, and no more output")
    func silence() throws {
        try expectError(
            "silenceTimeout", 8, "a", "one silent", "--silence-timeout", "300ms", says: "--silence-timeout")
        try expectError(
            "echoTimeout", 7, "a", "silent", "--echo-timeout", "300ms", "--silence-timeout", "300ms",
            says: "--echo-timeout")
    }

    @Test("the agent's end in the middle of a turn, with the last 8 KiB of its stderr")
    func death() throws {
        let outcome = try box.ctl("turn", "--json", "a", "one stderr=20000 die=7")
        #expect(outcome.status == 10, outcome.why)
        #expect(outcome.eventTypes == ["text", "error"])
        let error = try #require(try outcome.events().last)
        #expect(error["code"]?.string == "ended")
        #expect(error["message"]?.string?.contains("with status 7") == true, outcome.why)
        let tail = try #require(error["stderr"]?.string)
        #expect(tail.utf8.count == 8192 && tail.hasSuffix("ythe last words\n"))
        try expectError("noSession", 3, "b", "x", says: "no session 'b'")
        try box.spawn("p", StandIn.command("stream-json"))
        let plain = try box.ctl("turn", "p", "one stderr=20000 die=7")
        #expect(plain.status == 10 && plain.out == "one\n", plain.why)
        #expect(
            plain.err.contains("ythe last words\nkeeperctl: turn of p: the child ended with status 7"),
            plain.why)
    }

    @Test("the keeper's end in the middle of a turn")
    func keeperDeath() throws {
        let turn = try box.startCtl("turn", "a", "one await=\(box.root)/never")
        #expect(try turn.read(3) == "one")
        kill(pid_t(try box.keeperPID("a")), SIGKILL)
        #expect(try turn.wait() == .exited(10))
        try box.ctl("discover")
    }

    @Test("--until and lines need each other")
    func usage() throws {
        #expect(try box.ctl("turn", "a", "x", "--until", "y").status == 2)
        #expect(try box.ctl("turn", "a", "x", "--protocol", "lines").status == 2)
        #expect(try box.ctl("turn", "a", "x", "--protocol", "lines", "--until", "a\nb").status == 2)
        #expect(try box.ctl("turn", "a", "x", "--protocol", "smoke").status == 2)
    }
}
