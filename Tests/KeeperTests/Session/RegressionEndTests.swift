import Glibc
import Testing

/// Each test says what used to happen.
@Suite("Regressions: the end")
struct RegressionEndTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func number(in file: String) throws -> Int {
        try eventual("a number in \(file)") {
            Int(String(decoding: readFile(file) ?? [], as: UTF8.self).filter { $0.isNumber })
        }
    }

    private func expectNoFiles() throws {
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("descriptors exhausted: what the child left behind escaped, and the keeper could not end")
    func exhausted() throws {
        let script = """
            setsid sh -c 'trap "" TERM; echo $$ > "$0"; while :; do sleep 0.05; done' "$0" </dev/null >/dev/null 2>&1 &
            exec sleep 1000
            """
        let file = box.root + "/left"
        let outcome = try box.run([
            "sh", "-c", "ulimit -n 48; exec \"$@\"", "sh", Executables.keeperctl, "spawn", "--wait", "ready",
            "a", "--", "sh", "-c", script, file,
        ])
        try #require(outcome.status == 0, outcome.why)
        let left = try number(in: file)
        let keeper = try box.keeperPID("a")
        let control = try UnixClient(box.control("a"))
        let clients = try (0..<120).map { _ in try UnixClient(box.socket("a")) }
        #expect(try control.call("status")["result"] != nil)
        kill(pid_t(try box.childPID("a")), SIGKILL)
        try eventually("the keeper to go") { !Proc.alive(keeper) }
        #expect(!Proc.alive(left))
        #expect(box.state("a") == "exited" && box.sidecars("a") == [])
        for client in clients { client.hangUp() }
    }

    @Test("kill --now hung while the disk was full and the child lived", requires("prlimit"))
    func fullDisk() throws {
        let file = box.root + "/count"
        try box.spawn(
            "--wait", "ready", "a", "--", "sh", "-c",
            "while :; do echo hi; echo >> \"$0\"; sleep 0.01; done", file)
        let keeper = try box.keeperPID("a")
        func written() -> off_t { fileStatus(file)?.st_size ?? 0 }
        #expect(try box.run(["prlimit", "--pid", "\(keeper)", "--fsize=1:unlimited"]).status == 0)
        let before = written()
        try eventually("output that finds no room") { written() > before + 10 }
        let outcome = try box.ctl("kill", "--now", "a")
        #expect(outcome.err.contains("lost"), outcome.why)
        try eventually("the keeper to go") { !Proc.alive(keeper) && box.sidecars("a") == [] }
    }

    @Test(
        "kill --now hung while only the journal, or only the status, could not be written",
        requiresFaults(),
        arguments: ["write:stdout.log:5:0:28", "write:status:1:0:28"])
    func partlyFullDisk(fault: String) throws {
        let outcome = try box.run(
            [
                Executables.keeperctl, "spawn", "--wait", "ready", "a", "--", "sh", "-c",
                "while :; do echo hi; sleep 0.01; done",
            ], setting: box.faults(fault))
        #expect(outcome.status == 0, outcome.why)
        if fault.contains("stdout") {
            try eventually("the full journal") { try box.eventNames("a").contains("journalFull") }
        }
        let keeper = try box.keeperPID("a")
        let killing = try box.ctl("kill", "--now", "a")
        #expect(killing.err.contains("lost"), killing.why)
        try eventually("the keeper to go") { !Proc.alive(keeper) && box.sidecars("a") == [] }
    }

    /// The wait for the pipes' other holders starts in `a` first. If `b`, told to be quick, is gone while `a`
    /// still waits, it did not wait. Where the machine was too slow to see that, another round is made.
    @Test("stop --now while the keeper waited for its pipes to be closed waited like any other")
    func hurriedDrain() throws {
        var wasFaster = false
        let script = "setsid sleep 1000 & read x; exit 0"
        for _ in 0..<5 where !wasFaster {
            for id in ["a", "b"] {
                try box.spawn("--wait", "ready", "--leftovers", "leave", id, "--", "sh", "-c", script)
            }
            let keepers = try ["a", "b"].map { try box.keeperPID($0) }
            let children = try ["a", "b"].map { try box.childPID($0) }
            let control = try UnixClient(box.control("b"))
            for (id, child) in zip(["a", "b"], children) {
                #expect(try UnixClient(box.socket(id)).deliver("go\n").bytes.isEmpty)
                try eventually("the child's end") { !Proc.alive(child) }
            }
            #expect(try control.call("stop", ["now": true])["result"] != nil)
            try eventually("b's keeper to go") { !Proc.alive(keepers[1]) }
            wasFaster = Proc.alive(keepers[0])
            try eventually("a's keeper to go") { !Proc.alive(keepers[0]) }
            for pid in box.processes where Proc.arguments(pid).first == "sleep" { kill(pid_t(pid), SIGKILL) }
        }
        #expect(wasFaster)
    }

    @Test("spawn --rm left the files after when the command was quick")
    func quickCommand() throws {
        for _ in 0..<10 {
            try box.spawn("--rm", "a", "--", "true")
            try expectNoFiles()
        }
        // Here spawn is sure to be there still at the end.
        try box.ctl("spawn", "--rm", "--wait", "ready", "a", "--", "true")
        try expectNoFiles()
    }

    @Test("run --rm that was killed left the files after at the session's end")
    func killedRun() throws {
        let running = try box.startCtl("run", "--rm", "a", "--", "cat")
        running.write("one\n")
        #expect(try running.readLine() == "one")
        running.kill(SIGKILL)
        try running.wait()
        #expect(Proc.alive(try box.childPID("a")))
        #expect(try box.ctl("write", "a", "two").status == 0)
        try eventually("the line") { box.journalText("a") == "one\ntwo\n" }
        #expect(try box.ctl("eof", "a").status == 0)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("a session with --rm whose reader was slow could take its files away before all was read")
    func slowReader() throws {
        let running = try box.startCtl("run", "--rm", "a", "--", "sh", "-c", "seq 200000; exit 5")
        // run writes into a pipe that is not read, so it can't have read the journal to its end.
        try eventually("the end of the session") { box.state("a") == "exited" || box.state("a") == "failed" }
        #expect(box.exists("a.d") && !running.hasEnded)
        let output = try running.readToEnd()
        #expect(output.count == 1_288_895)
        #expect(try running.wait() == .exited(5), "\(running.errorText)")
        try expectNoFiles()
    }
}
