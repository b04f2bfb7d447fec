import Glibc
import Testing

/// Each test says what used to happen.
@Suite("Regressions: the start, and the log")
struct RegressionStartTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("a parent that ignored SIGCHLD: the session never ended", requires(Programs.python))
    func ignoredChildSignal() throws {
        let script = """
            import os, signal, sys
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            os.execv(sys.argv[1], sys.argv[1:])
            """
        let keeper = try box.start([
            Programs.python, "-c", script, Executables.keeper, "a", "--", "sh", "-c", "read x; exit 3",
        ])
        try eventually("the session to be ready") { box.state("a") == "running" }
        #expect(try box.ctl("write", "a", "go").status == 0)
        #expect(try keeper.wait() == .exited(0), "\(keeper.errorText)")
        #expect(try box.status("a")["exit"]?["code"]?.int == 3)
    }

    @Test("a script without #! and many arguments overran the stack of the new process")
    func manyArguments() throws {
        try writeFile(box.root + "/script", "echo hi $#\n".utf8, mode: 0o755)
        for count in [10, 7000, 8200, 20_000] {
            let arguments = Array(repeating: "a", count: count)
            let outcome = try box.run([Executables.keeperctl, "run", "--", box.root + "/script"] + arguments)
            #expect(outcome.status == 0 && outcome.out == "hi \(count)\n", outcome.why)
        }
    }

    @Test("a FIFO at the log's name held up the start for ever")
    func fifoLog() throws {
        try #require(mkdir(box.sessions, 0o700) == 0)
        let fifo = box.path("keeper-a.log")
        try #require(mkfifo(fifo, 0o600) == 0)
        // A failure quotes the logs, and that must not wait as well.
        defer { unlink(fifo) }
        let spawning = try box.startCtl("spawn", "a", "--", "cat")
        #expect(try spawning.wait() == .exited(0))
        #expect(try box.ctl("write", "a", "line").status == 0)
        try eventually("the line") { box.journalText("a") == "line\n" }
        #expect(fileStatus(fifo).map { $0.st_mode & S_IFMT } == S_IFIFO)
    }

    @Test("the log grew without bound in a session that went on: each refused line is one in it")
    func endlessLog() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "exec <&-; exec sleep 1000")
        var largest: off_t = 0
        var wasCut = false
        for number in 0..<40_000 where !wasCut {
            let client = try UnixClient(box.socket("a"))
            _ = client.sendNow([120, 10])
            client.hangUp()
            guard number % 100 == 0 else { continue }
            let size = try #require(fileStatus(box.path("keeper-a.log"))).st_size
            wasCut = size < largest
            largest = max(largest, size)
        }
        #expect(wasCut)
        #expect(largest <= (1 << 20) + (128 << 10))
    }
}

/// The same, where only a debug executable can be made to fail in the right place.
@Suite(
    "Regressions: starts that fail half-way",
    requiresFaults())
struct RegressionFailedStartTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func spawn(_ faults: String, _ command: String...) throws -> Outcome {
        try box.run(
            [Executables.keeperctl, "spawn", "a", "--"] + command, setting: box.faults(faults))
    }

    @Test(
        "a start that failed once there was a child left it running",
        arguments: ["open:stderr.:1:1:28", "open:pi-pid:1:1:28", "rename:pi-pid:1:1:28", "rename:a.d:1:1:28"])
    func leftChild(fault: String) throws {
        // The pause gives the child the time to become deaf.
        let outcome = try spawn(
            fault + ",pause:unlink:1:0:150", "sh", "-c", "trap '' TERM; sleep 1000; sleep 1000")
        #expect(outcome.status == 2, outcome.why)
        try eventually("no process") { box.processes.isEmpty }
        #expect(Set(directoryEntries(box.sessions)).isSubset(of: [".lock", "keeper-a.log"]))
    }

    @Test("a start that failed took the previous session with it, or the one before that")
    func damagedHistory() throws {
        for text in ["one", "two"] {
            #expect(try spawn("", "echo", text).status == 0)
            try eventually("its end") { box.sidecars("a") == [] }
        }
        func folders() -> [String] { directoryEntries(box.sessions).filter { $0.contains(".d") } }
        func journal(_ folder: String) -> String {
            let names = directoryEntries(box.path(folder)).filter {
                $0.hasPrefix("stdout.0") && $0.hasSuffix(".log")
            }
            return names.map { box.text("\(folder)/\($0)") }.joined()
        }
        // The new folder takes the name, and then the one that was there takes its next name.
        for rule in ["rename:a.d:1:1:28", "rename:a.d~:1:1:28", "rename:a.d:2:1:28"] {
            let outcome = try spawn(rule, "echo", "three")
            #expect(outcome.status == 2, outcome.why)
            #expect(folders() == ["a.d", "a.d~"], Comment(rawValue: rule))
            #expect(journal("a.d") == "two\n", Comment(rawValue: rule))
            #expect(journal("a.d~") == "one\n", Comment(rawValue: rule))
            #expect(try box.ctl("logs", "a").out == "two\n")
        }
        #expect(try spawn("", "echo", "three").status == 0)
        try eventually("its end") { box.sidecars("a") == [] }
        #expect(journal("a.d") == "three\n" && journal("a.d~") == "two\n")
        #expect(folders() == ["a.d", "a.d~"])
    }
}
