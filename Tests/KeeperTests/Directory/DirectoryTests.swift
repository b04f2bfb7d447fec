import Glibc
import Testing

@Suite("The sessions directory")
struct DirectoryTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("is made with mode 0700, with its parents, whatever the umask")
    func created() throws {
        box.sessions = box.root + "/x/y/sessions"
        box.environment["KEEPER_SESSIONS_DIR"] = box.sessions
        let outcome = try box.run(["sh", "-c", "umask 0; exec \(Executables.keeperctl) spawn a -- cat"])
        #expect(outcome.status == 0, outcome.why)
        #expect(fileStatus(box.sessions).map { $0.st_mode & 0o7777 } == 0o700)
        for name in ["a.rpc.sock", "a.rpc.sock.pid", "a.rpc.sock.pi-pid", "a.d/ctl.sock"] {
            #expect(box.mode(name) == 0o600, "\(name)")
        }
        for name in ["keeper-a.log", "a.d", "a.d/status.json", "a.d/events.jsonl", "a.d/stdout.log"] {
            let mode = try #require(box.mode(name), "\(name)")
            #expect(mode & 0o077 == 0, "\(name) has mode \(String(mode, radix: 8))")
        }
    }

    @Test("is refused when others can write to it, and the error says so", arguments: [0o777, 0o770, 0o1777])
    func othersCanWrite(mode: Int) throws {
        mkdir(box.sessions, 0o700)
        chmod(box.sessions, mode_t(mode))
        for arguments in [["spawn", "a", "--", "cat"], ["discover"]] {
            let outcome = try box.run([Executables.keeperctl] + arguments)
            #expect(outcome.status == 1, outcome.why)
            #expect(outcome.err.contains(box.sessions), outcome.why)
        }
        let keeper = try box.run([Executables.keeper, "a", "--", "cat"])
        #expect(keeper.status == 2, keeper.why)
        #expect(directoryEntries(box.sessions) == [])
    }

    @Test("is refused when it belongs to another user", requiresRoot())
    func otherOwner() throws {
        mkdir(box.sessions, 0o700)
        chown(box.sessions, 12345, 12345)
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(outcome.status == 1, outcome.why)
        #expect(outcome.err.contains(box.sessions), outcome.why)
        #expect(directoryEntries(box.sessions) == [])
    }

    @Test("may have a name of 130 bytes and more: sockets still work", arguments: [130, 500])
    func longName(length: Int) throws {
        box.sessions = box.root
        while box.sessions.utf8.count < length {
            box.sessions +=
                "/" + String(repeating: "d", count: min(99, max(length - box.sessions.utf8.count - 1, 1)))
        }
        box.environment["KEEPER_SESSIONS_DIR"] = box.sessions
        let id = String(repeating: "i", count: 64)
        try box.spawn(id, "--", "cat")
        #expect(try box.ctl("write", id, "through").status == 0)
        try eventually("the line") { box.journalText(id) == "through\n" }
        #expect(try box.ctl("status", id).status == 0)
        #expect(try box.ctl("logs", id).out == "through\n")
        let killed = try box.ctl("kill", id)
        #expect(killed.status == 0, killed.why)
    }

    @Test("is the first of --sessions-dir, KEEPER_SESSIONS_DIR, PI_DASHBOARD_HOME, HOME")
    func precedence() throws {
        let (byOption, byHome, byDefault) = (
            box.root + "/o", box.root + "/p", box.root + "/.pi/dashboard/sessions"
        )
        let byDashboard = byHome + "/.pi/dashboard/sessions"
        box.extraSessionDirectories = [byOption, byDashboard, byDefault]
        let spawn = ["spawn", "a", "--", "cat"]
        let home = ["PI_DASHBOARD_HOME": byHome]
        let none: [String: String?] = ["KEEPER_SESSIONS_DIR": Optional<String>.none]
        #expect(
            try box.run([Executables.keeperctl, "--sessions-dir", byOption] + spawn, setting: home).status
                == 0)
        #expect(fileStatus(byOption + "/a.rpc.sock") != nil)
        #expect(try box.run([Executables.keeperctl] + spawn, setting: home).status == 0)
        #expect(box.exists("a.rpc.sock"))
        #expect(
            try box.run([Executables.keeperctl] + spawn, setting: none.merging(home.mapValues { $0 }) { $1 })
                .status == 0)
        #expect(fileStatus(byDashboard + "/a.rpc.sock") != nil)
        #expect(try box.run([Executables.keeperctl] + spawn, setting: none).status == 0)
        #expect(fileStatus(byDefault + "/a.rpc.sock") != nil)
    }

    @Test("sidecars hold PIDs in decimal; the keeper's is locked while it lives")
    func sidecars() throws {
        try box.spawn("a", "--", "cat")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        #expect(["\(keeper)", "\(keeper)\n"].contains(box.text("a.rpc.sock.pid")))
        #expect(["\(child)", "\(child)\n"].contains(box.text("a.rpc.sock.pi-pid")))
        #expect(Proc.arguments(keeper).first?.hasSuffix("keeper") == true)
        try eventually("the child's program") { Proc.arguments(child) == ["cat"] }
        #expect(isLocked(box.path("a.rpc.sock.pid")))
        #expect(!isLocked(box.path("a.rpc.sock.pi-pid")))
        #expect(fileStatus(box.socket("a")).map { $0.st_mode & S_IFMT } == S_IFSOCK)
    }

    @Test("after the end sockets and sidecars are gone, log and folder stay; an empty launch log is removed")
    func afterwards() throws {
        try box.spawn("a", "--", "cat")
        try box.ctl("kill", "a")
        #expect(directoryEntries(box.sessions) == [".lock", "a.d", "keeper-a.log"])
        #expect(!box.exists("a.d/ctl.sock"))
        #expect(box.state("a") == "exited")
    }

    /// It could not be found to be ended, and it tried to record its end each second for ever.
    @Test(
        "when it is removed under a session, that goes on, and ends with its child or when it is told to",
        arguments: ["TERM", "output", "end"])
    func removed(how: String) throws {
        try box.spawn(
            "a", "--wait", "ready", "--journal-size", "64K", "--", "sh", "-c",
            "read x; echo $x; seq 99999; cat")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        let writer = try UnixClient(box.socket("a"))
        removeTree(box.sessions)
        // Its connections are still there.
        try writer.send("go\n")
        if how == "TERM" { kill(pid_t(keeper), SIGTERM) }
        if how == "output" {
            // More than its first segment: the next can't be made.
            try eventually("the output to be stuck") { Proc.state(child) == "S" }
            kill(pid_t(keeper), SIGTERM)
        }
        if how == "end" { kill(pid_t(child), SIGKILL) }
        try eventually("the end") { !Proc.alive(keeper) && !Proc.alive(child) }
        #expect(fileStatus(box.sessions) == nil)
    }

    @Test("links in the place of files are not followed")
    func links() throws {
        try box.spawn("first", "--", "cat")
        let (file, folder) = (box.root + "/outside", box.root + "/folder")
        try writeFile(file, "untouched".utf8)
        mkdir(folder, 0o700)
        symlink(file, box.path("keeper-a.log"))
        symlink(folder, box.path("a.d"))
        symlink(file, box.path("a.rpc.sock.pi-pid"))
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(readFile(file) == [UInt8]("untouched".utf8), outcome.why)
        #expect(directoryEntries(folder) == [], outcome.why)
    }
}

