import KeeperShared
import Testing

@Suite("the screen of a terminal session, as peek prints it")
struct ScreenTests {
    let box: Sandbox
    let fixture: SessionsFixture
    init() throws {
        box = try Sandbox()
        fixture = try SessionsFixture()
    }

    /// What peek prints of an ended session with a terminal that has written this.
    private func peek(_ output: [UInt8], columns: Int = 20, rows: Int = 5, _ arguments: String...) throws
        -> String
    {
        var status = fixture.status("a", keeper: 1, state: .exited)
        status.isTerminal = true
        status.terminalSize = TerminalSize(columns: columns, rows: rows)
        try fixture.write(status, folder: "a.d")
        try writeFile(fixture.path + "/a.d/stdout.00000000000000000000.log", output)
        let outcome = try box.run(
            [Executables.keeperctl, "--sessions-dir", fixture.path, "peek", "a"] + arguments)
        #expect(outcome.status == 0 && outcome.err == "", outcome.why)
        return outcome.out
    }

    private func peek(_ output: String, columns: Int = 20, rows: Int = 5) throws -> String {
        try peek([UInt8](output.utf8), columns: columns, rows: rows)
    }

    @Test(
        "random output shows what tmux shows of it",
        requires("tmux"),
        arguments: [(80, 24), (20, 5), (40, 10), (7, 24)], [RandomOutput.Kind.edited, .wide])
    func random(size: (columns: Int, rows: Int), kind: RandomOutput.Kind) throws {
        let tmux = try Tmux(box, columns: size.columns, rows: size.rows)
        var random = SplitMix64.announced("random output \(size) \(kind)")
        for number in 1...10 {
            var maker = RandomOutput(
                columns: size.columns, rows: size.rows, kind: kind, SplitMix64(state: random.next()))
            let output = maker.make(20 + random.below(150))
            let path = "\(box.root)/output-\(number)"
            try writeFile(path, output.utf8)
            try tmux.show("stty raw -echo; cat '\(path)'; : >'\(path).shown'; exec cat")
            try eventually("the output") { readFile("\(path).shown") != nil }
            let peeked = try peek(output, columns: size.columns, rows: size.rows)
            var shown: [String] = []
            do {
                // tmux may not have read all of it yet.
                try eventually("the same screen") {
                    shown = try tmux.screen()
                    return lines(peeked) == shown
                }
            } catch {
                Issue.record("stream \(number) \(output.debugDescription)\npeek:\n\(peeked)\ntmux: \(shown)")
            }
        }
    }

    private func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    @Test("moving, erasing and scrolling") func moves() throws {
        #expect(try peek("one\r\ntwo\u{1B}[1;2HN\u{1B}[2;10Hx") == "oNe\ntwo      x\n")
        #expect(try peek("abcdef\u{1B}[3D\u{1B}[K\r\n12345\u{1B}[1;1H\u{1B}[2P") == "c\n12345\n")
        #expect(try peek((1...9).map { "\($0)" }.joined(separator: "\r\n")) == "5\n6\n7\n8\n9\n")
        #expect(try peek("a\r\nb\r\nc\r\nd\r\ne\u{1B}[2;4r\u{1B}[4;1H\nx") == "a\nc\nd\nx\ne\n")
        // A line that is full goes on only when there is something to go on with.
        #expect(try peek("abcde\r\nf", columns: 5) == "abcde\nf\n")
        #expect(try peek("abcdef", columns: 5) == "abcde\nf\n")
    }

    @Test("wide characters, combining ones and lines; what is half overwritten is gone") func characters()
        throws
    {
        #expect(try peek("漢字漢字漢字漢字漢字x") == "漢字漢字漢字漢字漢字\nx\n")
        #expect(try peek("漢字\u{1B}[2GA") == " A字\n")
        #expect(try peek("漢字\u{1B}[1GA") == "A 字\n")
        #expect(try peek("漢字\u{1B}[1G\u{1B}[3X|") == "|\n")
        #expect(try peek("漢字\u{1B}[2G\u{1B}[1P") == " 字\n")
        #expect(try peek("e\u{301}x\u{308}\u{323}!") == "e\u{301}x\u{308}\u{323}!\n")
        #expect(try peek("\u{1B}(0lqqk\u{1B}(B lqqk \u{1B})0\u{E}x\u{F}x") == "┌──┐ lqqk │x\n")
        // What is not UTF-8 shows nothing, and hides nothing.
        #expect(
            try peek([0x61, 0xFF, 0x62, 0xC3, 0x63, 0xE2, 0x82, 0x0A, 0x64, 0xC3, 0xA9]) == "abc\n   dé\n")
    }

    @Test("strings with a meaning of their own are not text, whatever is in them") func strings() throws {
        #expect(
            try peek("a\u{1B}]0;title\u{7}b\u{1B}P+q544e\u{1B}\\c\u{1B}_x\u{1B}\\d\u{1B}kname\u{1B}\\e")
                == "abcde\n")
        #expect(try peek("a\u{1B}]0;not ended") == "a\n")
        #expect(try peek("a\u{1B}[38;5") == "a\n")
    }

    @Test("a program's own screen hides the lines, and gives them back") func otherScreen() throws {
        let before = "line\r\nmore\u{1B}[?1049h\u{1B}[H\u{1B}[2Jown"
        #expect(try peek(before) == "own\n")
        #expect(try peek(before + "\u{1B}[?1049l!") == "line\nmore!\n")
    }

    @Test("of a long output the end decides, also where it begins in the middle of a program's own screen")
    func long() throws {
        let filler = [UInt8](String(repeating: "0123456789012345678\r\n", count: 60_000).utf8)
        #expect(
            try peek(filler + [UInt8]("end".utf8)) == String(repeating: "0123456789012345678\n", count: 4)
                + "end\n")
        let inside = [UInt8]("\u{1B}[?1049h".utf8) + filler + [UInt8]("\u{1B}[?1049l$ \r\nls".utf8)
        #expect(try peek(inside) == "\n\n\n$\nls\n")
    }

    @Test("-n takes the last of the lines") func lineCount() throws {
        #expect(try peek([UInt8]("1\r\n2\r\n3\r\n".utf8), "-n", "2") == "2\n3\n")
        #expect(try peek([UInt8]("1\r\n2\r\n3\r\n".utf8), "-n", "100") == "1\n2\n3\n")
    }

    @Test("nothing that a program writes ends peek otherwise than with a screen", arguments: 0..<8)
    func garbage(number: UInt64) throws {
        var random = SplitMix64(state: number)
        var output: [UInt8] = []
        for _ in 0..<4000 {
            switch random.below(4) {
            case 0: output += random.bytes(1 + random.below(8))
            case 1:
                output +=
                    Array("\u{1B}[\(random.below(1 << 30));\(random.below(1 << 30))".utf8) + random.bytes(1)
            case 2: output += [0x1B] + random.bytes(2)
            default: output += Array("\u{1B}[".utf8) + [UInt8(0x40 + random.below(0x3F))]
            }
        }
        let size = random.pick([(1, 1), (2, 1), (1, 5), (80, 24), (9999, 9999)])
        let peeked = try peek(output, columns: size.0, rows: size.1)
        #expect(lines(peeked).count <= size.1)
    }
}
