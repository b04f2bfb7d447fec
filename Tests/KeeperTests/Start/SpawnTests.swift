import Glibc
import Testing

@Suite("keeperctl spawn")
struct SpawnTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("prints the id and nothing else, and the session is there")
    func printsID() throws {
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == "a\n")
        #expect(outcome.err == "")
        #expect(Proc.alive(try box.keeperPID("a")))
        #expect(Proc.alive(try box.childPID("a")))
    }

    @Test("without an id a random valid one is made")
    func randomID() throws {
        let first = try box.spawn("--", "cat")
        let second = try box.spawn("--", "cat")
        #expect(first != second)
        for id in [first, second] {
            #expect((1...64).contains(id.utf8.count))
            #expect(!id.hasPrefix(".") && !id.hasPrefix("-") && !id.hasPrefix("launch-"))
            #expect(Proc.alive(try box.keeperPID(id)))
        }
    }

    @Test("the child gets the caller's directory, umask and limits")
    func inherits() throws {
        let folder = box.root + "/here"
        mkdir(folder, 0o700)
        let line =
            "umask 027; ulimit -n 99; exec \(Executables.keeperctl) spawn a -- sh -c 'pwd; umask; ulimit -n; cat'"
        let outcome = try box.run(["sh", "-c", line], directory: folder)
        #expect(outcome.status == 0, outcome.why)
        try eventually("the child's words") { box.journalText("a").split(separator: "\n").count == 3 }
        #expect(box.journalText("a") == "\(folder)\n0027\n99\n")
    }

    @Test("--cwd, --env and --env-file reach the child")
    func options() throws {
        let folder = box.root + "/there"
        mkdir(folder, 0o700)
        try writeFile(box.root + "/vars", "FROM_FILE=x y=z\nBOTH=file\n".utf8)
        try box.spawn(
            "--cwd", folder, "--env-file", box.root + "/vars", "--env", "DIRECT=1=2", "a", "--", "sh", "-c",
            "pwd; echo \"$FROM_FILE|$DIRECT|$HOME\"; exec cat")
        try eventually("two lines") { box.journalText("a").split(separator: "\n").count == 2 }
        #expect(box.journalText("a") == "\(folder)\nx y=z|1=2|\(box.root)\n")
    }

    @Test("--clear-env leaves the child only what was named and what the keeper adds")
    func clearEnvironment() throws {
        try box.spawn("--clear-env", "--env", "ONLY=this", "a", "--", "/bin/cat")
        let names = Set(
            try Proc.startedEnvironment(try box.childPID("a")).compactMap { $0.split(separator: "=").first })
        #expect(
            names == ["ONLY", "KEEPER_SESSION", "KEEPER_SESSIONS_DIR", "KEEPER_SOCKET", "KEEPER_INSTANCE"])
    }

    @Test("the child learns who keeps it, and inherits nothing of a service manager's")
    func childEnvironment() throws {
        let manager = [
            "NOTIFY_SOCKET": "/x", "LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "x",
            "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1",
        ]
        let outcome = try box.run([Executables.keeperctl, "spawn", "a", "--", "cat"], setting: manager)
        #expect(outcome.status == 0, outcome.why)
        let variables = try Proc.startedEnvironment(try box.childPID("a"))
        #expect(variables.contains("KEEPER_SESSION=a"))
        #expect(variables.contains("KEEPER_SESSIONS_DIR=\(box.sessions)"))
        #expect(variables.contains("KEEPER_SOCKET=\(box.socket("a"))"))
        let instance = try #require(try box.status("a")["instance"]?.string)
        #expect(variables.contains("KEEPER_INSTANCE=\(instance)"))
        #expect(
            variables.filter {
                $0.hasPrefix("NOTIFY_") || $0.hasPrefix("LISTEN_") || $0.hasPrefix("WATCHDOG_")
            } == [])
    }

    @Test("labels are in the session's status")
    func labels() throws {
        try box.spawn("--label", "team=red", "--label", "note=a \"b\" = c", "a", "--", "cat")
        let labels = try #require(try box.status("a")["labels"])
        #expect(labels["team"]?.string == "red")
        #expect(labels["note"]?.string == "a \"b\" = c")
    }

    @Test("x=$(keeperctl spawn …) returns at once: keeper and child hold nothing they inherited")
    func closesInherited() throws {
        let (reading, writing) = try makePipe()
        defer { close(reading) }
        let script = "x=$(\(Executables.keeperctl) spawn a -- cat); echo \"got $x\""
        let shell = try box.start(["sh", "-c", script], extra: [9: writing])
        close(writing)
        #expect(try shell.readLine() == "got a")
        #expect(try shell.wait() == .exited(0))
        #expect(readChunk(reading) == nil, "descriptor 9 is still open somewhere")
        #expect(Proc.alive(try box.childPID("a")))
        // The dynamic loader may still have a library open.
        let child = try box.childPID("a")
        try eventually("three descriptors") { Proc.descriptors(child) == 3 }
    }

    @Test("keeper and child have sessions of their own; the keeper has one thread")
    func detached() throws {
        try box.spawn("a", "--", "cat")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        #expect(Proc.session(keeper) != Proc.session(Int(getpid())))
        #expect(Proc.session(child) == child)
        #expect(Proc.parent(child) == keeper)
        #expect(Proc.threads(keeper) == 1)
    }

    @Test("the child starts with no signal blocked or ignored, whatever the caller did")
    func signals() throws {
        let command = "trap '' TERM HUP INT PIPE CHLD; exec \(Executables.keeperctl) spawn a -- cat"
        let outcome = try box.run(["sh", "-c", command])
        #expect(outcome.status == 0, outcome.why)
        let status = String(decoding: readFile("/proc/\(try box.childPID("a"))/status") ?? [], as: UTF8.self)
        for name in ["SigBlk", "SigIgn"] {
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(name):") })
            let set = try #require(UInt64(line.suffix(16), radix: 16))
            // The C library's posix_spawn, by which tests start everything, ignores its own two signals.
            #expect(set & ~0x1_8000_0000 == 0, "\(line)")
        }
    }

    @Test("--rm leaves nothing of a session that has ended")
    func removes() throws {
        try box.spawn("--rm", "a", "--", "cat")
        let outcome = try box.ctl("kill", "a")
        #expect(outcome.status == 0, outcome.why)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("--wait ready returns when the child has survived, --wait none without waiting for anything")
    func waits() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        #expect(box.state("a") == "running")
        #expect(try box.status("a")["child"]?["readyAt"] != nil)
        try box.spawn("--wait", "none", "b", "--", "cat")
        try eventually("b to run") { box.state("b") == "running" }
    }

    @Test("--wait ready fails for a child that ends too soon with an error")
    func tooSoon() throws {
        let outcome = try box.ctl("spawn", "--wait", "ready", "a", "--", "sh", "-c", "echo why >&2; exit 4")
        #expect(outcome.status == 1, outcome.why)
        try eventually("the keeper to go") { !box.exists("a.rpc.sock.pid") }
        #expect(box.state("a") == "failed")
        #expect(try box.status("a")["stderrTail"]?.string == "why\n")
    }

    @Test("an id can be used again; the session before is kept once")
    func reuse() throws {
        var instances: [String] = []
        for _ in 1...3 {
            try box.spawn("a", "--", "cat")
            instances.append(try #require(try box.status("a")["instance"]?.string))
            try box.ctl("kill", "a")
        }
        #expect(Set(instances).count == 3)
        #expect(instances.allSatisfy { $0.utf8.count == 16 && $0.allSatisfy(\.isHexDigit) })
        #expect(try JSON(parsing: box.bytes("a.d~/status.json") ?? [])["instance"]?.string == instances[1])
        #expect(directoryEntries(box.sessions) == [".lock", "a.d", "a.d~", "keeper-a.log"])
    }
}
