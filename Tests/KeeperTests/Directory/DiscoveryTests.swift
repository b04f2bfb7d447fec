import CSystem
import KeeperShared
import Testing

@testable import keeperctl

@Suite struct DiscoveryTests {
    let fixture: SessionsFixture

    init() throws { fixture = try SessionsFixture() }

    private func discover() throws -> [String] {
        try Discovery(of: fixture.directory).sessions.map { "\($0.id.string) \($0.ownership.name)" }
    }

    @Test func listsEverySidecarByItsOwnerInOrder() throws {
        let lock = try fixture.lockedSidecar("b-live", pid: 17)
        try fixture.makeDeadSession(fixture.status("c-dead", keeper: unusedPID()))
        let other = try TestProcess()
        try fixture.write("a-foreign.rpc.sock.pid", "\(other.pid)")
        let listener = try fixture.listen("a-foreign.rpc.sock")
        #expect(try discover() == ["a-foreign foreign", "b-live keeper", "c-dead dead"])
        _ = (lock.raw, listener.raw)
    }

    @Test func ignoresWhatIsNoSession() throws {
        for name in [
            "notes.txt", "-x.rpc.sock.pid", ".rpc.sock.pid", "a b.rpc.sock.pid", "x.d", ".lock", ".d",
        ] {
            try fixture.write(name, "1\n")
        }
        let found = try Discovery(of: fixture.directory)
        #expect(found.sessions.isEmpty && found.leftovers.isEmpty && found.failures.isEmpty)
    }

    @Test func namesWhatCanNotBeLookedAt() throws {
        #expect(symlinkat("/etc/passwd", fixture.directory.raw, "link.rpc.sock.pid") == 0)
        let found = try Discovery(of: fixture.directory)
        #expect(found.sessions.isEmpty)
        #expect(found.failures.map { $0.id.string } == ["link"])
    }

    @Test func aLockedSidecarIsLiveWhateverElseIsThere() throws {
        let lock = try fixture.lockedSidecar("a", pid: unusedPID())
        try fixture.makeDeadSocket("a.rpc.sock")
        #expect(try fixture.ownership("a").name == "keeper")
        #expect(try fixture.reap("a")[0].name == "live")
        #expect(try fixture.exists("a.rpc.sock"))
        _ = lock.raw
    }

    @Test func aReusedPIDFoolsNoOne() throws {
        let stranger = try TestProcess()
        try fixture.makeDeadSession(fixture.status("a", keeper: stranger.pid))
        #expect(try fixture.ownership("a").name == "dead")
    }

    @Test func aFolderWithoutStatusAndADeadSocketIsDead() throws {
        let stranger = try TestProcess()
        try fixture.directory.makeDirectory("a.d")
        try fixture.write("a.rpc.sock.pid", "\(stranger.pid)")
        try fixture.makeDeadSocket("a.rpc.sock")
        #expect(try fixture.ownership("a").name == "dead")
    }

    @Test func aTornStatusHidesNothing() throws {
        let status = fixture.status("a", keeper: unusedPID())
        try fixture.makeDeadSession(status)
        try fixture.write("a.d/status.json", "{\"format\":1,\"sess")
        #expect(try fixture.ownership("a").name == "dead")
        #expect(try fixture.reap("a")[0].name == "reaped")
        #expect(try !fixture.exists("a.rpc.sock.pid"))
    }

    @Test func aListeningKeeperOfOtherMakeIsLive() throws {
        let other = try TestProcess()
        try fixture.write("a.rpc.sock.pid", "\(other.pid)")
        fixture.makeOld("a.rpc.sock.pid")
        let listener = try fixture.listen("a.rpc.sock")
        #expect(try fixture.ownership("a").name == "foreign")
        // An earlier session of ours under the same id changes nothing.
        try fixture.write(fixture.status("a", keeper: unusedPID(), state: .exited), folder: "a.d")
        #expect(try fixture.ownership("a").name == "foreign")
        #expect(try fixture.reap("a")[0].name == "foreign")
        #expect(try fixture.exists("a.rpc.sock") && fixture.exists("a.rpc.sock.pid"))
        #expect(!other.hasEnded)
        _ = listener.raw
    }

