import CSystem
import Glibc
import KeeperShared
import Testing

@Suite("Following many sessions")
struct ManySessionsTests {
    let box: Sandbox
    let fixture: SessionsFixture
    init() throws {
        box = try Sandbox()
        fixture = try SessionsFixture()
    }

    private static let count = 400
    private var ids: [String] { (0..<Self.count).map { "s\($0)" } }

    /// Sessions whose keeper is this process: one locked sidecar under many names.
    private func makeSessions() throws -> FileDescriptor {
        let lock = try fixture.lockedSidecar("s0", pid: getpid())
        for id in ids {
            if id != "s0" { try fixture.directory.link("s0.rpc.sock.pid", to: "\(id).rpc.sock.pid") }
            try fixture.write(fixture.status(id, keeper: getpid()), folder: "\(id).d")
            try fixture.write("\(id).d/stdout.00000000000000000000.log", "here \(id)\n")
            try fixture.write("\(id).d/events.jsonl", event(1, "started", id))
        }
        return lock
    }

    private func event(_ seq: Int, _ name: String, _ id: String) -> String {
        "{\"format\":1,\"seq\":\(seq),\"time\":\"2026-01-01T00:00:00.000Z\",\"instance\":\"00000000deadbeef\","
            + "\"event\":\"\(name)\",\"of\":\"\(id)\"}\n"
    }

    private func append(_ file: String, _ text: String) throws {
        try fixture.directory.open(file, O_WRONLY | O_APPEND).writeAll(Array(text.utf8))
    }

    /// A follower that may have no more than 256 descriptors.
    private func start(_ arguments: [String], faults: String = "") throws -> Running {
        try box.start(
            [
                "sh", "-c", "ulimit -n 256; exec \"$@\"", "sh", Executables.keeperctl, "--sessions-dir",
                fixture.path,
            ] + arguments, setting: ["KEEPER_FAULTS": faults])
    }

    /// Reads until each session has said what is wanted.
    private func read(_ reader: Running, _ wanted: (String) -> String, of ids: [String]) throws {
        var missing = Set(ids.map(wanted))
        while !missing.isEmpty {
            let line = try #require(try reader.readLine(), "missing: \(missing.count)")
            if let found = missing.first(where: { line.hasSuffix($0) || line.contains("\"\($0)\"") }) {
                missing.remove(found)
            }
        }
    }

    private func expectRest(_ reader: Running) throws {
        try eventually("descriptors to be closed") {
            directoryEntries("/proc/\(reader.pid)/fd").count <= 12
        }
        try eventually("rest") {
            let calls = Proc.contextSwitches(Int(reader.pid))
            try box.pass(seconds: 0.3)
            return Proc.contextSwitches(Int(reader.pid)) == calls
        }
    }

    /// It said nothing, and missed two of three.
    @Test("follow --all needs fewer descriptors than there are sessions, and none at rest") func follow()
        throws
    {
        let lock = try makeSessions()
        let reader = try start(["follow", "--all"])
        try read(reader, { "here \($0)" }, of: ids)
        try expectRest(reader)
        for round in 1...3 {
            for id in ["s0", "s7", "s399"] {
                try append("\(id).d/stdout.00000000000000000000.log", "\(round) of \(id)\n")
            }
            try read(reader, { "\(round) of \($0)" }, of: ["s0", "s7", "s399"])
        }
        for id in ids { try append("\(id).d/stdout.00000000000000000000.log", "all of \(id)\n") }
        try read(reader, { "all of \($0)" }, of: ids)
        try expectRest(reader)
        #expect(reader.errorText == "")
        _ = lock.raw
    }

    /// It ended with "Too many open files".
    @Test("logs -f and events -f too") func logsAndEvents() throws {
        let lock = try makeSessions()
        let logs = try start(["logs", "-f"] + ids)
        let events = try start(["events", "-f"])
        try read(logs, { "here \($0)" }, of: ids)
        try read(events, { "started of=\($0)" }, of: ids)
        try expectRest(logs)
        try expectRest(events)
        for id in ids {
            try append("\(id).d/stdout.00000000000000000000.log", "all of \(id)\n")
            try append("\(id).d/events.jsonl", event(2, "ready", id))
        }
        try read(logs, { "all of \($0)" }, of: ids)
        try read(events, { "ready of=\($0)" }, of: ids)
        #expect(logs.errorText == "" && events.errorText == "")
        _ = lock.raw
    }

    @Test("what can't be watched is said, and looked at all the same", requiresFaults()) func watches() throws
    {
        let lock = try makeSessions()
        let reader = try start(["follow", "--all"], faults: "inotify:add:100:0:28")
        try read(reader, { "here \($0)" }, of: ids)
        try eventually("the word on it") { reader.errorText.contains("fs.inotify.max_user_watches") }
        #expect(reader.errorText.split(separator: "\n").count == 1)
        try append("s399.d/stdout.00000000000000000000.log", "more of s399\n")
        try read(reader, { "more of \($0)" }, of: ["s399"])
        _ = lock.raw
    }

    /// Its lock tells; nothing in the folder does.
    @Test("a keeper that is killed is noticed without a descriptor for it") func killed() throws {
        try box.spawn("a", "--", "sh", "-c", "echo here; exec cat")
        let reader = try box.startCtl("follow", "--all")
        _ = try reader.readEvents("the session") { $0.content == "here" }
        #expect(
            directoryEntries("/proc/\(reader.pid)/fd").compactMap { readLink("/proc/\(reader.pid)/fd/\($0)") }
                .allSatisfy { !$0.contains("pidfd") })
        kill(pid_t(try box.keeperPID("a")), SIGKILL)
        #expect(try reader.readEvents("its end") { $0.type == "status" }.last?.state == "lost")
    }
}
