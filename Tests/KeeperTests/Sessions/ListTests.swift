import CSystem
import KeeperShared
import Testing

@Suite("keeperctl ls and the tables")
struct ListTests {
    let box: Sandbox
    let fixture: SessionsFixture
    init() throws {
        box = try Sandbox()
        fixture = try SessionsFixture()
    }

    /// Sessions of every kind. What was started in the future has an age of 0s for ever.
    private func fill() throws -> FileDescriptor {
        func status(
            _ id: String, _ state: SessionState, end: ProcessEnd? = nil, command: [String], out: Int = 0,
            labels: [Label] = []
        ) throws {
            var status = fixture.status(id, keeper: 12345, state: state)
            status.keeper.startedAt = try #require(Timestamp(rfc3339: "2200-01-01T00:00:00Z"))
            status.child = SessionStatus.Child(
                identity: ProcessIdentity(pid: 12346, startTime: 1), startedAt: status.keeper.startedAt)
            status.child?.restarts = id == "live" ? 2 : 0
            status.command = command.map { Array($0.utf8) }
            status.labels = labels
            status.stdout.next = out
            if let end { status.exit = SessionStatus.Exit(end: end, at: Timestamp(nanoseconds: 0)) }
            try fixture.write(status, folder: "\(id).d")
        }
        try status(
            "live", .running,
            command: [
                "/usr/bin/env", "-i", "sh", "-c", "while read -r line; do echo \"$line\"; done", "é…\n", "",
            ],
            labels: [Label(name: "app", value: "d\"é"), Label(name: "x", value: "")])
        try status("a-session-with-a-long-name", .exited, end: .exited(0), command: ["true"], out: 1_600_000)
        try status(
            "broken", .failed, end: .exited(127), command: ["false"], labels: [Label(name: "x", value: "1")])
        try status("cut", .running, command: ["sleep", "1"], out: 5)
        try status("hit", .exited, end: .signalled(15), command: ["sleep", "1"], out: 1023)
        // Neither of these is a session.
        try fixture.directory.makeDirectory("emacs.d")
        try fixture.write("notes.d~", "")
        try fixture.write("live.d/stdout.00000000000000001000.log", "0123456789")
        return try fixture.lockedSidecar("live", pid: 12345)
    }

    private func ctl(_ arguments: String..., width: Int = 80) throws -> Outcome {
        try box.run(
            [Executables.keeperctl, "--sessions-dir", fixture.path] + arguments,
            setting: ["COLUMNS": "\(width)"])
    }

    @Test("tables at 80 and 200 columns", arguments: [80, 200]) func tables(width: Int) throws {
        let lock = try fill()
        Golden.expect(try ctl("ls", "-a", width: width).out, "ls-all-\(width).txt")
        Golden.expect(try ctl("ls", width: width).out, "ls-\(width).txt")
        Golden.expect(try ctl("discover", "--no-reap", width: width).out, "discover-\(width).txt")
        let whole = try ctl("ls", "-a", "--no-trunc", width: width)
        Golden.expect(whole.out, "ls-no-trunc.txt")
        for line in try ctl("ls", "-a", width: width).out.split(separator: "\n") {
            #expect(line.count <= width)
        }
        _ = lock.raw
    }

    @Test("filters, labels, order and ids") func choice() throws {
        let lock = try fill()
        func ids(_ arguments: String...) throws -> [String] {
            let outcome = try box.run(
                [Executables.keeperctl, "--sessions-dir", fixture.path, "ls", "-q"] + arguments)
            #expect(outcome.status == 0, outcome.why)
            return outcome.out.split(separator: "\n").map(String.init)
        }
        let all = ["a-session-with-a-long-name", "broken", "cut", "hit", "live"]
        #expect(try ids() == ["live"])
        #expect(try ids("-a") == all)
        #expect(try ids("-a", "--sort", "size") == [all[0], "hit", "live", "cut", "broken"])
        #expect(try ids("-a", "--sort", "state") == ["live", all[0], "hit", "broken", "cut"])
        #expect(try ids("-a", "--sort", "age") == all)
        #expect(try ids("--filter", "state=lost") == ["cut"])
        #expect(try ids("--filter", "state=failed", "--filter", "state=running") == ["broken", "live"])
        #expect(try ids("-a", "--filter", "label=x") == ["broken", "live"])
        #expect(try ids("-a", "--filter", "label=x=1") == ["broken"])
        #expect(try ids("-a", "--label", "x=") == ["live"])
        #expect(try ids("--label", "app=d\"é") == ["live"])
        #expect(try ids("--label", "app=d\"é", "--label", "x=1") == [])
        #expect(try ctl("ls", "--filter", "state=asleep").status == 2)
        #expect(try ctl("ls", "--filter", "color=red").status == 2)
        _ = lock.raw
    }

