import Glibc
import Testing

@Suite("Stream events: resuming")
struct ResumeTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// What a command writes in turns, and what comes of it in each stream.
    private struct Script {
        var commands: [String] = []
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
    }

    /// Pieces of random lines, some cut in the middle, some that are no text.
    private func script(_ random: inout SplitMix64, pieces: Int) throws -> Script {
        var script = Script()
        for number in 0..<pieces {
            var bytes: [UInt8] = []
            for _ in 0..<(1 + random.below(6)) {
                let length = random.below(random.pick([20, 200, 3000]))
                var line =
                    random.below(8) == 0
                    ? random.bytes(length) : (0..<length).map { _ in UInt8(32 + random.below(95)) }
                line.removeAll { $0 == 10 }
                bytes += line + [10]
            }
            if random.below(4) == 0 { bytes.removeLast(1 + random.below(bytes.count)) }
            let file = "\(box.root)/piece\(number)"
            try writeFile(file, bytes)
            if random.below(3) == 0 {
                script.commands.append("cat \(file) >&2")
                script.stderr += bytes
            } else {
                script.commands.append("cat \(file)")
                script.stdout += bytes
            }
        }
        return script
    }

    /// The positions in a cursor.
    private func place(_ cursor: String) -> (stdout: Int, stderr: Int) {
        let parts = cursor.split(separator: ":").suffix(2).compactMap { Int($0) }
        return (parts[0], parts[1])
    }

    @Test("from every cursor each byte comes once or is counted as missing, while segments go")
    func everyCursor() throws {
        var random = SplitMix64.announced("everyCursor")
        let script = try script(&random, pieces: 60)
        // Of both streams together about 200 KB, of which 64 KiB each are kept.
        try box.spawn(
            "a", "--journal-size", "64K", "--", "sh", "-c",
            "read x; " + script.commands.joined(separator: "; "))
        let reader = try box.startCtl("follow", "a")
        try box.ctl("write", "a", "go")
        let all = try reader.readEvents("the end") { $0.state == "exited" }
        all.expectToTile("stdout", of: script.stdout)
        all.expectToTile("stderr", of: script.stderr)
        #expect(box.segments("a").first != "stdout.00000000000000000000.log", "nothing has gone")

        let whole = try StreamEvent.list(try box.ctl("logs", "--json", "a").stdout)
        let gone =
            whole.expectToTile("stdout", of: script.stdout) + whole.expectToTile("stderr", of: script.stderr)
        #expect(gone > 0)
        var cursors = Set(all.map(\.cursor))
        cursors.formUnion(whole.map(\.cursor))
        for cursor in cursors.sorted() {
            let outcome = try box.ctl("logs", "--json", "--from", cursor, "a")
            #expect(outcome.status == 0, outcome.why)
            let rest = try StreamEvent.list(outcome.stdout)
            let start = place(cursor)
            rest.expectToTile("stdout", of: script.stdout, from: start.stdout)
            rest.expectToTile("stderr", of: script.stderr, from: start.stderr)
            #expect(rest.last?.state == "exited")
        }
    }

    @Test("a follower that is killed again and again, and goes on where it was, has everything")
    func killed() throws {
        var random = SplitMix64.announced("killed")
        let script = try script(&random, pieces: 40)
        try box.spawn(
            "a", "--", "sh", "-c", "read x; " + script.commands.joined(separator: "; read x; ") + "; read x")
        var collected: [StreamEvent] = []
        var sent = 0
        var isOver = false
        while !isOver {
            let from = collected.last.map { ["--from", "a=\($0.cursor)"] } ?? []
            let reader = try box.start([Executables.keeperctl, "follow", "a"] + from)
            // Some lines, and then it dies wherever it is; what it had printed counts up to its last whole line.
            let limit = 1 + random.below(40)
            var count = 0
            while count < limit {
                if sent < script.commands.count * 2 + 1, random.below(3) == 0 {
                    _ = try box.ctl("write", "a", "go")
                    sent += 1
                }
                guard let line = try? reader.readLine(timeout: 0.2) else {
                    if sent < script.commands.count * 2 + 1 {
                        _ = try box.ctl("write", "a", "go")
                        sent += 1
                    }
                    continue
                }
                let event = try StreamEvent(JSON(parsing: line.utf8))
                collected.append(event)
                count += 1
                isOver = event.state == "exited"
                if isOver { break }
            }
            reader.kill(SIGKILL)
            try reader.wait()
        }
        #expect(collected.expectToTile("stdout", of: script.stdout) == 0)
        #expect(collected.expectToTile("stderr", of: script.stderr) == 0)
    }

    @Test(
        "a cursor of the session before the present one: its rest comes first, and then the present one whole"
    )
    func acrossInstances() throws {
        try box.spawn("a", "--", "sh", "-c", "echo one; echo two; echo three")
        try box.ctl("wait", "a")
        let old = try StreamEvent.list(try box.ctl("logs", "--json", "a").stdout)
        try box.spawn("a", "--", "sh", "-c", "echo new; exec cat")
        let reader = try box.startCtl("follow", "--all", "--from", "a=\(old[0].cursor)")
        let seen = try reader.readEvents("the new one") { $0.content == "new" }
        #expect(seen.contents == ["two", "three", "new"])
        #expect(seen.states == ["exited", "starting"], "\(seen.map(\.json))")
        #expect(Set(seen.map(\.instance)).count == 2 && !seen.contains { $0.type == "error" })
        let new = try #require(seen.last)
        #expect(new.seq == 0 && new.instance != old[0].instance)

        // One that no session has any more is an error, and the present one is told whole.
        let lost = try box.startCtl("follow", "a", "--from", "0123456789abcdef:7:0")
        let told = try lost.readEvents("the new one") { $0.content == "new" }
        #expect(told.first?.type == "error" && told.first?.data?["code"]?.string == "otherSession")
    }

    @Test("bad places are refused with a word on what is wrong")
    func badPlaces() throws {
        for arguments in [
            ["a", "--from", "12"], ["a", "--from", "x:1"], ["a", "b", "--from", "0123456789abcdef:1:1"],
            ["--all", "--from", "0123456789abcdef:1:1"], ["a", "--from", "b=0123456789abcdef:1:1"], [],
            ["a", "--all"], ["a", "--label", "k=v"], ["a", "--metrics", "1ms"], ["a", "--from", "-=i:1:1"],
        ] {
            let outcome = try box.run([Executables.keeperctl, "follow"] + arguments)
            #expect(outcome.status == 2 && outcome.err.hasPrefix("keeperctl: "), outcome.why)
            #expect(outcome.err.split(separator: "\n").count == 1, outcome.why)
        }
    }
}
