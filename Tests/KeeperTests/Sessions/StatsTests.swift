import Glibc
import Testing

@Suite("What sessions use")
struct StatsTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// 50 MiB that are touched, 20 descriptors, 8 MiB read and 4 MiB written, three children of which one leaves
    /// the group; then all wait.
    private let worker = """
        import os, sys
        memory = bytearray(b'x' * (50 << 20))
        files = [os.open('/dev/null', os.O_RDWR) for _ in range(20)]
        zero = os.open('/dev/zero', os.O_RDONLY)
        for _ in range(8): os.read(zero, 1 << 20)
        for _ in range(4): os.write(files[0], bytes(1 << 20))
        for index in range(3):
            if os.fork() == 0:
                if index == 0: os.setsid()
                os.read(0, 1)
                os._exit(0)
        print('ready', flush=True)
        os.read(0, 1)
        """

    private func startWorker(_ id: String) throws {
        try box.spawn(id, "--", Programs.python, "-c", worker)
        try eventually("the worker") { box.journalText(id) == "ready\n" }
        try eventually("all to wait") { tree(id).count == 4 && tree(id).allSatisfy { Proc.state($0) == "S" } }
    }

    /// The processes below a session's keeper.
    private func tree(_ id: String) -> [Int] {
        var found = Proc.children(box.number("\(id).rpc.sock.pid") ?? 0)
        var next = 0
        while next < found.count {
            found += Proc.children(found[next])
            next += 1
        }
        return found
    }

    private func stats(_ arguments: String...) throws -> [JSON] {
        let outcome = try box.run(
            [Executables.keeperctl, "stats", "--no-stream", "--json"] + arguments)
        try #require(outcome.status == 0, outcome.why)
        return try JSON.lines(outcome.stdout)
    }

    private func sum(_ pids: [Int], _ value: (Int) -> Int?) throws -> Int {
        try pids.map { try #require(value($0)) }.reduce(0, +)
    }

    private func transferred(_ pid: Int, _ name: String) -> Int? {
        let text = String(decoding: readFile("/proc/\(pid)/io") ?? [], as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix("\(name): ") }
            .flatMap { Int($0.dropFirst(name.count + 2)) }
    }

    @Test("memory, descriptors, bytes, threads and processes of the whole tree are the kernel's")
    func figures() throws {
        try startWorker("a")
        let pids = tree("a")
        let lines = try stats("a")
        #expect(lines.count == 2)
        let line = lines[0]
        #expect(line["sessionId"]?.string == "a")
        #expect(line["state"]?.string == "running")
        #expect(line["processes"]?.int == 4)
        #expect(line["threads"]?.int == 4)
        #expect(try line["descriptors"]?.int == sum(pids) { Proc.descriptors($0) })
        #expect((line["descriptors"]?.int ?? 0) >= 4 * 24)
        #expect(try line["bytesRead"]?.int == sum(pids) { transferred($0, "rchar") })
        #expect(try line["bytesWritten"]?.int == sum(pids) { transferred($0, "wchar") })
        #expect((line["bytesRead"]?.int ?? 0) >= 8 << 20)
        #expect((4 << 20..<5 << 20).contains(line["bytesWritten"]?.int ?? 0))
        #expect(try line["rss"]?.int == sum(pids) { Proc.value($0, "smaps_rollup", "Rss") } << 10)
        // Four processes share the 50 MiB; other tests may map the interpreter's files meanwhile.
        let pss = try #require(line["pss"]?.int)
        #expect(((50 << 20)...(80 << 20)).contains(pss))
        #expect((line["rss"]?.int ?? 0) > pss)
        for key in line.keys where !["sessionId", "state", "time"].contains(key) {
            #expect(try lines[1][key]?.canonical() == line[key]?.canonical(), "\(key)")
        }
        #expect(lines[1]["total"]?.bool == true && lines[1]["sessions"]?.int == 1)
    }

    @Test("processor time counts running and ended processes")
    func processor() throws {
        let burn = "while :; do :; done"
        try box.spawn("a", "--", "sh", "-c", "sh -c '\(burn)' & read x; kill $!; wait; echo over; read x")
        var last = 0.0
        try eventually("some processor time") {
            let line = try stats("a")[0]
            last = (line["userSeconds"]?.raw as? Double ?? 0) + (line["systemSeconds"]?.raw as? Double ?? 0)
            return last > 0.3 && (line["cpuPercent"]?.raw as? Double ?? 0) > 1
        }
        let burner = try #require(tree("a").last)
        let ticks = Proc.ticks(burner) ?? 0
        #expect(last <= Double(ticks) / 100 + 0.1)
        try box.ctl("write", "a", "stop")
        try eventually("the burner's end") { box.journalText("a") == "over\n" }
        let line = try stats("a")[0]
        let after = (line["userSeconds"]?.raw as? Double ?? 0) + (line["systemSeconds"]?.raw as? Double ?? 0)
        #expect(after >= Double(ticks) / 100 - 0.1)
        #expect(line["processes"]?.int == 1)
    }

    @Test("sessions inside a session are not part of it", arguments: [false, true])
    func nested(_ isElsewhere: Bool) throws {
        let directory = isElsewhere ? box.root + "/other" : box.sessions
        box.extraSessionDirectories = [directory]
        let command =
            "'\(Executables.keeperctl)' --sessions-dir '\(directory)' spawn inner -- sh -c 'cat; cat' && read x"
        try box.spawn("outer", "--", "sh", "-c", command)
        try eventually("the inner session") { fileStatus("\(directory)/inner.rpc.sock.pi-pid") != nil }
        try eventually("only the shell") { try stats("outer")[0]["processes"]?.int == 1 }
        #expect(tree("outer").count >= 3)
        // The inner one's shell may not have started its command yet.
        try eventually("the inner shell and its command") {
            try isElsewhere || stats("inner")[0]["processes"]?.int == 2
        }
        let lines = try stats()
        #expect(lines.count == (isElsewhere ? 2 : 3))
        #expect(lines.last?["processes"]?.int == (isElsewhere ? 1 : 3))
    }

    @Test("a foreign keeper is measured as well, one that has died is not")
    func others() throws {
        mkdir(box.sessions, 0o700)
        let keeper = try box.start(["sh", "-c", "cat; true"])
        let listener = try UnixListener(box.socket("foreign"))
        try writeFile(box.path("foreign.rpc.sock.pid"), "\(keeper.pid)\n".utf8)
        try eventually("its child") { Proc.children(Int(keeper.pid)).count == 1 }
        #expect(try stats("foreign")[0]["processes"]?.int == 1)
        _ = listener

        try box.spawn("--wait", "ready", "dead", "--", "cat")
        kill(pid_t(try box.keeperPID("dead")), SIGKILL)
        try eventually("its end") { !isLocked(box.path("dead.rpc.sock.pid")) }
        let line = try stats("dead")[0]
        #expect(line["state"]?.string == "lost")
        #expect(line["rss"]?.isNull == true && line["cpuPercent"]?.isNull == true)
    }

    @Test("streams every second until its sessions are over, or its output is closed")
    func streams() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let named = try box.startCtl("stats", "--json", "a")
        let all = try box.startCtl("stats")
        for _ in 0..<2 {
            #expect(try JSON(parsing: try #require(try named.readLine()).utf8)["sessionId"]?.string == "a")
            #expect(try JSON(parsing: try #require(try named.readLine()).utf8)["total"]?.bool == true)
        }
        #expect(try all.readLine()?.hasPrefix("SESSION  CPU%  RSS") == true)
        #expect(try all.readLine()?.hasPrefix("a        ") == true)
        #expect(try all.readLine()?.hasPrefix("total    ") == true)
        all.closeOutput()
        #expect(try all.wait() == .exited(128 + SIGPIPE))
        try box.ctl("kill", "a")
        #expect(try named.wait() == .exited(0))
    }

    @Test("says what can't be measured: no such session, one that is over, none at all")
    func nothing() throws {
        let none = try box.ctl("stats")
        #expect(none.status == 0 && none.err == "keeperctl: no sessions in \(box.sessions)\n", none.why)
        try box.spawn("--wait", "ready", "a", "--", "cat")
        #expect(try box.ctl("stats", "nobody").status == 3)
        try box.ctl("kill", "a")
        let over = try box.ctl("stats", "a")
        #expect(over.status == 1 && over.err.hasPrefix("keeperctl: a: the session is over"), over.why)
        #expect(try stats().count == 1)
    }
}