    @Test(arguments: [true, false])
    func aSilentKeeperOfOtherMakeHasTenSeconds(hasSocket: Bool) throws {
        let other = try TestProcess()
        try fixture.write("a.rpc.sock.pid", "\(other.pid)")
        if hasSocket { try fixture.makeDeadSocket("a.rpc.sock") }
        #expect(try fixture.ownership("a").name == "unsettled")
        #expect(try fixture.reap("a")[0].name == "foreign")
        #expect(try fixture.exists("a.rpc.sock.pid"))
        fixture.makeOld("a.rpc.sock.pid")
        #expect(try fixture.ownership("a").name == "dead")
        #expect(try fixture.reap("a")[0].name == "reaped")
        #expect(try !fixture.exists("a.rpc.sock.pid") && !fixture.exists("a.rpc.sock"))
        #expect(!other.hasEnded)
    }

    @Test func aDeadKeeperOfOtherMakeIsReapedAtOnce() throws {
        try fixture.write("a.rpc.sock.pid", "\(unusedPID())")
        try fixture.makeDeadSocket("a.rpc.sock")
        try fixture.write("a.rpc.sock.pi-pid", "\(unusedPID())")
        #expect(try fixture.reap("a")[0].name == "reaped")
        #expect(try !fixture.exists("a.rpc.sock.pid") && !fixture.exists("a.rpc.sock"))
        #expect(try !fixture.exists("a.rpc.sock.pi-pid"))
    }

    @Test(arguments: ["", "garbage", "-5", "99999999999"])
    func aSidecarThatNamesNoProcessIsJudgedByItsAge(content: String) throws {
        try fixture.write("a.rpc.sock.pid", content)
        #expect(try fixture.ownership("a").name == "unsettled")
        fixture.makeOld("a.rpc.sock.pid")
        #expect(try fixture.ownership("a").name == "dead")
    }

    @Test func findsAndRemovesWhatAKilledStarterLeft() throws {
        try fixture.makeDeadSocket(".a.rpc.sock")
        try fixture.write(".a.rpc.sock.pid", "1\n")
        try fixture.write(".a.rpc.sock.pi-pid", "1\n")
        try fixture.write(fixture.status("a", keeper: 1), folder: ".a.d.new")
        try fixture.write(".a.d.new/stdout.00000000000000000000.log", "x")
        try fixture.makeDeadSocket(".a.d.new/ctl.sock")
        let found = try Discovery(of: fixture.directory)
        #expect(found.leftovers.map { $0.string } == ["a"])
        // A start under way holds the lock.
        let starter = try IDLock.take(SessionID("a"), in: fixture.directory)
        #expect(try fixture.reap("a", patience: 0)[0].name == "busy")
        #expect(try fixture.exists(".a.d.new"))
        starter?.release()
        #expect(try fixture.reap("a", patience: 0)[0].name == "nothing")
        for name in [".a.rpc.sock", ".a.rpc.sock.pid", ".a.rpc.sock.pi-pid", ".a.d.new"] {
            #expect(try !fixture.exists(name), "\(name)")
        }
    }

    @Test func leavesFoldersOfOthersAlone() throws {
        try fixture.directory.makeDirectory(".emacs.d.new")
        try fixture.write(".emacs.d.new/init.el", "()")
        #expect(try fixture.reap("emacs")[0].name == "nothing")
        #expect(try fixture.exists(".emacs.d.new/init.el"))
    }

    @Test func anOrphanedSocketGoesWhenItIsOld() throws {
        try fixture.makeDeadSocket("young.rpc.sock")
        try fixture.makeDeadSocket("old.rpc.sock")
        try fixture.write("file.rpc.sock", "not a socket")
        let listener = try fixture.listen("live.rpc.sock")
        for name in ["old.rpc.sock", "file.rpc.sock", "live.rpc.sock"] { fixture.makeOld(name) }
        let found = try Discovery(of: fixture.directory)
        #expect(found.leftovers.map { $0.string } == ["file", "live", "old", "young"])
        _ = Reaper.reap(found.leftovers, in: fixture.directory)
        #expect(try fixture.exists("young.rpc.sock") && fixture.exists("file.rpc.sock"))
        #expect(try fixture.exists("live.rpc.sock") && !fixture.exists("old.rpc.sock"))
        _ = listener.raw
    }

    @Test func aStatusOfAnotherKeeperIsAnEarlierSessions() throws {
        let names = SessionNames(try SessionID("a"))
        try fixture.write(fixture.status("a", keeper: 5, state: .exited), folder: "a.d")
        let another = SessionStatus.of(names, keeper: 6, in: fixture.directory)
        #expect(another == nil)
        let same = SessionStatus.of(names, keeper: 5, in: fixture.directory)
        #expect(same?.state == .exited)
    }
}
