import Glibc
import Testing

@Suite("keeperctl follow")
struct FollowTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A follower that has begun to look: it has told of a session that was there before.
    private func follower(
        _ arguments: String..., faults: String = ""
    ) throws -> Running {
        try box.spawn("there", "--label", "of=test", "--", "sh", "-c", "echo here; exec cat")
        let reader = try box.start(
            [Executables.keeperctl, "follow"] + arguments, setting: box.faults(faults))
        _ = try reader.readEvents("the session that was there") { $0.content == "here" }
        return reader
    }

    @Test(
        "sessions that come, end, and come again under their id, each told whole",
        arguments: noneOrFaults("inotify::1:0:24", "inotify:add:2:0:28"))
    func comeAndGo(faults: String) throws {
        let reader = try follower("--all", faults: faults)
        var instances: Set<String> = []
        for round in 1...3 {
            try box.spawn("a", "--", "sh", "-c", "echo \(round); echo e\(round) >&2; exit \(round)")
            let seen = try reader.readEvents("round \(round)") { $0.state == "failed" }
            let own = seen.filter { $0.id == "a" }
            own.expectToTile("stdout", of: [UInt8]("\(round)\n".utf8))
            own.expectToTile("stderr", of: [UInt8]("e\(round)\n".utf8))
            #expect(own.last?.data?["exitCode"]?.int == Int(round))
            #expect(own.states.last == "failed" && own.states.filter { $0 == "failed" }.count == 1)
            instances.formUnion(own.map(\.instance))
            // The end is recorded before the id is free.
            try box.awaitEnd("a")
        }
        #expect(instances.count == 3)
        reader.closeOutput()
        try box.spawn("b", "--", "echo", "b")
        #expect(try reader.wait() == .exited(141))
    }

    @Test("a named session is waited for, and followed from its first byte and state")
    func waitsFor() throws {
        let reader = try box.startCtl("follow", "a")
        try eventually("the word on it") { reader.errorText.contains("no session 'a' yet") }
        try box.spawn("other", "--", "echo", "other")
        try box.spawn("a", "--", "sh", "-c", "echo one; read x; echo two")
        var seen = try reader.readEvents("the first line") { $0.content == "one" }
        try eventually("ready") { box.state("a") == "running" }
        try box.ctl("write", "a", "go")
        seen += try reader.readEvents("the end") { $0.state == "exited" }
        #expect(seen.allSatisfy { $0.id == "a" })
        #expect(seen.states == ["starting", "running", "exited"])
        seen.expectToTile("stdout", of: [UInt8]("one\ntwo\n".utf8))
    }

    @Test("sessions that remove their files are told to the end")
    func removed() throws {
        let reader = try follower("--all")
        for round in 1...5 {
            try box.spawn(
                "r\(round)", "--rm", "--", "sh", "-c", "seq \(round) 2000; sleep 0.2; echo last; exit 9")
            let seen = try reader.readEvents("round \(round)") { $0.state == "failed" }
            let own = seen.filter { $0.id == "r\(round)" }
            let whole = (round...2000).map { "\($0)\n" }.joined() + "last\n"
            #expect(own.expectToTile("stdout", of: [UInt8](whole.utf8)) == 0)
            #expect(own.last?.data?["exitCode"]?.int == 9)
        }
    }

    /// The folder that was looked at has another name, or there is another one under its name, when it is opened.
    @Test(
        "sessions that leave while their folder is being opened are told whole", requiresFaults(),
        arguments: 1...3)
    func leaving(count: Int) throws {
        let reader = try follower("--all", faults: "pause:follow:2:0:200")
        let ids = (1...count).map { _ in "a" } + (1...count).map { "b\($0)" }
        for id in ids {
            try box.spawn(id, "--rm", "--", "sh", "-c", "echo \(id); exit 9")
            if id == "a" { try box.awaitEnd(id) }
        }
        var ended: [StreamEvent] = []
        var seen: [StreamEvent] = []
        while ended.count < ids.count {
            seen += try reader.readEvents("the end of \(ids.count - ended.count)") { $0.state == "failed" }
            ended = seen.filter { $0.state == "failed" }
        }
        #expect(ended.map(\.id).sorted() == ids.sorted())
        for end in ended {
            seen.filter { $0.instance == end.instance }.expectToTile(
                "stdout", of: [UInt8]("\(end.id)\n".utf8))
        }
    }

    @Test("a start that fails is no session")
    func failedStart() throws {
        let reader = try follower("--all")
        for _ in 0..<3 { #expect(try box.ctl("spawn", "a", "--", "no-such-program").status == 1) }
        try box.spawn("a", "--", "echo", "real")
        let seen = try reader.readEvents("the end") { $0.state == "exited" }
        #expect(Set(seen.filter { $0.id == "a" }.map(\.instance)).count == 1)
        seen.filter { $0.id == "a" }.expectToTile("stdout", of: [UInt8]("real\n".utf8))
    }

    /// What its journal held is gone with its files: the events say how much that was.
    @Test("what a session removed before it could be read is counted")
    func removedUnread() throws {
        let reader = try follower("--all")
        try box.spawn(
            "r", "--rm", "--journal-size", "64K", "--", "sh", "-c", "echo first; read x; seq 100000")
        var seen = try reader.readEvents("the first line") { $0.content == "first" }
        kill(reader.pid, SIGSTOP)
        try box.ctl("write", "r", "go")
        try eventually("the end") { !box.exists("r.d") && !box.exists("r.rpc.sock.pid") }
        kill(reader.pid, SIGCONT)
        seen += try reader.readEvents("the end") { $0.state == "exited" }
        let whole = "first\n" + (1...100_000).map { "\($0)\n" }.joined()
        #expect(seen.filter { $0.id == "r" }.expectToTile("stdout", of: [UInt8](whole.utf8)) > 0)
    }

    @Test("--label follows those that have it, and those that get it")
    func labels() throws {
        let reader = try follower("--label", "of=test")
        for id in ["a", "b"] {
            try box.spawn(
                id, "--label", id == "a" ? "of=test" : "of=none", "--", "sh", "-c", "echo \(id); exec cat")
        }
        var seen = try reader.readEvents("a") { $0.content == "a" }
        #expect(!seen.contains { $0.id == "b" })
        try box.ctl("label", "b", "of=test")
        seen = try reader.readEvents("b") { $0.content == "b" }
        #expect(seen.output.map(\.id) == ["b"])
    }

    @Test("--from now leaves out what was there, and sessions to come are told whole")
    func fromNow() throws {
        try box.spawn("a", "--", "sh", "-c", "echo old; exec cat")
        try eventually("output") { box.journal("a").count == 4 }
        let reader = try box.startCtl("follow", "--all", "--from", "now")
        let first = try #require(try reader.readEvent())
        #expect(first.type == "status" && first.cursor.hasSuffix(":4:0"), "\(first.json)")
        try box.ctl("write", "a", "new")
        #expect(try reader.readEvents("a") { $0.type == "output" }.contents == ["new"])
        try box.spawn("b", "--", "echo", "b")
        #expect(try reader.readEvents("b") { $0.type == "output" }.last?.seq == 0)
    }

    @Test("ended sessions are told when they are named, and not with --all")
    func ended() throws {
        try box.spawn("a", "--", "echo", "one")
        try box.ctl("wait", "a")
        #expect(
            try box.startCtl("follow", "a").readEvents("its end") { $0.state == "exited" }.contents == ["one"]
        )
        try box.spawn("b", "--", "sh", "-c", "echo two; exec cat")
        let all = try box.startCtl("follow", "--all")
        #expect(try all.readEvents("b") { $0.content == "two" }.allSatisfy { $0.id == "b" })
    }

    @Test("metrics come in their interval, of sessions that live")
    func metrics() throws {
        let reader = try follower("--all", "--metrics", "100ms")
        let events = try reader.readEvents("figures") {
            $0.type == "metrics" && $0.data?["cpuPercent"]?.isNull == false
        }
        let last = try #require(events.last)
        #expect(last.id == "there" && (last.data?["rss"]?.int ?? 0) > 0, "\(last.json)")
        #expect((last.data?["processes"]?.int ?? 0) >= 1)
    }

    @Test("a follower that stops holds up no session, and then has everything or its count")
    func stopped() throws {
        try box.spawn(
            "--journal-size", "256K", "a", "--", "sh", "-c", "read x; seq 400000; read y; echo over")
        let reader = try box.startCtl("follow", "a")
        _ = try reader.readEvents("the start") { $0.state == "running" }
        kill(reader.pid, SIGSTOP)
        let slow = try box.startCtl("follow", "a")
        try box.ctl("write", "a", "go")
        let total = (1...400_000).reduce(0) { $0 + String($1).utf8.count + 1 }
        try eventually("all output") { try box.next("a") == total }
        #expect(try box.ctl("write", "a", "go").status == 0)
        try eventually("the end") { box.state("a") == "exited" }
        kill(reader.pid, SIGCONT)
        let whole = [UInt8](((1...400_000).map { "\($0)\n" }.joined() + "over\n").utf8)
        for reader in [reader, slow] {
            let seen = try reader.readEvents("the end") { $0.state == "exited" }
            #expect(seen.expectToTile("stdout", of: whole) > 0)
            #expect(seen.contents.last == "over")
        }
    }

    @Test("killing followers harms no session")
    func killed() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let keeper = try box.keeperPID("a")
        // The first line opens files that stay open, and the report of the start is closed after it.
        try box.ctl("write", "a", "first")
        try eventually("the first line") { box.journalText("a") == "first\n" }
        try eventually("its index") { box.exists("a.d/stdout.00000000000000000000.idx") }
        let before = Proc.descriptors(keeper)
        for number in 0..<10 {
            let reader = try box.startCtl("follow", "--all")
            try box.ctl("write", "a", "line \(number)")
            _ = try reader.readEvents("the line") { $0.content == "line \(number)" }
            reader.kill(SIGKILL)
            try reader.wait()
        }
        #expect(try box.ctl("write", "a", "after").status == 0)
        try eventually("the line") { box.journalText("a").hasSuffix("after\n") }
        try eventually("descriptors as before") { Proc.descriptors(keeper) == before }
    }

    @Test("one inotify instance for all, and nothing is kept of sessions that are over")
    func descriptors() throws {
        let reader = try follower("--all")
        func open() -> [String] {
            let folder = "/proc/\(reader.pid)/fd"
            return directoryEntries(folder).compactMap { readLink("\(folder)/\($0)") }
        }
        // A session at rest costs no descriptor.
        func awaitRest() throws { try eventually("descriptors to be closed") { open().count == before } }
        let before = try eventual("rest") { () -> Int? in
            let first = open()
            try box.pass(seconds: 0.3)
            return open() == first && !first.contains { $0.contains("there.d") } ? first.count : nil
        }
        for number in 0..<8 { try box.spawn("s\(number)", "--", "sh", "-c", "echo \(number); exec cat") }
        var lines = Set<String>()
        while lines.count < 8 { lines.formUnion(try reader.readEvent()?.content.map { [$0] } ?? []) }
        #expect(open().filter { $0.contains("inotify") }.count == 1)
        try awaitRest()
        for number in 0..<8 { try box.ctl("kill", "--now", "s\(number)") }
        var ended = 0
        while ended < 8 { if try reader.readEvent()?.state == "exited" { ended += 1 } }
        try awaitRest()
        for number in 0..<8 { try box.awaitEnd("s\(number)") }
        // It waits, and nothing wakes it, once it has seen the last names go.
        try eventually("rest") {
            let calls = Proc.contextSwitches(Int(reader.pid))
            try box.pass(seconds: 0.5)
            try box.ctl("ls")
            return Proc.contextSwitches(Int(reader.pid)) == calls
        }
    }

    @Test("events of many sessions are whole lines, whichever session writes")
    func many() throws {
        let ids = (0..<12).map { "s\($0)" }
        let reader = try follower("--all")
        for id in ids { try box.spawn(id, "--", "sh", "-c", "seq 1 3000; seq 1 500 >&2") }
        var seen: [String: [StreamEvent]] = [:]
        var ended = 0
        while ended < ids.count {
            let event = try #require(try reader.readEvent())
            seen[event.id, default: []].append(event)
            if event.state == "exited" { ended += 1 }
        }
        for id in ids {
            let own = try #require(seen[id])
            own.expectToTile("stdout", of: [UInt8]((1...3000).map { "\($0)\n" }.joined().utf8))
            own.expectToTile("stderr", of: [UInt8]((1...500).map { "\($0)\n" }.joined().utf8))
            #expect(own.last?.state == "exited")
        }
    }
}
