import Testing

@Suite("keeperctl peek")
struct PeekTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("the last lines of both streams in their order, an unfinished one among them")
    func lastLines() throws {
        let script =
            "seq 20; read x; echo oops >&2; read x; printf 'name? '; read x; echo \"$x\""
        try box.spawn("a", "--", "sh", "-c", script)
        try eventually("the numbers") { box.journalText("a").hasSuffix("20\n") }
        try box.ctl("write", "a", "go")
        try eventually("the mistake") { box.journalText("a", "stderr") == "oops\n" }
        try box.ctl("write", "a", "go")
        try eventually("the question") { box.journalText("a").hasSuffix("name? ") }
        let peeked = try box.ctl("peek", "a")
        #expect(peeked.out == (13...20).map { "\($0)\n" }.joined() + "oops\nname? \n", peeked.why)
        #expect(try box.ctl("peek", "a", "--lines", "2").out == "oops\nname? \n")
        try box.ctl("write", "a", "me")
        try box.ctl("wait", "a")
        #expect(try box.ctl("peek", "-n", "1", "a").out == "name? me\n")
        #expect(try box.ctl("peek", "-n", "1000", "a").out.split(separator: "\n").count == 22)
    }

    @Test("a session without output has no lines; without a session it is an error") func nothing() throws {
        try box.spawn("a", "--", "cat")
        let empty = try box.ctl("peek", "a")
        #expect(empty.status == 0 && empty.out == "" && empty.err == "", empty.why)
        #expect(try box.ctl("peek", "none").status == 3)
        #expect(try box.ctl("peek", "-n", "0", "a").status == 2)
    }
}
