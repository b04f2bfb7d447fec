import Glibc
import Testing

@Suite("A keeper that dies, and what others left at its names")
struct DeathTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @discardableResult
    private func killKeeper(_ id: String) throws -> Int {
        let keeper = try box.keeperPID(id)
        kill(pid_t(keeper), SIGKILL)
        try eventually("the keeper to be gone") { !Proc.alive(keeper) }
        return keeper
    }

    @Test("the child gets SIGTERM and the end of its stdin", requires(Programs.python))
    func childLearns() throws {
        let script = """
            import os, signal, time
            seen = []
            f = os.open('\(box.root)/seen', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            signal.signal(signal.SIGTERM, lambda *_: seen.append(os.write(f, b'term ')))
            os.write(f, b'up ')
            while os.read(0, 100): pass
            os.write(f, b'eof ')
            while not seen: time.sleep(0.01)
            """
        try box.spawn("a", "--", Programs.python, "-c", script)
        let seen = { String(decoding: readFile(box.root + "/seen") ?? [], as: UTF8.self) }
        try eventually("the child to be up") { seen() == "up " }
        try killKeeper("a")
        try eventually("both, found \(seen())") {
            Set(seen().split(separator: " ")) == ["up", "eof", "term"]
        }
        #expect(try box.ctl("discover").status == 0)
    }

    @Test("discover finds the free lock, records the loss and removes the sidecars")
    func reaps() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.spawn("b", "--", "cat")
        try killKeeper("a")
        #expect(isLocked(box.path("a.rpc.sock.pid")) == false)
        let untouched = try box.ctl("discover", "--no-reap", "-q")
        #expect(untouched.status == 0 && untouched.out == "b\n", untouched.why)
        #expect(box.exists("a.rpc.sock.pid"))
        let list = try box.ctl("discover", "--json")
        let sessions = try JSON.lines(list.stdout)
        #expect(
            sessions.filter { $0["state"]?.string == "running" || $0["state"]?.string == "starting" }
                .compactMap { $0["sessionId"]?.string } == ["b"], list.why)
        #expect(box.sidecars("a") == [])
        #expect(!box.exists("a.d/ctl.sock"))
        #expect(box.state("a") == "lost")
        #expect(try box.eventNames("a").last == "lost")
        let seq = try box.events("a").compactMap { $0["seq"]?.int }
        #expect(seq == Array(1...seq.count))
        #expect(try box.status("a")["exit"]?["unknown"] != nil)
        #expect(try box.ctl("write", "a", "x").status == 3)
    }

    @Test("a lost child that ignores SIGTERM and end-of-file is ended by discover; several in parallel")
    func endsLost() throws {
        var children: [Int] = []
        for id in ["a", "b", "c", "d"] {
            try box.spawn(id, "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1000; done")
            try eventually("\(id) to be up") { box.journalText(id) == "up\n" }
            children.append(try box.childPID(id))
            try killKeeper(id)
        }
        #expect(children.allSatisfy { Proc.alive($0) })
        let outcome = try box.ctl("discover", "-q")
        #expect(outcome.status == 0 && outcome.out == "", outcome.why)
        #expect(children.allSatisfy { !Proc.alive($0) })
        // `sleep` belonged to the group.
        try eventually("the groups to be gone") { box.processes.isEmpty }
    }

    @Test("a new session may take the id of a dead one at once")
    func takeOver() throws {
        try box.spawn("a", "--", "sh", "-c", "echo old; exec cat")
        try eventually("output") { box.journalText("a") == "old\n" }
        try killKeeper("a")
        try box.spawn("a", "--", "cat")
        #expect(try box.ctl("write", "a", "new").status == 0)
        try eventually("the line") { box.journalText("a") == "new\n" }
        #expect(String(decoding: box.bytes("a.d~/stdout.log") ?? [], as: UTF8.self) == "old\n")
    }

    @Test("a reused PID beside a dead socket fools no one, and its new owner is not touched")
    func reusedPID() throws {
        let stranger = try box.start(["sleep", "1000"])
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try killKeeper("a")
        try writeFile(box.path("a.rpc.sock.pid"), "\(stranger.pid)".utf8)
        try writeFile(box.path("a.rpc.sock.pi-pid"), "\(stranger.pid)".utf8)
        let outcome = try box.ctl("discover", "-q")
        #expect(outcome.status == 0 && outcome.out == "", outcome.why)
        #expect(box.sidecars("a") == [])
        #expect(Proc.alive(Int(stranger.pid)))
        #expect(try box.ctl("spawn", "a", "--", "cat").status == 0)
    }

    @Test("a foreign, live keeper is listed as such, respected and never signalled")
    func foreign() throws {
        try box.spawn("ours", "--", "cat")
        let stranger = try box.start(["sleep", "1000"])
        let listener = try UnixListener(box.socket("theirs"))
        try writeFile(box.path("theirs.rpc.sock.pid"), "\(stranger.pid)".utf8)
        let list = try box.ctl("discover", "--json")
        let entry = try #require(
            try JSON.lines(list.stdout).first { $0["sessionId"]?.string == "theirs" }, list.why)
        #expect(entry["foreign"]?.bool == true)
        #expect(entry["keeperPid"]?.int == Int(stranger.pid))
        #expect(entry["sockPath"]?.string == listener.path)
        #expect(
            try JSON.lines(list.stdout).first { $0["sessionId"]?.string == "ours" }?["foreign"]?.bool != true)
        let taken = try box.ctl("spawn", "theirs", "--", "cat")
        #expect(taken.status == 5, taken.why)
        #expect(try box.ctl("kill", "--grace", "100ms", "theirs").status != 0)
        #expect(Proc.alive(Int(stranger.pid)))
        #expect(box.exists("theirs.rpc.sock") && box.exists("theirs.rpc.sock.pid"))
    }

    @Test("a foreign sidecar of a dead process is reaped; of a live one that refuses only after 10 s")
    func foreignDead() throws {
        try box.spawn("ours", "--", "cat")
        let ended = try box.start(["true"])
        try ended.wait()
        let living = try box.start(["sleep", "1000"])
        for (id, pid) in [("dead", ended.pid), ("young", living.pid), ("old", living.pid)] {
            _ = try UnixListener(box.socket(id))
            try writeFile(box.path("\(id).rpc.sock.pid"), "\(pid)".utf8)
        }
        for name in ["old.rpc.sock.pid", "old.rpc.sock"] {
            let hourAgo = timeval(tv_sec: time(nil) - 3600, tv_usec: 0)
            utimes(box.path(name), [hourAgo, hourAgo])
        }
        #expect(try box.ctl("discover").status == 0)
        #expect(box.sidecars("dead") == [])
        #expect(box.sidecars("old") == [])
        #expect(box.exists("young.rpc.sock.pid"))
        #expect(Proc.alive(Int(living.pid)))
    }

    @Test("at the socket's place a plain file or a dead socket is replaced", arguments: ["file", "socket"])
    func replaced(kind: String) throws {
        mkdir(box.sessions, 0o700)
        if kind == "file" {
            try writeFile(box.socket("a"), "x".utf8)
        } else {
            _ = try UnixListener(box.socket("a"))
        }
        try box.spawn("a", "--", "cat")
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
    }

    @Test("at the socket's place a live socket is respected, even without a sidecar")
    func liveSocket() throws {
        mkdir(box.sessions, 0o700)
        let listener = try UnixListener(box.socket("a"))
        let inode = fileStatus(listener.path)?.st_ino
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(outcome.status == 5, outcome.why)
        #expect(fileStatus(listener.path)?.st_ino == inode)
        _ = try UnixClient(listener.path)
    }

    @Test("at the socket's place a directory is a clear error")
    func directory() throws {
        mkdir(box.sessions, 0o700)
        mkdir(box.socket("a"), 0o700)
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.err.contains("a.rpc.sock"), outcome.why)
        #expect(outcome.err.lowercased().contains("directory"), outcome.why)
        #expect(box.exists("a.rpc.sock"))
        #expect(!box.exists("a.rpc.sock.pid") && !box.exists("a.d"))
    }
}
