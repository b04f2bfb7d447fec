import CSystem
import KeeperShared
import Testing

@testable import keeperctl

@Suite struct ReaperTests {
    let fixture: SessionsFixture

    init() throws { fixture = try SessionsFixture() }

    private func deadSession(
        _ id: String, child: ProcessIdentity, instance: String = "00000000deadbeef"
    ) throws -> SessionStatus {
        var status = fixture.status(id, keeper: unusedPID())
        status.child = SessionStatus.Child(identity: child, startedAt: Timestamp(nanoseconds: 0))
        status.instance = instance
        return status
    }

    private func recorded(_ id: String) throws -> SessionStatus {
        let status = SessionStatus.read("\(id).d", in: fixture.directory)
        return try #require(status)
    }

    @Test func endsTheChildAndRecordsTheLoss() throws {
        let child = try TestProcess()
        try fixture.makeDeadSession(deadSession("a", child: child.identity))
        try fixture.makeDeadSocket("a.d/ctl.sock")
        // The keeper died in the middle of its third event.
        try fixture.write("a.d/events.jsonl", "{\"seq\":1}\n{\"seq\":2,\"event\":\"ready\"}\n{\"seq\":3,\"ev")
        #expect(try fixture.reap("a")[0].name == "reaped, lost")
        #expect(child.hasEnded)
        let status = try recorded("a")
        #expect(status.state == .lost)
        #expect(status.exit?.end == .unknown)
        let lines = try fixture.read("a.d/events.jsonl").split(separator: "\n")
        #expect(lines.count == 4)
        let event = try JSONValue.parse(Array(lines[3].utf8))
        #expect(event["seq"]?.intValue == 3)
        #expect(event["event"]?.stringValue == "lost")
        #expect(event["from"]?.stringValue == "running")
        #expect(event["instance"]?.stringValue == status.instance)
        for name in ["a.rpc.sock", "a.rpc.sock.pid", "a.rpc.sock.pi-pid", "a.d/ctl.sock"] {
            #expect(try !fixture.exists(name), "\(name)")
        }
        #expect(try fixture.reap("a")[0].name == "nothing")
    }

    @Test func countsEventsOnAcrossFiles() throws {
        try fixture.makeDeadSession(fixture.status("a", keeper: unusedPID()))
        try fixture.write("a.d/events.1.jsonl", "{\"seq\":41}\n")
        #expect(try fixture.reap("a")[0].name == "reaped, lost")
        let event = try JSONValue.parse(Array(fixture.read("a.d/events.jsonl").utf8))
        #expect(event["seq"]?.intValue == 42)
    }

