import Glibc
import Testing

@Suite("turn --protocol codex", requires(Programs.python))
struct TurnCodexTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func turn(_ id: String, _ message: String, _ options: String...) throws -> Outcome {
        try box.run([Executables.keeperctl, "turn", "--protocol", "codex"] + options + [id, message])
    }

    @Test("a conversation: text as it comes, what came in pieces once", arguments: ["/", "."])
    func conversation(style: String) throws {
        try box.spawn("c", StandIn.command("codex", style))
        let first = try turn("c", "hello stream=abcdefgh others garbage retry early")
        #expect(first.out == "hello\nabcdefgh\nearly\n", first.why)
        #expect(first.status == 0 && first.err == "", first.why)
        // In the same conversation, though that is another caller.
        #expect(try turn("c", "early again").out == "again\n")
        let label = try #require(try box.status("c")["labels"]?["conversation"]?.string)
        #expect(label.hasPrefix("thread-"))
        let events = try turn("c", "x", "--json").events()
        #expect(events.last?["conversation"]?.string == label)
        #expect(events.last?["model"]?.string == "model-7", "it said so when the conversation began")
    }

    @Test("a notification with an id that is null is one")
    func nullMembers() throws {
        try box.spawn("c", StandIn.command("codex", "/"))
        let outcome = try turn("c", "nulls hello stream=abcdefgh", "--silence-timeout", "5s")
        #expect(outcome.out == "hello\nabcdefgh\n" && outcome.err == "", outcome.why)
    }

    @Test("--json: events of each kind", arguments: ["/", "."])
    func events(style: String) throws {
        try box.spawn("c", StandIn.command("codex", style))
        let outcome = try turn("c", "stream=abcdef run=failed mcp compact approve", "--json")
        #expect(
            outcome.eventTypes == [
                "text", "text", "toolUse", "toolResult", "toolUse", "toolResult", "compaction", "request",
                "result",
            ], outcome.why)
        let events = try outcome.events()
        #expect(events[2]["id"]?.string == "c1" && events[2]["name"]?.string == "commandExecution")
        #expect(events[2]["input"]?["command"]?.string == "ls\u{2028}")
        #expect(events[3]["isError"]?.bool == true)
        #expect(events[4]["name"]?.string == "clock")
        #expect(events[5]["isError"]?.bool == false)
        #expect(events[7]["request"]?["id"]?.int == 99)
        #expect(events[8]["usage"]?["last"]?["outputTokens"]?.int == 5)
        #expect(!outcome.out.contains("\u{2028}"))
        #expect(try turn("c", "approve x").err.contains("the agent asks"))
    }

    @Test("the conversation that the label names is resumed by another child, and a lost one is an error")
    func resumed() throws {
        try box.spawn(
            "c", StandIn.command("codex", "/", "old-1"), options: ["--label", "conversation=old-1"])
        let outcome = try turn("c", "x", "--json")
        #expect(try outcome.events().last?["conversation"]?.string == "old-1", outcome.why)
        #expect(try outcome.events().last?["model"]?.string == "model-8")
        try box.spawn("d", StandIn.command("codex", "/"), options: ["--label", "conversation=old-1"])
        let lost = try turn("d", "x")
        #expect(lost.status == 9 && lost.err.contains("no rollout found"), lost.why)
        #expect(lost.err.contains("label 'conversation'"), lost.why)
        try box.ctl("label", "d", "conversation-")
        #expect(try turn("d", "x").out == "x\n")
    }

    @Test("a child that knows us, but not the conversation: it is resumed then")
    func knownClient() throws {
        try box.spawn("c", StandIn.command("codex", "/", "old-1"))
        #expect(try turn("c", "x").status == 0)
        try box.ctl("label", "c", "conversation=old-1")
        let outcome = try turn("c", "y", "--json")
        #expect(try outcome.events().last?["conversation"]?.string == "old-1", outcome.why)
    }

    @Test("errors: an error event, a turn that failed or was interrupted, silence, death")
    func failures() throws {
        try box.spawn("c", StandIn.command("codex", "/"))
        for (message, text) in [
            ("error=oops", "'oops'"), ("failed=why", "'why'"), ("interrupted", "'interrupted'"),
        ] {
            let outcome = try turn("c", message, "--json")
            #expect(outcome.status == 9)
            #expect(outcome.eventTypes.suffix(2) == ["result", "error"], outcome.why)
            #expect(try outcome.events().last?["message"]?.string?.hasSuffix(text) == true, outcome.why)
        }
        let silent = try turn("c", "silent", "--silence-timeout", "300ms", "--json")
        #expect(silent.status == 8)
        #expect(try silent.events().last?["code"]?.string == "silenceTimeout")
        // The next one has its own turn, which the other doesn't end.
        #expect(try turn("c", "next", "--silence-timeout", "3s").out == "next\n")
        let dead = try turn("c", "one die=3")
        #expect(dead.status == 10 && dead.out == "one\n", dead.why)
        try box.spawn("m", ["cat"])
        let mute = try turn("m", "x", "--silence-timeout", "300ms")
        #expect(mute.status == 8, "what only gives back what it gets never answers")
    }

    @Test("10 MB in one line")
    func big() throws {
        try box.spawn("c", StandIn.command("codex", "/"))
        #expect(try turn("c", "big=10000000").stdout.count == 10_000_001)
    }

    @Test(
        "a child that is started again: what was under way is an error at once, and the conversation goes on")
    func startedAgain() throws {
        try box.spawn(
            "c", StandIn.command("codex", "/", "old-1"),
            options: ["--restart", "always", "--label", "conversation=old-1"])
        try eventually("it to be ready") { box.state("c") == "running" }
        let dead = try turn("c", "one die=3", "--json")
        #expect(dead.status == 10, dead.why)
        let next = try turn("c", "two", "--json", "--echo-timeout", "30s")
        #expect(next.status == 0, next.why)
        let result = try next.events().last
        #expect(result?["conversation"]?.string == "old-1")
        #expect(try box.status("c")["child"]?["restarts"]?.int == 1)
    }
}
