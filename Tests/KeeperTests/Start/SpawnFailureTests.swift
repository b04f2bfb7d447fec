import Glibc
import Testing

@Suite("What can't be started, and who else wants the id")
struct SpawnFailureTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("what can't be executed: exit 1, the system's own error, nothing is left")
    func cannotExecute() throws {
        try writeFile(box.root + "/plain", "text".utf8)
        try writeFile(box.root + "/bad", "#!/no/such/interpreter\n".utf8, mode: 0o700)
        let cases = [
            ("/no/such/program", "No such file or directory"),
            ("no-such-program-anywhere", "No such file or directory"),
            (box.root + "/plain", "Permission denied"), (box.root, "Permission denied"),
            (box.root + "/bad", "No such file or directory"),
        ]
        for (program, error) in cases {
            let outcome = try box.ctl("spawn", "a", "--", program)
            #expect(outcome.status == 1, outcome.why)
            #expect(outcome.err.hasPrefix("keeperctl: "), outcome.why)
            #expect(outcome.err.contains(error), outcome.why)
            #expect(outcome.out == "", outcome.why)
            try eventually("nothing but the lock, found \(directoryEntries(box.sessions))") {
                Set(directoryEntries(box.sessions)).isSubset(of: [".lock"])
            }
        }
    }

    @Test("a working directory that isn't there is an error that names it")
    func badDirectory() throws {
        let outcome = try box.ctl("spawn", "--cwd", "/no/such/place", "a", "--", "cat")
        #expect(outcome.status == 1, outcome.why)
        #expect(outcome.err.contains("/no/such/place"), outcome.why)
        #expect(!box.exists("a.d"))
    }

    @Test("a failed start destroys nothing of the session before it")
    func keepsOld() throws {
        try box.spawn("a", "--", "sh", "-c", "echo precious; exec cat")
        try eventually("output") { box.journalText("a") == "precious\n" }
        try box.ctl("kill", "a")
        let before = try box.status("a")["instance"]?.string
        let outcome = try box.ctl("spawn", "a", "--", "/no/such/program")
        #expect(outcome.status == 1, outcome.why)
        #expect(try box.status("a")["instance"]?.string == before)
        #expect(box.journalText("a") == "precious\n")
        #expect(!box.exists("a.d~"))
        #expect(box.sidecars("a") == [])
    }

    @Test("an id that is taken: exit 5, its PID named, the owner undisturbed")
    func taken() throws {
        try box.spawn("a", "--", "cat")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        let inode = fileStatus(box.socket("a"))?.st_ino
        let outcome = try box.ctl("spawn", "a", "--", "cat")
        #expect(outcome.status == 5, outcome.why)
        #expect(outcome.err.contains("\(keeper)"), outcome.why)
        #expect(try box.keeperPID("a") == keeper)
        #expect(try box.childPID("a") == child)
        #expect(fileStatus(box.socket("a"))?.st_ino == inode)
        #expect(try UnixClient(box.socket("a")).deliver("still here\n").isReceipt)
        try eventually("the line") { box.journalText("a") == "still here\n" }
    }

    @Test("16 spawns of one id at once: one wins, 15 exit 5")
    func race() throws {
        for round in 1...3 {
            let racers = try (0..<16).map { _ in try box.startCtl("spawn", "r\(round)", "--", "cat") }
            var ends: [End] = []
            for racer in racers { ends.append(try racer.wait()) }
            #expect(ends.filter { $0 == .exited(0) }.count == 1, "\(ends) \(racers.map(\.errorText))")
            #expect(ends.filter { $0 == .exited(5) }.count == 15, "\(ends) \(racers.map(\.errorText))")
            try eventually("one owner") {
                let owners = box.processes.filter { Proc.arguments($0).first?.hasSuffix("keeper") == true }
                return owners.filter { Proc.arguments($0).contains("r\(round)") }.count == 1
            }
            #expect(try UnixClient(box.socket("r\(round)")).deliver("x\n").isReceipt)
        }
    }

    @Test("16 spawns of different ids at once all succeed")
    func manyAtOnce() throws {
        let starters = try (0..<16).map { try box.startCtl("spawn", "m\($0)", "--", "cat") }
        for starter in starters { #expect(try starter.wait() == .exited(0), "\(starter.errorText)") }
        let list = try box.ctl("discover", "--json")
        #expect(try JSON.lines(list.stdout).count == 16, list.why)
    }

    @Test(
        "bad usage: exit 2, one line, nothing created",
        arguments: [
            ["spawn"], ["spawn", "a"], ["spawn", "a", "--"], ["spawn", "--no-such", "a", "--", "cat"],
            ["spawn", "--label", "novalue", "a", "--", "cat"],
            ["spawn", "--journal-size", "lots", "a", "--", "cat"],
            ["spawn", "--wait", "forever", "a", "--", "cat"], ["spawn", "a", "b", "--", "cat"],
            ["frobnicate"],
        ])
    func badUsage(arguments: [String]) throws {
        let outcome = try box.run([Executables.keeperctl] + arguments)
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.out == "", outcome.why)
        #expect(outcome.err.hasPrefix("keeperctl: "), outcome.why)
        #expect(Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]))
    }

    @Test("a mistyped command or option suggests the right one")
    func suggestions() throws {
        let command = try box.ctl("spwan", "a", "--", "cat")
        #expect(command.status == 2 && command.err.contains("spawn"), command.why)
        let option = try box.ctl("spawn", "--lable", "a=b", "a", "--", "cat")
        #expect(option.status == 2 && option.err.contains("--label"), option.why)
    }

    @Test("keeper by hand: 0 it ran, 1 it could not be started, 2 bad usage, 5 id taken")
    func byHand() throws {
        #expect(try box.run([Executables.keeper, "a", "--", "true"]).status == 0)
        #expect(try box.run([Executables.keeper, "b", "--", "/no/such/program"]).status == 1)
        #expect(try box.run([Executables.keeper, "../c", "--", "cat"]).status == 2)
        #expect(try box.run([Executables.keeper, "--no-such-option", "d", "--", "cat"]).status == 2)
        let first = try box.start([Executables.keeper, "e", "--", "cat"])
        try eventually("e to run") { box.exists("e.rpc.sock.pid") && box.state("e") != nil }
        #expect(try box.keeperPID("e") == Int(first.pid))
        #expect(try box.run([Executables.keeper, "e", "--", "cat"]).status == 5)
        first.kill(SIGTERM)
        #expect(try first.wait() == .exited(0))
    }
}