@Suite("Session ids")
struct IdentifierTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test(
        "every allowed byte works, up to 64 of them",
        arguments: ["AZaz09._-@:+", String(repeating: "x", count: 64), "_", "9", "a..b"])
    func allowed(id: String) throws {
        #expect(try box.spawn(id, "--", "cat") == id)
        #expect(try box.ctl("write", id, "x").status == 0)
        #expect(try box.ctl("kill", id).status == 0)
    }

    @Test(
        "ids that would escape or confuse are refused before they touch a path",
        arguments: [
            "", "../x", "a/b", "/tmp/x", ".hidden", "..", "-dash", "launch-x", "a b", "é", "a\n", "a\u{1}",
            "a*",
            String(repeating: "x", count: 65), "a\\b", "~",
        ])
    func refused(id: String) throws {
        let outside = Set(directoryEntries(box.root))
        for arguments in [
            ["spawn", id, "--", "cat"], ["write", id, "x"], ["kill", id], ["logs", id], ["status", id],
            ["eof", id], ["wait", id],
        ] {
            let outcome = try box.run([Executables.keeperctl] + arguments)
            #expect(outcome.status == 2, outcome.why)
        }
        #expect(try box.run([Executables.keeper, id, "--", "cat"]).status == 2)
        #expect(Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]))
        #expect(Set(directoryEntries(box.root)).subtracting(outside).isSubset(of: ["s"]))
    }
}
