import Glibc
import Testing

@Suite("the screens of real programs: in a session, in tmux and attached to")
struct ScreenSessionTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        box.environment["TERM"] = "screen"
        try writeFile(box.root + "/inner.bashrc", "PS1='inner> '\n".utf8)
        try writeFile(
            box.root + "/text",
            (1...200).map { "line \($0) \(String(repeating: "word ", count: $0 % 30))\n" }.joined().utf8)
    }

    private func peek(_ id: String) throws -> [String] {
        let outcome = try box.ctl("peek", id)
        #expect(outcome.status == 0, outcome.why)
        return outcome.out.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
            String($0)
        }
    }

    /// Waits until both show the same, and something.
    private func expectSame(_ tmux: Tmux, _ id: String, where condition: ([String]) -> Bool) throws {
        var seen: (tmux: [String], peek: [String]) = ([], [])
        do {
            try eventually("the same screen") {
                seen = (try tmux.screen(), try peek(id))
                return seen.tmux == seen.peek && condition(seen.peek)
            }
        } catch {
            Issue.record(
                "tmux:\n\(seen.tmux.joined(separator: "\n"))\npeek:\n\(seen.peek.joined(separator: "\n"))")
            throw error
        }
    }

    /// The program in a session and in a pane of tmux, with the same keys typed in both.
    private func compare(
        _ command: [String], _ steps: [(keys: [String], wanted: String)]
    ) throws {
        let tmux = try Tmux(box, columns: 60, rows: 17)
        _ = try #require(
            try box.run([Executables.keeperctl, "spawn", "--size", "60x17", "p", "--"] + command).status == 0)
        try tmux.show("TERM=screen; export TERM; exec " + command.map { "'\($0)'" }.joined(separator: " "))
        for (keys, wanted) in steps {
            for key in keys {
                try tmux.type(key)
                let sent = try box.ctl("send-keys", "p", key)
                #expect(sent.status == 0, sent.why)
            }
            try expectSame(tmux, "p") { $0.contains { $0.contains(wanted) } }
        }
    }

    @Test("vi: lines that go on, editing, searching", requires("tmux", "vi")) func vi() throws {
        try compare(
            ["vi", "-n", box.root + "/text"],
            [
                ([], "line 1"), (["50G"], "line 50 "), (["i", "new text", "Enter", "Escape"], "new text"),
                (["3dd"], "line 53"), (["/line 1", "1", "5", "Enter"], "line 115"), (["C-b"], "line 1"),
            ])
    }

    @Test("less: pages forward and back, half ones, a search", requires("tmux", "less")) func less() throws {
        try compare(
            ["less", box.root + "/text"],
            [
                ([], "line 1"), (["Space"], "line 14"), (["d", "d", "k"], "line 2"), (["b"], "line 1"),
                (["/line 77", "Enter"], "line 77"), (["G"], "line 200"),
            ])
    }

    @Test("bash: a line that goes on, edited in the middle; scrolling", requires("tmux", "bash")) func bash()
        throws
    {
        let long = "echo " + String(repeating: "a b c ", count: 15)
        try compare(
            ["bash", "--rcfile", box.root + "/inner.bashrc"],
            [
                ([], "inner>"), ([long], "a b c"), (["C-a", "M-f", " in", "C-e", "C-w", "Enter"], "in a b"),
                (["seq 30", "Enter"], "30"), (["printf 'a\\tb\\bc\\n'", "Enter"], "a       c"),
                (["Up", "Up"], "seq"),
            ])
    }

    @Test("python3 -i: an answer and a mistake", requires("tmux", Programs.python)) func python() throws {
        try compare(
            [Programs.python, "-i", "-q"],
            [([], ">>>"), (["print('x' * 100)", "Enter"], "xxx"), (["1/0", "Enter"], "ZeroDivisionError")])
    }

    @Test(
        "attached to in a second window, vi shows the same as in peek, to one that only reads too",
        requires("tmux", "vi"))
    func attached() throws {
        let tmux = try Tmux(box)
        try box.spawn("--size", "80x24", "v", "--", "vi", "-n", box.root + "/text")
        try eventually("vi") { try peek("v").count == 24 }
        #expect(try box.ctl("send-keys", "v", "100G", "x", "A", "more", "Escape").status == 0)
        try eventually("what was typed") { try peek("v").contains { $0.hasSuffix("more") } }
        for option in ["--read-only", ""] {
            try tmux.show("'\(Executables.keeperctl)' attach \(option) v")
            try expectSame(tmux, "v") { $0.count == 24 }
            #expect(try tmux.isOtherScreen())
        }
        try tmux.type("G")
        try expectSame(tmux, "v") { $0.contains { $0.hasPrefix("line 200") } }
    }

    @Test(
        "what is painted upon arrival is what goes on: cursor, attributes, region, saved places",
        requires("tmux"))
    func painted() throws {
        let tmux = try Tmux(box)
        let parts: [(String, String)] = [
            ("one\r\n\u{1B}[1;31mtwo\u{1B}[m\r\n\u{1B}[44mblue", " more\r\n"),
            (
                "\u{1B}[5;10r\u{1B}[10;1Hin the region\u{1B}[?6h",
                "\n\n\u{1B}[1;1Hthe top\u{1B}[r\u{1B}[24;1Hend"
            ),
            ("\u{1B}[7;7H\u{1B}[36m\u{1B}7\u{1B}[H\u{1B}[msaved", "\u{1B}8restored"),
            (String(repeating: "x", count: 80), "y"),
            ("\u{1B}(0\u{1B}[10;1H", "mqqj"),
            (
                "lines\r\nbelow\u{1B}[32m\u{1B}[?1049h\u{1B}[2J\u{1B}[Hown\u{1B}[?7l",
                "\u{1B}[?1049l\u{1B}[?7hback"
            ),
            ("\u{1B}[?1h\u{1B}=\u{1B}[?25l\u{1B}[4hinsert\u{1B}[4D", "ed"),
            ("half of \u{1B}[3", "5mmagenta"), ("a title \u{1B}]0;ti", "tle\u{7}and text"),
            ("漢字e\u{301}\u{1B}[3;80H漢", "字"),
        ]
        for (number, part) in parts.enumerated() {
            let path = "\(box.root)/part-\(number)"
            try writeFile(path + ".1", part.0.utf8)
            try writeFile(path + ".2", part.1.utf8)
            func command(_ mark: String) -> String {
                "stty raw -echo; cat '\(path).1'; : >'\(path)\(mark)1'; head -c 1 >'\(path)\(mark)'; "
                    + "cat '\(path).2'; : >'\(path)\(mark)2'; exec cat"
            }
            func shown(_ mark: String) throws {
                try eventually("\(mark)") { readFile("\(path)\(mark)") != nil }
            }
            func awaitScreen(_ wanted: (text: String, state: String)?) throws -> (text: String, state: String)
            {
                var last = (text: "", state: "")
                var looks = 0
                try? eventually("the screen of part \(number)") {
                    let before = last
                    last = (try tmux.styledScreen(), try tmux.state())
                    looks = last == before ? looks + 1 : 0
                    guard let wanted else { return looks == 10 }
                    return last == wanted
                }
                return last
            }
            // First what tmux makes of it by itself.
            try tmux.show(command("tmux"))
            try shown("tmux1")
            let first = try awaitScreen(nil)
            try tmux.type("x")
            try shown("tmux2")
            let second = try awaitScreen(nil)
            try box.spawn("--size", "80x24", "s\(number)", "--", "sh", "-c", command("session"))
            try shown("session1")
            try tmux.show("'\(Executables.keeperctl)' attach --read-only s\(number)")
            #expect(try awaitScreen(first) == first, "part \(number)")
            #expect(try box.ctl("send-keys", "s\(number)", "x").status == 0)
            try shown("session2")
            #expect(try awaitScreen(second) == second, "part \(number), behind")
            try box.ctl("kill", "--now", "s\(number)")
        }
    }

    @Test("the status tells the terminal's size, also after it was changed and in the end") func size() throws
    {
        try box.spawn("--size", "90x20", "a", "--", "cat")
        #expect(try box.status("a")["terminal"]?["cols"]?.int == 90)
        #expect(try box.ctl("resize", "a", "100x30").status == 0)
        #expect(try box.status("a")["terminal"]?["cols"]?.int == 100)
        try box.ctl("write", "a", "漢字")
        try eventually("the echo") { box.journalText("a").contains("字\r\n漢字") }
        try box.ctl("kill", "a")
        #expect(try box.status("a")["terminal"]?["rows"]?.int == 30)
        #expect(try peek("a").prefix(2) == ["漢字", "漢字"])
        try box.spawn("p", "--", "cat")
        #expect(try box.status("p")["terminal"] == nil)
    }
}
