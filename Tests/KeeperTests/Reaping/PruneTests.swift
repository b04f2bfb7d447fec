import CSystem
import KeeperShared
import Testing

@Suite("keeperctl prune")
struct PruneTests {
    let box: Sandbox
    let fixture: SessionsFixture
    init() throws {
        box = try Sandbox()
        fixture = try SessionsFixture()
    }

    private func prune(_ arguments: String...) throws -> Outcome {
        try box.run([Executables.keeperctl, "--sessions-dir", fixture.path, "prune"] + arguments)
    }

    private func ids(_ outcome: Outcome) -> [String] {
        outcome.out.split(separator: "\n").map { String($0.split(separator: " ")[0]) }
    }

    /// A session that ended this many seconds ago.
    private func ended(_ id: String, ago: Int64) throws {
        var status = fixture.status(id, keeper: unusedPID(), state: .exited)
        let end = Timestamp(nanoseconds: Timestamp.now().nanoseconds - .seconds(ago))
        status.exit = SessionStatus.Exit(end: .exited(0), at: end)
        try fixture.write(status, folder: "\(id).d")
    }

    @Test("removes everything of an ended session and nothing of a live one") func everything() throws {
        try box.spawn("live", "--", "cat")
        for _ in 0..<2 { try box.ctl("run", "over", "--", "echo", "0123456789") }
        let before = try #require(box.bytes("live.d/status.json"))
        let dry = try box.ctl("prune", "--dry-run")
        #expect(ids(dry) == ["over"] && box.exists("over.d") && box.exists("over.d~"), dry.why)
        let outcome = try box.ctl("prune")
        #expect(outcome.status == 0 && outcome.out == dry.out, outcome.why)
        #expect(outcome.err.contains("freed"))
        #expect(
            directoryEntries(box.sessions) == [
                ".lock", "keeper-live.log", "live.d", "live.rpc.sock", "live.rpc.sock.pi-pid",
                "live.rpc.sock.pid",
            ])
        #expect(box.bytes("live.d/status.json") == before)
        #expect(try box.ctl("prune").out == "")
    }

    @Test("--older goes by the end, --keep leaves the last ones") func choice() throws {
        for (id, ago) in [("a", 10), ("b", 100_000), ("c", 1000), ("d", 1_000_000)] {
            try ended(id, ago: Int64(ago))
        }
        #expect(ids(try prune("--dry-run", "--older", "1d")) == ["b", "d"])
        #expect(ids(try prune("--dry-run", "--keep", "2")) == ["b", "d"])
        #expect(ids(try prune("--dry-run", "--keep", "3", "--older", "1m")) == ["d"])
        #expect(ids(try prune("--dry-run", "--keep", "9")) == [])
        #expect(ids(try prune("--keep", "0", "--older", "5m")) == ["b", "c", "d"])
        #expect(try fixture.exists("a.d") && !fixture.exists("b.d") && !fixture.exists("c.d"))
    }

    @Test("counts a segment once, though it has two names") func size() throws {
        try ended("a", ago: 1)
        let status = try fixture.read("a.d/status.json").utf8.count
        try fixture.write("a.d/stdout.00000000000000000000.log", "0123456789")
        try fixture.directory.openDirectory("a.d").link(
            "stdout.00000000000000000000.log", to: "stdout.log")
        #expect(try prune().out == "a \(status + 10)\n")
    }

    @Test("stray logs go when they are old; what is not a session's stays") func strangers() throws {
        for name in ["keeper-old.log", "keeper-launch-old.log", "keeper-young.log", "notes.log"] {
            try fixture.write(name, "log")
        }
        for name in ["keeper-old.log", "keeper-launch-old.log"] { fixture.makeOld(name) }
        try fixture.directory.makeDirectory("emacs.d")
        try fixture.write("emacs.d/init.el", "()")
        #expect(try prune().out == "old 6\n")
        #expect(try fixture.exists("emacs.d/init.el") && fixture.exists("keeper-young.log"))
        #expect(try fixture.exists("notes.log") && !fixture.exists("keeper-old.log"))
    }

    @Test("what a dead keeper has left is for discover, and a live one is left alone") func notOver() throws {
        try fixture.makeDeadSession(fixture.status("dead", keeper: unusedPID()))
        try fixture.write(fixture.status("live", keeper: 12345), folder: "live.d")
        let lock = try fixture.lockedSidecar("live", pid: 12345)
        #expect(try prune().out == "")
        #expect(try fixture.exists("dead.d") && fixture.exists("live.d"))
        _ = lock.raw
    }

    @Test("waits for the holder of the id's lock") func lock() throws {
        try ended("a", ago: 1)
        let lock = try IDLock.take(SessionID("a"), in: fixture.directory)
        let pruning = try box.start([Executables.keeperctl, "--sessions-dir", fixture.path, "prune"])
        try eventually("prune at the lock") {
            directoryEntries("/proc/\(pruning.pid)/fd").contains {
                readLink("/proc/\(pruning.pid)/fd/\($0)")?.hasSuffix("/.lock") == true
            }
        }
        // A session starts there meanwhile.
        let sidecar = try fixture.lockedSidecar("a", pid: 12345)
        lock?.release()
        #expect(try pruning.wait() == .exited(0))
        #expect(try fixture.exists("a.d") && pruning.readLine() == nil)
        _ = sidecar.raw
    }
}
