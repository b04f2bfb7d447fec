import Glibc
import Testing

@Suite("Stream events: logs --json")
struct StreamEventTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func events(_ arguments: String...) throws -> [StreamEvent] {
        let outcome = try box.run([Executables.keeperctl, "logs", "--json"] + arguments)
        #expect(outcome.status == 0, outcome.why)
        return try StreamEvent.list(outcome.stdout)
    }

    @Test("an event for each line of both streams, and the state at the end")
    func lines() throws {
        try box.spawn("a", "--", "sh", "-c", "echo one; echo two; echo oops >&2; printf end; exit 3")
        try box.ctl("wait", "a")
        let all = try events("a")
        let instance = try #require(try box.status("a")["instance"]?.string)
        #expect(all.allSatisfy { $0.id == "a" && $0.instance == instance })
        #expect(Set(all.contents) == ["one", "two", "oops", "end"])
        all.expectToTile("stdout", of: [UInt8]("one\ntwo\nend".utf8))
        all.expectToTile("stderr", of: [UInt8]("oops\n".utf8))
        #expect(all.output.filter { $0.isPartial }.map { $0.content } == ["end"])
        let last = try #require(all.last)
        #expect(last.type == "status" && last.state == "failed", "\(last.json)")
        #expect(last.data?["exitCode"]?.int == 3 && last.data?["signal"]?.isNull == true)
        #expect(last.cursor == "\(instance):11:5")
        // Milliseconds, and of the bytes, not of the reading.
        let first = try #require(all.first?.json["timestamp"]?.int)
        let ended = try #require(last.json["timestamp"]?.int)
        #expect(first <= ended && ended - first < 60_000 && abs(first / 1000 - time(nil)) < 600)

        #expect(try events("--stderr", "a").contents == ["oops"])
        #expect(try events("--tail", "3", "--stderr", "a").contents == ["oops"])
        #expect(try events("--tail", "4", "a").contents.count == 4)
        #expect(try box.ctl("logs", "--json", "--from", "4", "a").status == 2)
        #expect(try events("--stderr", "--from", "2", "a").contents == ["ps"])
        #expect(try box.ctl("logs", "--json", "none").status == 3)
    }

    @Test("a signal by its name; a session that lives has its present state")
    func states() throws {
        try box.spawn("a", "--wait", "ready", "--", "cat")
        #expect(try events("a").states == ["running"])
        try box.ctl("kill", "-s", "KILL", "a")
        try box.ctl("wait", "a")
        let last = try #require(try events("a").last)
        #expect(last.state == "exited" && last.data?["signal"]?.string == "KILL", "\(last.json)")
        #expect(last.data?["exitCode"]?.isNull == true)
    }

    @Test("content is text if it is UTF-8 and base64 otherwise; nothing is changed")
    func contents() throws {
        let longest = String(repeating: "0123456789abcdef", count: 655_360)
        let texts = [
            "plain", "", "\"quoted\" \\ \t\u{1}\u{1F}\u{7F}", "a\0b", "\u{2028}x\u{2029}", "crlf\r", "é€😀",
            "{\"a\":[1,\"x\"]}", longest, "after",
        ]
        var lines = texts.map { [UInt8]($0.utf8) }
        lines += [[0xFF, 0xFE], [0xC3], [0xE2, 0x80], [0xED, 0xA0, 0x80], [0xC0, 0xAF]]
        var whole: [UInt8] = []
        for line in lines { whole += line + [10] }
        try writeFile(box.root + "/input", whole)
        try box.spawn("a", "--", "cat", box.root + "/input")
        try box.ctl("wait", "a")
        let outcome = try box.ctl("logs", "--json", "a")
        // Line readers of other languages end lines at more than line feeds.
        let text = outcome.out
        #expect(!text.contains("\u{2028}") && !text.contains("\u{2029}") && !text.contains("\r"))
        #expect(outcome.stdout.filter { $0 == 10 }.count == lines.count + 1)
        let all = try StreamEvent.list(outcome.stdout)
        all.expectToTile("stdout", of: whole)
        #expect(all.contents.prefix(texts.count) == texts[...])
        let encodings = all.output.compactMap { $0.data?["encoding"]?.string }
        #expect(encodings == texts.map { _ in "utf8" } + Array(repeating: "base64", count: 5))
    }

    @Test("several sessions one after the other; followed, as they are written")
    func several() throws {
        for id in ["a", "b"] { try box.spawn(id, "--", "sh", "-c", "echo \(id)1; read x; echo \(id)2") }
        try eventually("output") { box.journal("a").count == 3 && box.journal("b").count == 3 }
        #expect(try events("b", "a").map(\.id) == ["b", "b", "a", "a"])
        let reader = try box.startCtl("logs", "-f", "--json", "a", "b")
        var seen: [StreamEvent] = []
        while seen.contents.count < 2 { seen.append(try #require(try reader.readEvent())) }
        for id in ["b", "a"] {
            try box.ctl("write", id, "go")
            seen += try reader.readEvents("the end of \(id)") { $0.id == id && $0.state == "exited" }
        }
        #expect(try reader.readEvent() == nil)
        #expect(try reader.wait() == .exited(0))
        for id in ["a", "b"] {
            let own = seen.filter { $0.id == id }
            own.expectToTile("stdout", of: [UInt8]("\(id)1\n\(id)2\n".utf8))
            #expect(own.last?.state == "exited")
        }
    }

    @Test("a part of a line comes after a while, and what completes it on its own")
    func partial() throws {
        let script = "printf 'name? '; read x; printf '\\303'; read x; printf '\\251 '; read x; echo done"
        try box.spawn("a", "--", "sh", "-c", script)
        let reader = try box.startCtl("logs", "-f", "--json", "a")
        func next() throws -> StreamEvent {
            try #require(try reader.readEvents("output") { $0.type == "output" }.last)
        }
        let prompt = try next()
        #expect(prompt.content == "name? " && prompt.isPartial, "\(prompt.json)")
        try box.ctl("write", "a", "you")
        // Half a character is no text.
        let half = try next()
        #expect(half.data?["encoding"]?.string == "base64" && half.bytes == [0xC3] && half.isPartial)
        #expect(half.seq == prompt.next)
        try box.ctl("write", "a", "x")
        let rest = try next()
        #expect(rest.bytes == [0xA9, 32] && rest.isPartial && rest.seq == half.next)
        try box.ctl("write", "a", "x")
        let end = try next()
        #expect(end.content == "done" && !end.isPartial && end.seq == rest.next, "\(end.json)")
        #expect(try reader.wait() == .exited(0))
        // Read later, it is one line.
        #expect(try events("a").output.count == 1)
    }

    @Test("the previous session has its own instance, and a cursor is of one instance")
    func instances() throws {
        for text in ["one", "two"] {
            try box.spawn("a", "--", "echo", text)
            try box.ctl("wait", "a")
        }
        let old = try events("--previous", "a")
        let new = try events("a")
        #expect(old.contents == ["one"] && new.contents == ["two"])
        #expect(old.last?.state == "exited" && old.last?.data?["exitCode"]?.int == 0)
        #expect(old[0].instance != new[0].instance && new[0].seq == 0)
        let other = try box.ctl("logs", "--json", "--from", old[0].cursor, "a")
        let told = try StreamEvent.list(other.stdout)
        #expect(told.first?.type == "error" && told.first?.data?["code"]?.string == "otherSession", other.why)
        #expect(told.contents == ["two"])
    }

    @Test("a keeper that is killed is told as lost, with all that came before")
    func lost() throws {
        try box.spawn("a", "--", "sh", "-c", "echo one; exec cat")
        let reader = try box.startCtl("logs", "-f", "--json", "a")
        _ = try reader.readEvents("output") { $0.content == "one" }
        kill(pid_t(try box.keeperPID("a")), SIGKILL)
        let last = try #require(try reader.readEvents("the end") { $0.state == "lost" }.last)
        #expect(last.data?["exitCode"]?.isNull == true)
        #expect(try reader.wait() == .exited(0))
        try box.ctl("discover")
        #expect(try events("a").states == ["lost"])
    }

    @Test("a closed standard output is an error, and a reader that leaves ends it quietly")
    func readers() throws {
        try box.spawn("a", "--", "sh", "-c", "echo one; exec cat")
        let closed = try box.run(["sh", "-c", "\"$0\" logs --json a >&-", Executables.keeperctl])
        #expect(closed.status == 0 && closed.err.isEmpty, closed.why)
        let readOnly = try box.run(["sh", "-c", "\"$0\" logs --json a 1</dev/null", Executables.keeperctl])
        #expect(readOnly.status == 1 && readOnly.err.contains("Bad file descriptor"), readOnly.why)
        let reader = try box.startCtl("logs", "-f", "--json", "a")
        _ = try reader.readEvents("output") { $0.content == "one" }
        reader.closeOutput()
        #expect(try reader.wait() == .exited(141))
        #expect(reader.errorText == "")
    }
}
