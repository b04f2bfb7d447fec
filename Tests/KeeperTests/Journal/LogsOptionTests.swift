import Glibc
import Testing

/// One session's journal under the hands of a test.
extension Sandbox {
    /// A session that wrote this and has ended.
    fileprivate func ended(_ id: String, _ output: String) throws {
        try spawn(id, "--", "printf", "%b", output)
        try eventually("the end") { !exists("\(id).rpc.sock.pid") }
    }

    /// Replaces the index of the first segment, and gives the segment the time of its last record.
    fileprivate func setTimes(
        _ id: String, stream: String = "stdout", _ records: [(position: Int, second: Int)]
    ) throws {
        var index: [UInt8] = []
        for record in records {
            withUnsafeBytes(of: UInt64(record.position).littleEndian) { index += $0 }
            withUnsafeBytes(of: UInt64(record.second * 1_000_000_000 + 250_000_000).littleEndian) {
                index += $0
            }
        }
        try writeFile(path("\(id).d/\(stream).00000000000000000000.idx"), index)
        try setModified(id, stream, (records.last?.second ?? 0))
    }

    fileprivate func setModified(_ id: String, _ stream: String = "stdout", _ second: Int) throws {
        let moment = timespec(tv_sec: second, tv_nsec: 250_000_000)
        let times = [moment, moment]
        let name = path("\(id).d/\(stream).00000000000000000000.log")
        guard utimensat(AT_FDCWD, name, times, 0) == 0 else { throw CallFailed("utimensat \(name)") }
    }

    /// Both streams, as a terminal would show them.
    fileprivate func both(_ arguments: String...) throws -> Outcome {
        try run(["sh", "-c", "exec \"$0\" logs --all \"$@\" 2>&1", Executables.keeperctl] + arguments)
    }
}

