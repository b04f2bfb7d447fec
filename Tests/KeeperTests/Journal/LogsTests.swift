import Glibc
import Testing

@Suite("keeperctl logs")
struct LogsTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// All the numbers in a text.
    private func numbers(_ text: String) -> [Int] {
        text.split { !$0.isNumber }.compactMap { Int($0) }
    }

    /// Both streams, as a terminal would show them: each goes where the child sent it.
    private func all(_ id: String) throws -> Outcome {
        try box.run(["sh", "-c", "exec \"$0\" logs --all \"$1\" 2>&1", Executables.keeperctl, id])
    }

    @Test("prints what came out, of a living session and after its end")
    func prints() throws {
        try box.spawn("a", "--", "sh", "-c", "printf 'one\\n\\000\\377'; echo no >&2; exec cat")
        try eventually("output") { box.journal("a").count == 6 && box.journal("a", "stderr").count == 3 }
        for round in 1...2 {
            let out = try box.ctl("logs", "a")
            #expect(out.status == 0, out.why)
            #expect(out.stdout == [UInt8]("one\n".utf8) + [0, 255])
            #expect(out.err == "")
            #expect(try box.ctl("logs", "--stderr", "a").out == "no\n")
            if round == 1 { #expect(try box.ctl("kill", "a").status == 0) }
        }
    }

    @Test("reads files, not the keeper: a stopped keeper doesn't matter")
    func readsFiles() throws {
        try box.spawn("a", "--", "cat")
        #expect(try box.ctl("write", "a", "line").status == 0)
        try eventually("the line") { box.journalText("a") == "line\n" }
        let keeper = pid_t(try box.keeperPID("a"))
        kill(keeper, SIGSTOP)
        defer { kill(keeper, SIGCONT) }
        #expect(try box.ctl("logs", "a").out == "line\n")
    }

    @Test("--from starts at a position")
    func from() throws {
        try box.spawn("a", "--", "sh", "-c", "echo 0123456789; exec cat")
        try eventually("output") { box.journal("a").count == 11 }
        #expect(try box.ctl("logs", "--from", "4", "a").out == "456789\n")
        #expect(try box.ctl("logs", "--from", "11", "a").out == "")
        #expect(try box.ctl("logs", "--from", "0", "a").out == "0123456789\n")
        #expect(try box.ctl("logs", "--from", "nonsense", "a").status == 2)
    }

    @Test("what is gone is counted, and reading goes on from the oldest")
    func gap() throws {
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "seq 100000; read x")
        let all = [UInt8]((1...100_000).map { "\($0)\n" }.joined().utf8)
        try eventually("all output") {
            try box.next("a") == all.count
        }
        let first = all.count - box.journal("a").count
        let outcome = try box.ctl("logs", "--from", "10", "a")
        #expect(outcome.stdout == [UInt8](all[first...]))
        #expect(numbers(outcome.err).contains(first - 10), outcome.why)
    }

    @Test("--all merges both streams in the order in which they came")
    func merged() throws {
        let script = "while read x; do echo \"out $x\"; read y; echo \"err $y\" >&2; done"
        try box.spawn("a", "--", "sh", "-c", script)
        var expected = ""
        for number in 1...5 {
            #expect(try box.ctl("write", "a", "\(number)").status == 0)
            expected += "out \(number)\n"
            try eventually("out") { box.journalText("a").hasSuffix("out \(number)\n") }
            #expect(try box.ctl("write", "a", "\(number)").status == 0)
            expected += "err \(number)\n"
            try eventually("err") { box.journalText("a", "stderr").hasSuffix("err \(number)\n") }
        }
        let outcome = try all("a")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == expected, outcome.why)
    }

    @Test("-f follows to the session's end, across segments, and ends by itself")
    func follows() throws {
        try box.spawn("--journal-size", "256K", "a", "--", "cat")
        let reader = try box.startCtl("logs", "-f", "a")
        var expected: [String] = []
        for round in 0..<40 {
            let lines = (0..<100).map { "round \(round) line \($0) \(String(repeating: ".", count: 60))" }
            #expect(
                try box.ctl("write", "a", input: [UInt8]((lines.joined(separator: "\n") + "\n").utf8)).status
                    == 0)
            expected += lines
            // Read as fast as it comes: nothing may be missing.
            for line in lines { #expect(try reader.readLine() == line) }
        }
        #expect(box.segments("a").last != "stdout.00000000000000000000.log")
        #expect(try box.ctl("write", "a", "last").status == 0)
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try reader.readLine() == "last")
        #expect(try reader.readLine() == nil)
        #expect(try reader.wait() == .exited(0), "\(reader.errorText)")
        #expect(reader.errorText == "")
    }

    @Test("-f of a session that has ended prints and ends")
    func followsEnded() throws {
        try box.spawn("a", "--", "echo", "hello")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        let outcome = try box.ctl("logs", "-f", "a")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == "hello\n")
    }

    @Test("-f shows each line as it comes, also one without a newline")
    func prompt() throws {
        try box.spawn("a", "--", "sh", "-c", "printf 'name? '; read x; echo \"hello $x\"")
        let reader = try box.startCtl("logs", "-f", "a")
        try eventually("the prompt") { box.journalText("a") == "name? " }
        #expect(try box.ctl("write", "a", "you").status == 0)
        #expect(try reader.readLine() == "name? hello you")
        #expect(try reader.wait() == .exited(0))
    }

    @Test("a slow reader of a small journal: each byte is seen or counted in a gap")
    func slowReader() throws {
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "read x; seq 300000; read y")
        let reader = try box.startCtl("logs", "-f", "a")
        #expect(try box.ctl("write", "a", "go").status == 0)
        let total = (1...300_000).reduce(0) { $0 + String($1).utf8.count + 1 }
        try eventually("all output") {
            try box.next("a") == total
        }
        #expect(try box.ctl("kill", "--now", "a").status == 0)
        let seen = try reader.readToEnd()
        try reader.wait()
        let gaps = reader.errorText.split(separator: "\n").compactMap { numbers(String($0)).first }.reduce(
            0, +)
        #expect(seen.count + gaps == total, "\(seen.count) seen, gaps: \(reader.errorText)")
        #expect(gaps > 0)
        // Whole lines around the gaps, in order.
        let lines = String(decoding: seen, as: UTF8.self).split(separator: "\n").compactMap { Int($0) }
        #expect(lines == lines.sorted() && lines.last == 300_000)
    }

    @Test("a torn, short or missing idx breaks nothing", arguments: ["short", "torn", "missing"])
    func damagedIndex(damage: String) throws {
        try box.spawn("a", "--", "sh", "-c", "echo one; echo two >&2; exec cat")
        try eventually("output") { box.journal("a").count == 4 && box.journal("a", "stderr").count == 4 }
        try box.ctl("kill", "a")
        let index = box.path("a.d/stdout.00000000000000000000.idx")
        switch damage {
        case "short": truncate(index, 0)
        case "torn": truncate(index, 7)
        default: unlink(index)
        }
        let outcome = try all("a")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out.split(separator: "\n").sorted() == ["one", "two"], outcome.why)
    }
}
