import Glibc
import Testing

@Suite("turn --protocol lines")
struct TurnLinesTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func turn(_ message: String, until end: String, _ options: String...) throws -> Outcome {
        try box.run(
            [Executables.keeperctl, "turn", "--protocol", "lines", "--until", end, "s"] + options + [message])
    }

    @Test("up to the line that is the text, and no other that only has it")
    func line() throws {
        try box.spawn("s", "--", "bash")
        let outcome = try turn(
            "echo before; echo DONE 1; echo ' DONE'; printf 'DONE\\r\\n'; echo after", until: "DONE")
        #expect(outcome.out == "before\nDONE 1\n DONE\n", outcome.why)
        #expect(outcome.status == 0)
        // What came after the end belongs to no turn.
        #expect(try turn("echo more\necho DONE", until: "DONE").out == "more\n")
        #expect(try turn("echo one; echo; echo two", until: "").out == "one\n")
    }

    @Test("up to a prompt without line feed, also when text goes on as it begins")
    func prompt() throws {
        let loop = "printf '> '; while IFS= read -r line; do eval \"$line\"; printf '> '; done"
        try box.spawn("s", "--", "bash", "-c", loop)
        try eventually("the prompt") { box.journalText("s") == "> " }
        #expect(try turn("echo 42", until: "> ").out == "42\n")
        #expect(try turn("echo '> quoted'; printf 'no end'; echo", until: "> ").out == "> quoted\nno end\n")
        #expect(try turn("printf unfinished", until: "unfinished> ").out == "")
    }

    @Test("text without line ends comes at once")
    func unfinished() throws {
        try box.spawn("s", "--", "bash")
        let message = "printf 12345; until [ -e \(box.root)/go ]; do sleep 0.01; done; echo 6; echo END"
        let turn = try box.startCtl("turn", "--protocol", "lines", "--until", "END", "s", message)
        #expect(try turn.read(5) == "12345")
        try writeFile(box.root + "/go", [])
        #expect(try turn.readLine() == "6")
        #expect(try turn.wait() == .exited(0))
    }

    @Test("--json, silence, and the end")
    func endings() throws {
        try box.spawn("s", "--", "bash")
        let events = try turn("echo a; echo b; echo END", until: "END", "--json")
        #expect(try events.events().compactMap { $0["text"]?.string }.joined() == "a\nb\n")
        #expect(events.eventTypes.last == "result")
        #expect(try turn("echo a", until: "END", "--silence-timeout", "300ms").status == 8)
        let ended = try turn("exit 5", until: "END", "--silence-timeout", "3s")
        #expect(ended.status == 10, ended.why)
    }

    @Test("10 MB without a line end, and in 200,000 lines", requires("head", "tr"))
    func big() throws {
        try box.spawn("s", "--", "bash")
        let long = try turn("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo END", until: "END")
        #expect(long.stdout.count == 10_000_001)
        let lines = try turn(
            "head -c 10000000 /dev/zero | tr '\\0' x | fold -w 50; echo; echo END", until: "END")
        #expect(lines.stdout.count == 10_200_000)
    }
}
