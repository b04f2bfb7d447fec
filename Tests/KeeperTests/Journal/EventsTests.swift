import Glibc
import KeeperShared
import Testing

@Suite("keeperctl events")
struct EventsTests {
    let box: Sandbox
    let fixture: SessionsFixture
    init() throws {
        box = try Sandbox()
        fixture = try SessionsFixture()
    }

    private func line(_ seq: Int, _ second: Int, _ event: String, _ more: String = "") -> String {
        let time = "2026-01-01T00:00:0\(second).000Z"
        return
            "{\"format\":1,\"seq\":\(seq),\"time\":\"\(time)\",\"instance\":\"00\",\"event\":\"\(event)\"\(more)}\n"
    }

    private func events(_ arguments: String...) throws -> Outcome {
        try box.run([Executables.keeperctl, "--sessions-dir", fixture.path, "events"] + arguments)
    }

    private func fill() throws {
        try fixture.write(fixture.status("a", keeper: 1, state: .exited), folder: "a.d")
        try fixture.write(fixture.status("b", keeper: 1, state: .exited), folder: "b.d")
        try fixture.write("a.d/events.1.jsonl", line(1, 1, "started"))
        try fixture.write(
            "a.d/events.jsonl",
            line(2, 4, "exited", ",\"exitCode\":3,\"labels\":{\"k\":\"v w\"}") + "{\"seq\":3,\"ti")
        try fixture.write(
            "b.d/events.jsonl",
            "garbage\n" + line(1, 2, "started", ",\"why\":\"\\u001b[2J\"") + line(2, 3, "ready"))
    }