    @Test("--json has the documented names; of what has ended no PID is left") func json() throws {
        let lock = try fill()
        let list = try JSON.lines(try ctl("ls", "-a", "--json").stdout)
        #expect(list.count == 5)
        let live = try #require(list.last)
        #expect(
            live.keys == [
                "sessionId", "state", "keeperPid", "childPid", "sockPath", "startedAt", "labels",
            ])
        #expect(live["keeperPid"]?.int == 12345 && live["childPid"]?.int == 12346)
        #expect(live["labels"]?["app"]?.string == "d\"é")
        #expect(list[0]["exitCode"]?.int == 0 && list[0]["keeperPid"]?.isNull == true)
        #expect(list[2]["state"]?.string == "lost" && list[2]["childPid"]?.isNull == true)
        #expect(list[3]["signal"]?.string == "TERM")
        _ = lock.raw
    }

    @Test("an empty list says on stderr where it looked") func empty() throws {
        let missing = try box.ctl("ls")
        #expect(missing.status == 0 && missing.out == "" && missing.err.contains(box.sessions), missing.why)
        #expect(!(fileStatus(box.sessions) != nil))
        #expect(try ctl("ls", "-a").err == "keeperctl: no sessions in \(fixture.path)\n")
        #expect(try ctl("ls", "-aq").err == "")
    }

    @Test("ls clears nothing away, and lists what a dead keeper left as lost") func neverReaps() throws {
        try fixture.makeDeadSession(fixture.status("a", keeper: unusedPID()))
        #expect(try ctl("ls").out == "")
        #expect(try JSON.lines(try ctl("ls", "-a", "--json").stdout).first?["state"]?.string == "lost")
        #expect(try fixture.exists("a.rpc.sock.pid") && fixture.exists("a.rpc.sock"))
    }

    @Test("--watch shows starts and ends without a terminal, and ends with its reader") func watch() throws {
        let watch = try box.startCtl("ls", "--watch")
        #expect(try watch.readLine()?.contains("no live sessions") == true)
        try box.spawn("a", "--", "cat")
        while let line = try watch.readLine(), !line.hasPrefix("a ") {}
        try box.ctl("kill", "a")
        while let line = try watch.readLine(), !line.contains("no live sessions") {}
        watch.closeOutput()
        #expect(try watch.wait() == .exited(141))
    }

    @Test("--watch goes on by the clock where inotify is exhausted", requiresFaults())
    func watchWithoutInotify() throws {
        let watch = try box.start(
            [Executables.keeperctl, "ls", "--watch"], setting: box.faults("inotify::1:0:24"))
        #expect(try watch.readLine()?.contains("no live sessions") == true)
        try box.spawn("a", "--", "cat")
        while let line = try watch.readLine(), !line.hasPrefix("a ") {}
        watch.kill(SIGTERM)
        #expect(try watch.wait() == .exited(143))
    }

    @Test("--watch puts the terminal back", requires("python3")) func terminal() throws {
        let script = """
            import os, pty, signal, sys
            pid, terminal = pty.fork()
            if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
            seen = b''
            while b'no live sessions' not in seen: seen += os.read(terminal, 4096)
            os.kill(pid, signal.SIGINT)
            try:
                while True: seen += os.read(terminal, 4096)
            except OSError: pass
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
            assert seen.startswith(b'\\x1b[?1049h') and seen.endswith(b'\\x1b[?25h\\x1b[?1049l'), seen
            """
        let outcome = try box.run([Programs.python, "-c", script, Executables.keeperctl, "ls", "--watch"])
        #expect(outcome.status == 0, outcome.why)
    }

    @Test("inspect prints a line for each id, and fails for those that are none") func inspect() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.ctl("run", "b", "--", "false")
        let outcome = try box.ctl("inspect", "a", "none", "b")
        #expect(outcome.status == 3 && outcome.err.contains("'none'"), outcome.why)
        let objects = try JSON.lines(outcome.stdout)
        #expect(objects.map { $0["sessionId"]?.string } == ["a", "b"])
        #expect(objects.first?["child"]?["pid"]?.int == (try box.childPID("a")))
        #expect(objects.last?["exit"]?["code"]?.int == 1)
    }

    @Test("labels are set, emptied and removed; those of an ended session stay") func label() throws {
        try box.spawn("--label", "old=1", "a", "--", "cat")
        #expect(try box.ctl("label", "a", "k=v=w", "empty=", "old-").out == "")
        let labels = try #require(try box.status("a")["labels"])
        #expect(
            labels.keys == ["k", "empty"] && labels["k"]?.string == "v=w" && labels["empty"]?.string == "")
        for wrong in ["=x", "-", "plain"] { #expect(try box.ctl("label", "a", wrong).status == 2) }
        #expect(try box.ctl("label", "none", "k=v").status == 3)
        try box.ctl("kill", "a")
        let late = try box.ctl("label", "a", "k=v")
        #expect(late.status == 3 && late.err.contains("over"), late.why)
    }
}