@Suite("keeperctl logs: which part")
struct LogsPartTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("--tail prints the last lines, of which the last may have no end")
    func tail() throws {
        try box.ended("a", "one\\n\\ntwo\\nthree")
        let wanted = [0: "", 1: "three", 2: "two\nthree", 3: "\ntwo\nthree", 4: "one\n\ntwo\nthree"]
        for (count, text) in wanted {
            let outcome = try box.ctl("logs", "--tail", "\(count)", "a")
            #expect(outcome.out == text && outcome.err == "", outcome.why)
        }
        #expect(try box.ctl("logs", "-n", "100000", "a").out == wanted[4])
        #expect(try box.ctl("logs", "-n", "9223372036854775807", "a").out == wanted[4])
        try box.ended("b", "one\\ntwo\\n")
        #expect(try box.ctl("logs", "-n1", "b").out == "two\n")
        try box.ended("c", "")
        #expect(try box.ctl("logs", "-n1", "c").out == "")
    }

    @Test("--tail goes back across segments, to the oldest without a word about a gap")
    func tailAcrossSegments() throws {
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "seq 100000; read x")
        let all = [UInt8]((1...100_000).map { "\($0)\n" }.joined().utf8)
        try eventually("all output") { try box.next("a") == all.count }
        #expect(box.segments("a").count >= 3)
        let kept = box.journal("a")
        for count in [1, 10, 2500, 5000] {
            let expected = (100_001 - count...100_000).map { "\($0)\n" }.joined()
            #expect(try box.ctl("logs", "--tail", "\(count)", "a").out == expected)
        }
        let outcome = try box.ctl("logs", "--tail", "90000", "a")
        #expect(outcome.stdout == kept && outcome.err == "", outcome.why)
    }

    @Test("--tail -f starts there and goes on")
    func tailFollows() throws {
        try box.spawn("a", "--", "sh", "-c", "seq 10; exec cat")
        try eventually("output") { box.journalText("a").hasSuffix("10\n") }
        let last = try box.startCtl("logs", "-f", "--tail", "2", "a")
        let none = try box.startCtl("logs", "-f", "--tail", "0", "a")
        #expect(try last.readLine() == "9")
        #expect(try last.readLine() == "10")
        // Both are known to follow only when something came: what comes first may be there at their start.
        try eventually("a line of both") {
            _ = try box.ctl("write", "a", "more")
            return try fileText(none).contains("more")
        }
        #expect(try last.readLine() == "more")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try last.wait() == .exited(0))
        #expect(try none.wait() == .exited(0))
    }

    /// A line that came too early for the follower is no line; the next one is.
    private func fileText(_ running: Running) throws -> String { (try? running.readLine(timeout: 1)) ?? "" }

    @Test("--all --tail counts the lines of both streams in the order in which they came")
    func tailMerged() throws {
        let script = "while read x; do echo \"out $x\"; read y; echo \"err $y\" >&2; done"
        try box.spawn("a", "--", "sh", "-c", script)
        var expected: [String] = []
        for number in 1...4 {
            for (stream, name) in [("stdout", "out"), ("stderr", "err")] {
                #expect(try box.ctl("write", "a", "\(number)").status == 0)
                expected.append("\(name) \(number)\n")
                try eventually("output") { box.journalText("a", stream).hasSuffix(expected.last ?? "") }
            }
        }
        for count in 0...9 {
            let outcome = try box.both("--tail", "\(count)", "a")
            #expect(outcome.out == expected.suffix(count).joined(), outcome.why)
        }
        #expect(try box.ctl("logs", "--stderr", "--tail", "1", "a").out == "err 4\n")
    }

    @Test("--since and --until choose by the index, whole lines")
    func times() throws {
        try box.ended("a", "one\\ntwo\\nthr" + "ee\\nfour\\n")
        // The third line came in two parts, of seconds 1300 and 1400.
        try box.setTimes("a", [(0, 1000), (4, 1200), (8, 1300), (11, 1400), (14, 1500)])
        func part(_ arguments: String...) throws -> String {
            let outcome = try box.run([Executables.keeperctl, "logs", "a"] + arguments)
            #expect(outcome.status == 0 && outcome.err == "", outcome.why)
            return outcome.out
        }
        #expect(try part("--since", "1970-01-01T00:00:00Z") == "one\ntwo\nthree\nfour\n")
        #expect(try part("--since", "1970-01-01T00:20:00Z") == "two\nthree\nfour\n")
        #expect(try part("--since", "1970-01-01T01:20:00+01:00") == "two\nthree\nfour\n")
        #expect(try part("--since", "1970-01-01T00:22:00Z") == "three\nfour\n")
        #expect(try part("--since", "1970-01-01T00:24:00.5Z") == "four\n")
        #expect(try part("--since", "1970-01-01T00:26:00Z") == "")
        #expect(try part("--since", "1h") == "")
        #expect(try part("--since", "36500d") == "one\ntwo\nthree\nfour\n")
        #expect(try part("--until", "0") == "one\ntwo\nthree\nfour\n")
        #expect(try part("--until", "1970-01-01T00:10:00Z") == "")
        #expect(try part("--until", "1970-01-01T00:20:00Z") == "one\n")
        #expect(try part("--until", "1970-01-01T00:22:00Z") == "one\ntwo\nthree\n")
        #expect(
            try part("--since", "1970-01-01T00:20:00Z", "--until", "1970-01-01T00:22:00Z") == "two\nthree\n")
        #expect(try part("--tail", "1", "--until", "1970-01-01T00:22:00Z") == "three\n")
        #expect(try part("--tail", "9", "--since", "1970-01-01T00:22:00Z") == "three\nfour\n")
        #expect(try part("--tail", "1", "--since", "1970-01-01T00:22:00Z") == "four\n")
        #expect(try part("--from", "5", "--until", "1970-01-01T00:20:10Z") == "wo\n")
        #expect(try part("--since", "1970-01-01T00:22:00Z", "-f") == "three\nfour\n")
    }

    @Test("Without an index a segment's own time tells, and in doubt all of it is printed")
    func timesWithoutIndex() throws {
        try box.ended("a", "one\\ntwo\\n")
        let index = box.path("a.d/stdout.00000000000000000000.idx")
        for damage in ["torn", "missing"] {
            if damage == "torn" { truncate(index, 7) } else { unlink(index) }
            try box.setModified("a", "stdout", 1500)
            #expect(try box.ctl("logs", "--since", "1970-01-01T00:20:00Z", "a").out == "one\ntwo\n")
            #expect(try box.ctl("logs", "--since", "1970-01-01T00:26:00Z", "a").out == "")
            #expect(try box.ctl("logs", "--until", "1970-01-01T00:20:00Z", "a").out == "one\ntwo\n")
        }
    }

    @Test("What a crash tore is read as it is: a last partial line, an index with too much and half a record")
    func torn() throws {
        try box.ended("a", "one\\ntwo\\nthree\\n")
        try box.setTimes("a", [(0, 1000), (4, 1200), (8, 1300), (14, 1400), (500, 1500)])
        let index = box.path("a.d/stdout.00000000000000000000.idx")
        try writeFile(index, (readFile(index) ?? []) + [1, 2, 3])
        truncate(box.path("a.d/stdout.00000000000000000000.log"), 10)
        #expect(try box.ctl("logs", "a").out == "one\ntwo\nth")
        #expect(try box.ctl("logs", "--tail", "2", "a").out == "two\nth")
        #expect(try box.ctl("logs", "--since", "1970-01-01T00:20:00Z", "a").out == "two\nth")
        #expect(try box.ctl("logs", "--until", "1970-01-01T00:21:00Z", "a").out == "one\ntwo\n")
        let stamped = try box.ctl("logs", "-t", "--tail", "2", "a")
        #expect(stamped.out == "1970-01-01T00:20:00.250Z two\n1970-01-01T00:21:40.250Z th\n", stamped.why)
    }

    @Test("A tail that is read while segments come and go is whole lines in order")
    func rotating() throws {
        let script = "read x; i=0; while [ $i -lt 40 ]; do i=$((i+1)); seq 1000000 1020000; done; read y"
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", script)
        #expect(try box.ctl("write", "a", "go").status == 0)
        for _ in 0..<25 {
            let outcome = try box.ctl("logs", "--tail", "50", "a")
            #expect(outcome.status == 0, outcome.why)
            let lines = outcome.out.split(separator: "\n").dropLast()
            #expect(lines.allSatisfy { $0.utf8.count == 7 }, outcome.why)
        }
        try box.ctl("kill", "--now", "a")
    }

    @Test("--previous prints the session before this one")
    func previous() throws {
        try box.ended("a", "first\\n")
        let none = try box.ctl("logs", "--previous", "a")
        #expect(none.status == 3 && none.err.contains("no session before"), none.why)
        try box.spawn("a", "--", "sh", "-c", "echo second; exec cat")
        try eventually("output") { box.journalText("a") == "second\n" }
        #expect(try box.ctl("logs", "--previous", "a").out == "first\n")
        let follow = try box.ctl("logs", "--previous", "-f", "-n1", "a")
        #expect(follow.status == 0 && follow.out == "first\n", follow.why)
        #expect(try box.ctl("logs", "a").out == "second\n")
        let cursor =
            try #require(JSON(parsing: box.bytes("a.d~/status.json") ?? [])["instance"]?.string) + ":2:0"
        #expect(try box.ctl("logs", "--previous", "--from", cursor, "a").out == "rst\n")
        let wrong = try box.ctl("logs", "--from", cursor, "a")
        #expect(wrong.out == "second\n" && wrong.err.contains("another session"), wrong.why)
    }

    @Test("A cursor is a place in both streams")
    func cursor() throws {
        try box.spawn("a", "--", "sh", "-c", "echo 0123; echo abcd >&2; exec cat")
        try eventually("output") { box.journal("a").count == 5 && box.journal("a", "stderr").count == 5 }
        let instance = try #require(try box.status("a")["instance"]?.string)
        #expect(try box.ctl("logs", "--from", "\(instance):2:3", "a").out == "23\n")
        #expect(try box.ctl("logs", "--stderr", "--from", "\(instance):2:3", "a").out == "d\n")
        let all = try box.ctl("logs", "--all", "--from", "\(instance):5:1", "a")
        #expect(all.out == "" && all.err == "bcd\n", all.why)
        #expect(try box.ctl("logs", "--from", "\(instance):500:1", "a").out == "")
    }
}