    @Test("all sessions are merged by time; torn lines are left out") func merged() throws {
        try fill()
        #expect(
            try events().out == """
                2026-01-01T00:00:01.000Z a started
                2026-01-01T00:00:02.000Z b started why='\\x1B[2J'
                2026-01-01T00:00:03.000Z b ready
                2026-01-01T00:00:04.000Z a exited exitCode=3 labels='{"k":"v w"}'

                """)
        #expect(try events("b").out.split(separator: "\n").count == 2)
        let missing = try events("a", "none")
        #expect(missing.status == 3 && missing.out.contains("exited"), missing.why)
    }

    @Test("--json adds the session's id at the end of the line as it is") func json() throws {
        try fill()
        let wanted = line(2, 3, "ready").dropLast(2) + ",\"sessionId\":\"b\"}\n"
        #expect(try events("--json", "b").out.hasSuffix(wanted))
        #expect(
            try JSON.lines(try events("--json").stdout).map { $0["sessionId"]?.string } == [
                "a", "b", "b", "a",
            ])
    }

    @Test("--since takes a time or how long ago") func since() throws {
        try fill()
        #expect(try events("--since", "2026-01-01T00:00:03Z").out.split(separator: "\n").count == 2)
        #expect(try events("--since", "2026-01-01T01:00:03.5+01:00").out.split(separator: "\n").count == 1)
        #expect(try events("--since", "1s").out == "")
        #expect(try events("--since", "yesterday").status == 2)
    }

    @Test(
        "-f follows to later sessions, one of the same id among them",
        arguments: noneOrFaults("inotify::1:0:24"))
    func follow(faults: String) throws {
        try box.spawn("a", "--", "cat")
        let follower = try box.start(
            [Executables.keeperctl, "events", "-f", "--json"], setting: box.faults(faults))
        func next(_ id: String, _ event: String) throws {
            while let line = try follower.readLine() {
                let json = try JSON(parsing: line.utf8)
                if json["sessionId"]?.string == id && json["event"]?.string == event { return }
            }
            Issue.record("no \(event) of \(id)")
        }
        try next("a", "started")
        try box.ctl("kill", "a")
        try next("a", "exited")
        try box.spawn("b", "--", "cat")
        try next("b", "started")
        try box.spawn("a", "--", "cat")
        try next("a", "started")
        try box.ctl("label", "a", "k=v")
        try next("a", "label")
        follower.closeOutput()
        #expect(try follower.wait() == .exited(141))
    }

    @Test("-f tells of sessions that are over soon and remove their files, and of no start that failed")
    func short() throws {
        try box.spawn("a", "--wait", "ready", "--", "cat")
        let follower = try box.startCtl("events", "-f", "--json")
        func next() throws -> JSON {
            try JSON(parsing: try #require(try follower.readLine()).utf8)
        }
        for name in ["started", "ready"] { #expect(try next()["event"]?.string == name) }
        #expect(try box.ctl("spawn", "none", "--", "no-such-program").status == 1)
        for number in 1...5 {
            try box.spawn("s\(number)", "--rm", "--ready", "delay:1m", "--", "sleep", "0.1")
            for name in ["started", "exited"] {
                let event = try next()
                #expect(event["sessionId"]?.string == "s\(number)" && event["event"]?.string == name)
            }
        }
    }

    private func readEnds(_ follower: Running, _ count: Int) throws {
        var ended: Set<String> = []
        while ended.count < count {
            let json = try JSON(
                parsing: try #require(try follower.readLine(), "\(ended.count) of \(count)").utf8)
            if json["event"]?.string == "exited" { ended.insert(json["sessionId"]?.string ?? "") }
        }
    }

    /// Starts a follower and returns when it looks: it has told of a session that is there.
    private func startFollower() throws -> Running {
        if !box.exists("there.d") { try box.spawn("there", "--", "cat") }
        let follower = try box.startCtl("events", "-f", "--json")
        _ = try #require(try follower.readLine(), "\(follower.errorText)")
        return follower
    }

    /// One in six was missed.
    @Test("-f tells of sessions that live for milliseconds and remove their files") func brief() throws {
        let follower = try startFollower()
        let loop = "seq 200 | xargs -P 8 -I % \"$1\" spawn --rm s% -- true >/dev/null"
        let outcome = try box.run(["sh", "-c", loop, "sh", Executables.keeperctl])
        #expect(outcome.status == 0, outcome.why)
        try readEnds(follower, 200)
    }

    @Test(
        "a follower that sleeps hears of sessions that have removed their files, and removes them in the end")
    func sleeping() throws {
        let follower = try startFollower()
        let other = try box.startCtl("follow", "--all")
        _ = try other.readEvents("the session that is there") { $0.id == "there" }
        kill(follower.pid, SIGSTOP)
        kill(other.pid, SIGSTOP)
        for number in 1...5 {
            try box.spawn("s\(number)", "--rm", "--", "echo", "\(number)")
            try box.awaitEnd("s\(number)")
            #expect(!box.exists("s\(number).d"))
        }
        kill(follower.pid, SIGCONT)
        kill(other.pid, SIGCONT)
        try readEnds(follower, 5)
        var lines: [String] = []
        while lines.count < 5 { lines += try other.readEvents("an end") { $0.state == "exited" }.contents }
        #expect(lines.sorted() == (1...5).map { "\($0)" })
        try eventually("nothing to be left") { directoryEntries("\(box.sessions)/.removed").isEmpty }
        for reader in [follower, other] {
            reader.closeOutput()
            try reader.wait()
        }
        #expect(!box.exists(".removed"))
    }

    @Test("-f loses nothing when a new file begins") func rotation() throws {
        try fixture.write(fixture.status("a", keeper: 12345), folder: "a.d")
        let lock = try fixture.lockedSidecar("a", pid: 12345)
        try fixture.write("a.d/events.jsonl", line(1, 1, "one"))
        let follower = try box.start([
            Executables.keeperctl, "--sessions-dir", fixture.path, "events", "-f", "a",
        ])
        #expect(try follower.readLine()?.hasSuffix(" one") == true)
        // Two new files in a row, as fast as can be.
        for (second, name) in [(2, "two"), (3, "three")] {
            try fixture.directory.rename("a.d/events.jsonl", to: "a.d/events.1.jsonl")
            try fixture.write("a.d/events.jsonl", line(second, second, name))
        }
        #expect(try follower.readLine()?.hasSuffix(" two") == true)
        #expect(try follower.readLine()?.hasSuffix(" three") == true)
        _ = lock.raw
    }
}