    @Test func findsProcessesThatLeftTheGroupOrIgnoreTERM() throws {
        let instance = "1111111111111111"
        let child = try TestProcess(
            "trap '' TERM; (trap '' TERM; exec >&- ; exec env -i sleep 1000) & exec >&-; while :; do sleep 1; done",
            instance: instance)
        let stray = try TestProcess(instance: instance)
        let stranger = try TestProcess(instance: "2222222222222222")
        try fixture.makeDeadSession(deadSession("a", child: child.identity, instance: instance))
        let outcome = try fixture.reap("a")[0]
        #expect(outcome.name == "reaped, lost")
        #expect(child.hasEnded && stray.hasEnded && !stranger.hasEnded)
        for pid in processNumbers(in: "") {
            if let stat = ProcessStat(pid: pid), stat.session == child.pid { #expect(stat.isZombie) }
        }
    }

    @Test func findsTheChildOfAKeeperThatDiedBeforeItKnewIt() throws {
        let instance = "3333333333333333"
        let child = try TestProcess(instance: instance)
        var status = fixture.status("a", keeper: unusedPID(), state: .starting)
        status.instance = instance
        try fixture.makeDeadSession(status, folder: ".a.d.new")
        #expect(try fixture.reap("a")[0].name == "reaped, lost")
        #expect(child.hasEnded)
    }

    @Test func endsManyAtOnce() throws {
        let children = try (0..<20).map { _ in try TestProcess() }
        let ids = children.indices.map { "s\($0)" }
        for (id, child) in zip(ids, children) {
            try fixture.makeDeadSession(deadSession(id, child: child.identity, instance: "instance-of-\(id)"))
        }
        let outcomes = Reaper.reap(try ids.map { try SessionID($0) }, in: fixture.directory)
        #expect(outcomes.allSatisfy { $0.name == "reaped, lost" })
        #expect(children.allSatisfy { $0.hasEnded })
        #expect(try Discovery(of: fixture.directory).sessions.isEmpty)
    }

    @Test func neverSignalsAStranger() throws {
        let stranger = try TestProcess()
        // The child's PID is another process's by now.
        var reused = stranger.identity
        reused.startTime -= 1
        try fixture.makeDeadSession(deadSession("reused", child: reused))
        // Numbers of another boot or another namespace mean nothing.
        var status = try deadSession("boot", child: stranger.identity)
        status.keeper.bootID = "another"
        try fixture.makeDeadSession(status)
        status = try deadSession("namespace", child: stranger.identity)
        status.keeper.pidNamespace = "pid:[1]"
        try fixture.makeDeadSession(status)
        for outcome in try fixture.reap("reused", "boot", "namespace") {
            #expect(outcome.name == "reaped, lost")
        }
        #expect(!stranger.hasEnded)
        #expect(try Discovery(of: fixture.directory).sessions.isEmpty)
    }

    @Test func keepsAnEndThatWasRecorded() throws {
        var status = fixture.status("a", keeper: unusedPID(), state: .exited)
        status.exit = SessionStatus.Exit(end: .exited(3), at: Timestamp(nanoseconds: 0))
        try fixture.makeDeadSession(status)
        #expect(try fixture.reap("a")[0].name == "reaped, exited")
        #expect(try recorded("a").exit?.end == .exited(3))
        #expect(try !fixture.exists("a.d/events.jsonl") && !fixture.exists("a.rpc.sock.pid"))
    }

    @Test func clearsAfterAKilledStartAndKeepsTheEarlierSession() throws {
        let child = try TestProcess()
        try fixture.write(fixture.status("a", keeper: 1, state: .exited), folder: "a.d")
        try fixture.makeDeadSession(deadSession("a", child: child.identity), folder: ".a.d.new")
        #expect(try fixture.clear("a").name == "reaped, lost")
        #expect(child.hasEnded)
        #expect(try recorded("a").state == .exited)
        #expect(try !fixture.exists(".a.d.new") && !fixture.exists("a.rpc.sock.pid"))
    }

    @Test func clearingTellsWhoOwnsTheID() throws {
        #expect(try fixture.clear("free").name == "nothing")
        let lock = try fixture.lockedSidecar("live", pid: 1)
        #expect(try fixture.clear("live").name == "live")
        let listener = try fixture.listen("foreign.rpc.sock")
        #expect(try fixture.clear("foreign").name == "foreign")
        try fixture.makeDeadSocket("stale.rpc.sock")
        #expect(try fixture.clear("stale").name == "nothing")
        try fixture.write("file.rpc.sock", "")
        #expect(try fixture.clear("file").name == "nothing")
        try fixture.directory.makeDirectory("folder.rpc.sock")
        #expect(throws: SystemError.self) { try fixture.clear("folder") }
        _ = (lock.raw, listener.raw)
    }

    @Test func respectsASocketThatSomebodyElseTookOver() throws {
        try fixture.write("a.rpc.sock.pid", "\(unusedPID())")
        let listener = try fixture.listen("a.rpc.sock")
        #expect(try fixture.reap("a")[0].name == "reaped")
        #expect(try fixture.exists("a.rpc.sock") && !fixture.exists("a.rpc.sock.pid"))
        _ = listener.raw
    }
}