@Suite("keeperctl logs: line by line")
struct LogsLineTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("-t puts the time before each line, of its first byte")
    func timestamps() throws {
        try box.ended("a", "one\\n\\nthree\\nlast")
        try box.setTimes("a", [(0, 1000), (5, 1200), (8, 1300), (11, 1400)])
        let outcome = try box.ctl("logs", "-t", "a")
        let lines = [
            "1970-01-01T00:16:40.250Z one\n", "1970-01-01T00:16:40.250Z \n",
            "1970-01-01T00:20:00.250Z three\n",
            "1970-01-01T00:23:20.250Z last\n",
        ]
        #expect(outcome.out == lines.joined(), outcome.why)
        for count in 0...4 {
            #expect(try box.ctl("logs", "-t", "-n", "\(count)", "a").out == lines.suffix(count).joined())
        }
        unlink(box.path("a.d/stdout.00000000000000000000.idx"))
        let unknown = try box.ctl("logs", "-t", "-n1", "a")
        #expect(unknown.out == "-\(String(repeating: " ", count: 23)) last\n", unknown.why)
    }

    @Test("-t --all stamps each line of both streams with its own time")
    func timestampsOfBoth() throws {
        try box.spawn("a", "--", "sh", "-c", "printf '1\\n2\\n3\\n'; printf 'a\\nb\\n' >&2")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        try box.setTimes("a", [(0, 10), (2, 20), (4, 40)])
        try box.setTimes("a", stream: "stderr", [(0, 30), (2, 50)])
        let outcome = try box.both("-t", "a")
        let lines = [(10, "1"), (20, "2"), (30, "a"), (40, "3"), (50, "b")].map {
            "1970-01-01T00:00:\($0).250Z \($1)\n"
        }
        #expect(outcome.out == lines.joined(), outcome.why)
        for count in 0...5 {
            #expect(try box.both("-t", "-n", "\(count)", "a").out == lines.suffix(count).joined())
        }
        let part = try box.both(
            "-t", "--since", "1970-01-01T00:00:20Z", "--until", "1970-01-01T00:00:41Z", "a")
        #expect(part.out == lines[1...3].joined(), part.why)
    }

    @Test("Several sessions have their names before each line, and ends of lines of their own")
    func several() throws {
        try box.ended("a", "one\\ntwo")
        try box.ended("longer", "\\nx\\n")
        let outcome = try box.ctl("logs", "a", "longer")
        #expect(outcome.out == "a      | one\na      | two\nlonger | \nlonger | x\n", outcome.why)
        let stamped = try box.ctl("logs", "-t", "-n1", "longer", "a")
        let lines = stamped.out.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.map { [$0[0], $0[3]] } == [["longer", "x"], ["a", "two"]], stamped.why)
        let missing = try box.ctl("logs", "a", "none")
        #expect(missing.status == 3 && missing.out == "" && missing.err.contains("'none'"), missing.why)
    }

    @Test("With -f lines of several sessions come as they are written, each whole")
    func followsSeveral() throws {
        for id in ["a", "b"] {
            try box.spawn(id, "--", "sh", "-c", "while read x; do printf '%b' \"$x\"; done")
        }
        let reader = try box.startCtl("logs", "-f", "a", "b")
        func say(_ id: String, _ text: String) throws {
            #expect(try box.ctl("write", id, text).status == 0)
        }
        try say("a", "one\\\\npart")
        #expect(try reader.readLine() == "a | one")
        try say("b", "whole\\\\n")
        #expect(try reader.readLine() == "b | whole")
        try say("a", "ial\\\\n")
        #expect(try reader.readLine() == "a | partial")
        try say("b", "open")
        try eventually("the last") { box.journalText("b").hasSuffix("open") }
        #expect(try box.ctl("kill", "b").status == 0)
        #expect(try reader.readLine() == "b | open")
        try say("a", "still\\\\n")
        #expect(try reader.readLine() == "a | still")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try reader.readLine() == nil)
        #expect(try reader.wait() == .exited(0), "\(reader.errorText)")
    }

    @Test("Many lines of two sessions at once are all there, whole")
    func followsBusy() throws {
        for id in ["a", "b"] {
            try box.spawn(id, "--", "sh", "-c", "read x; seq 20000; read y")
        }
        let reader = try box.startCtl("logs", "-f", "a", "b")
        for id in ["a", "b"] { #expect(try box.ctl("write", id, "go").status == 0) }
        for id in ["a", "b"] {
            try eventually("all output") { box.journalText(id).hasSuffix("\n20000\n") }
            #expect(try box.ctl("kill", "--now", id).status == 0)
        }
        let lines = String(decoding: try reader.readToEnd(), as: UTF8.self).split(separator: "\n")
        #expect(try reader.wait() == .exited(0), "\(reader.errorText)")
        for id in ["a", "b"] {
            let own = lines.filter { $0.hasPrefix("\(id) | ") }.map { String($0.dropFirst(4)) }
            #expect(own == (1...20_000).map { "\($0)" })
        }
        #expect(lines.count == 40_000)
    }

    @Test("Names have colours on a terminal, and not with NO_COLOR")
    func colours() throws {
        try box.ended("a", "x\\n")
        try box.ended("b", "y\\n")
        for (setting, expected) in [
            ("", "\u{1B}[31ma |\u{1B}[0m x\r\n\u{1B}[32mb |\u{1B}[0m y\r\n"), ("1", "a | x\r\nb | y\r\n"),
        ] {
            let terminal = posix_openpt(O_RDWR | O_NOCTTY)
            defer { close(terminal) }
            try #require(grantpt(terminal) == 0 && unlockpt(terminal) == 0)
            let other = open(String(cString: ptsname(terminal)), O_RDWR | O_NOCTTY)
            let running = try box.start(
                ["sh", "-c", "exec \"$0\" logs a b >&9", Executables.keeperctl],
                setting: ["NO_COLOR": setting], extra: [9: other])
            _ = fcntl(terminal, F_SETFL, O_NONBLOCK)
            var seen: [UInt8] = []
            try eventually("the output on the terminal") {
                seen += readChunk(terminal) ?? []
                return seen.count >= expected.utf8.count
            }
            #expect(String(decoding: seen, as: UTF8.self) == expected)
            #expect(try running.wait() == .exited(0))
            close(other)
        }
    }

    @Test(
        "A mistake is one line and status 2",
        arguments: [
            "--tail -1", "--tail x", "--tail", "--since soon", "--since", "--until 25:00",
            "--since 2026-13-01T00:00:00Z",
            "--since 1s --until 5s", "--from 1 --since 1s", "--from 1 --tail 1", "--until 1s -f",
            "--stderr --all",
            "--from x", "--from a:1", "--all --from 5", "b --from 5", "--tail 1 --tail 2", "--since -5s",
        ])
    func mistakes(line: String) throws {
        let outcome = try box.run(
            [Executables.keeperctl, "logs", "a"] + line.split(separator: " ").map { String($0) })
        #expect(outcome.status == 2 && outcome.out == "", outcome.why)
        #expect(
            outcome.err.hasPrefix("keeperctl: ") && outcome.err.split(separator: "\n").count == 1, outcome.why
        )
    }
}
