import Glibc
import Testing

/// A session outlives keepers that are killed, as long as somebody keeps what they had open.
@Suite("Resilient sessions", requires("python3"))
struct ResilientTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func event(_ name: String) throws -> [JSON] {
        try box.events("a").filter { $0["event"]?.string == name }
    }

    @Test(
        "another keeper goes on: same child, lock and instance; the next line arrives; nothing is left at the end"
    )
    func same() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let child = try box.childPID("a")
        let instance = try box.status("a")["instance"]?.string
        for round in 0..<10 {
            try box.ctl("write", "a", "line \(round)")
            let before = manager.keeper
            try manager.replaceKeeper()
            #expect(manager.keeper != before)
            #expect(try box.keeperPID("a") == manager.keeper)
            #expect(try box.status("a")["keeper"]?["pid"]?.int == manager.keeper)
        }
        #expect(try box.childPID("a") == child && Proc.alive(child))
        #expect(isLocked(box.path("a.rpc.sock.pid")))
        #expect(try box.status("a")["instance"]?.string == instance)
        let lines = (0..<10).map { "line \($0)\n" }.joined()
        try eventually("all lines") { box.journalText("a") == lines }
        let recovered = try event("recovered")
        #expect(recovered.count == 10)
        #expect(recovered.last?["pid"]?.int == manager.keeper)
        #expect(recovered.last?["lastTurn"]?.string != nil)
        let numbers = try box.events("a").compactMap { $0["seq"]?.int }
        #expect(numbers == Array(1...numbers.count))
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
        #expect(manager.leftInStore == "")
        #expect(box.sidecars("a") == [])
        #expect(try box.status("a")["exit"]?["unknown"]?.bool == true)
        try eventually("the child to go") { !Proc.alive(child) }
    }

    @Test(
        "kill -9 at random moments under output and input load: no byte of output and no line is lost or doubled"
    )
    func underLoad() throws {
        var random = SplitMix64.announced("resilientUnderLoad")
        let count = 2_000_000
        // Numbers on stdout, in twenty portions, and on stderr what comes in.
        let tick = box.root + "/tick"
        #expect(mkfifo(tick, 0o600) == 0)
        let manager = try StandInManager(
            box, "--journal-size", "256M", "a", "--", "sh", "-c",
            "(i=0; while [ $i -lt 20 ]; do seq $((i * \(count / 20) + 1)) $(((i + 1) * \(count / 20))); i=$((i + 1)); "
                + "read x < \(tick); done) & exec cat >&2")
        let child = try box.childPID("a")
        var receipted: Set<String> = []
        var sent: Set<String> = []
        for round in 0..<20 {
            var client: UnixClient?
            let lines = (0..<Int.random(in: 1...300, using: &random)).map {
                "\(round)-\($0)-" + String(repeating: "x", count: Int.random(in: 0...200, using: &random))
            }
            sent.formUnion(lines)
            // Some come in the pause: they wait for the next keeper.
            client = try UnixClient(box.socket("a"))
            try client?.send(lines.map { $0 + "\n" }.joined())
            client?.halfClose()
            next(tick)
            usleep(UInt32.random(in: 0...20_000, using: &random))
            manager.killKeeper()
            try manager.waitForStart()
            // The next one may be killed while it takes over.
            if Bool.random(using: &random) {
                usleep(UInt32.random(in: 0...10_000, using: &random))
                manager.killKeeper()
                try manager.waitForStart()
            }
            if try client?.readToEnd().isReceipt == true { receipted.formUnion(lines) }
        }
        try eventually("all output") {
            next(tick)
            return box.journalText("a").hasSuffix("\n\(count)\n")
        }
        var wanted: [UInt8] = []
        for number in 1...count { wanted += Array("\(number)\n".utf8) }
        #expect(box.journal("a") == wanted)
        #expect(try box.childPID("a") == child && Proc.alive(child))
        let last = "the last line"
        try box.ctl("write", "a", last)
        try eventually("the last line") { box.journalText("a", "stderr").hasSuffix(last + "\n") }
        let echoed = box.journalText("a", "stderr").split(separator: "\n").map(String.init).dropLast()
        #expect(Set(echoed).count == echoed.count, "doubled")
        #expect(Set(echoed).subtracting(sent).map { $0.prefix(20) } == [], "torn")
        #expect(receipted.subtracting(echoed).map { $0.prefix(20) } == [], "receipted but lost")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
    }

    /// Lets the child write its next portion, if it waits for that.
    private func next(_ tick: String) {
        let number = open(tick, O_WRONLY | O_NONBLOCK)
        if number < 0 { return }
        _ = write(number, "\n", 1)
        close(number)
    }

    @Test(
        "in the pause the session is live to everybody, and what connects then is served by the next keeper")
    func pause() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let wait = try box.startCtl("wait", "a")
        let logs = try box.startCtl("logs", "-f", "a")
        try box.ctl("write", "a", "before")
        #expect(try logs.readLine() == "before")
        var waiting: UnixClient?
        try manager.pause {
            #expect(isLocked(box.path("a.rpc.sock.pid")))
            let found = try box.ctl("discover", "--json")
            #expect(try JSON.lines(Array(found.stdout)).first?["state"]?.string == "running", found.why)
            #expect(try box.ctl("prune").status == 0)
            #expect(box.exists("a.d/status.json"))
            let second = try box.ctl("spawn", "a", "--", "cat")
            #expect(second.status == 5, second.why)
            waiting = try UnixClient(box.socket("a"))
            try waiting?.send("meanwhile\n")
            waiting?.halfClose()
        }
        #expect(try waiting?.readToEnd().isReceipt == true)
        #expect(try logs.readLine() == "meanwhile")
        #expect(!wait.hasEnded)
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try wait.readLine() == "a unknown")
        #expect(try logs.readLine() == nil)
        try manager.waitForEnd()
    }

    @Test("a manager that took no messages for some seconds did not get what belongs to the next child")
    func fullSocket() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let child = try box.childPID("a")
        try box.ctl("write", "a", "first")
        try eventually("its index") { box.exists("a.d/stdout.00000000000000000000.idx") }
        let descriptors = Proc.descriptors(manager.keeper)
        kill(manager.process, SIGSTOP)
        try fillSocket("\(box.root)/notify")
        for _ in 0..<3 { #expect(try box.call("a", "restart")["result"] != nil) }
        try eventually("the next child") { try box.childPID("a") != child }
        try box.awaitState("a", "running")
        let next = try box.childPID("a")
        try box.ctl("write", "a", "before")
        kill(manager.process, SIGCONT)
        // What waits holds copies of descriptors.
        try eventually("all to be sent") { Proc.descriptors(manager.keeper) == descriptors }
        try manager.replaceKeeper()
        try box.ctl("write", "a", "after")
        try eventually("both lines") { box.journalText("a") == "first\nbefore\nafter\n" }
        #expect(try box.childPID("a") == next)
        #expect(!box.log("a").contains("not all that the keeper before had open"))
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
        #expect(manager.leftInStore == "")
    }

    @Test("a child that dies in the pause has ended unknown, never with 0, and what it wrote last is there")
    func diesInThePause() throws {
        let manager = try StandInManager(box, "a", "--", "sh", "-c", "read x; echo last words; exit 0")
        let child = try box.childPID("a")
        let writer = try UnixClient(box.socket("a"))
        // It reads the line only once its keeper is dead.
        try box.stopChild("a")
        try writer.send("go\n")
        writer.halfClose()
        #expect(try writer.readToEnd().isReceipt)
        try writeFile(box.root + "/hold", [])
        manager.killKeeper()
        kill(pid_t(child), SIGCONT)
        try eventually("the child's end") { !Proc.alive(child) }
        unlink(box.root + "/hold")
        #expect(try manager.waitForEnd() == 0)
        #expect(try box.status("a")["exit"]?["unknown"]?.bool == true)
        #expect(box.state("a") == "exited")
        #expect(box.journalText("a") == "last words\n")
        #expect(manager.leftInStore == "")
    }

    @Test("the policy takes an unknown end for a failure; the next child is the keeper's own again")
    func restarts() throws {
        let manager = try StandInManager(
            box, "--restart", "on-failure", "a", "--", "sh", "-c",
            "while read x; do echo $x; [ $x = end ] && exit 0; done")
        let first = try box.childPID("a")
        try manager.pause {
            kill(pid_t(first), SIGKILL)
            try eventually("the child's end") { !Proc.alive(first) }
        }
        try eventually("another child") { try box.state("a") == "running" && box.childPID("a") != first }
        #expect(try event("exited").first?["unknown"]?.bool == true)
        let second = try box.childPID("a")
        try manager.replaceKeeper()
        try box.ctl("write", "a", "hello")
        try eventually("the answer") { box.journalText("a") == "hello\n" }
        #expect(try box.childPID("a") == second && Proc.alive(second))
        // While the child is away its keeper dies: the child still comes back.
        kill(pid_t(second), SIGKILL)
        try eventually("backoff") { box.state("a") == "backoff" }
        try manager.replaceKeeper()
        try eventually("a third child") { try box.state("a") == "running" && box.childPID("a") != second }
        #expect(try box.status("a")["child"]?["restarts"]?.int == 2)
        // Its own now: how it ends is known.
        try box.ctl("write", "a", "end")
        #expect(try manager.waitForEnd() == 0)
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
        #expect(box.journalText("a") == "hello\nend\n")
    }

    @Test("keepers that are killed while children come and go leave one child, and none that no keeper knows")
    func storm() throws {
        var random = SplitMix64.announced("resilientStorm")
        let manager = try StandInManager(
            box, "--restart", "always", "--ready", "output", "a", "--", "sh", "-c", "echo $$; exec cat")
        for _ in 0..<25 {
            let client = try UnixClient(box.control("a"))
            try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"restart\"}\n")
            usleep(UInt32.random(in: 0...12_000, using: &random))
            manager.killKeeper()
            try manager.waitForStart()
        }
        try eventually("a running child") {
            let answer = try? UnixClient(box.control("a")).call("status")
            guard answer?["result"]?["state"]?.string == "running",
                let child = box.number("a.rpc.sock.pi-pid")
            else { return false }
            let cats = box.processes.filter {
                Proc.arguments($0).first == "cat" || Proc.arguments($0).first == "sh"
            }
            return cats == [child]
        }
        // Each child's first line once, in order, and the last one is the present child's.
        let lines = box.journalText("a").split(separator: "\n")
        #expect(Set(lines).count == lines.count)
        #expect(lines.last.map(String.init) == "\(try box.childPID("a"))")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
    }

    @Test("what an inherited child leaves behind is ended with it; a session below it is not")
    func leftovers() throws {
        let manager = try StandInManager(
            box, "a", "--", "sh", "-c",
            "setsid sleep 1000 & (trap '' TERM; exec sleep 1001) & \(Executables.keeperctl) spawn inner -- cat; exec cat"
        )
        try eventually("the inner session") { box.state("inner") == "running" }
        try manager.replaceKeeper()
        #expect(try box.ctl("kill", "a").status == 0)
        try manager.waitForEnd()
        let left = box.processes.map { Proc.arguments($0) }
        #expect(!left.contains { $0.first == "sleep" }, "\(left)")
        #expect(box.state("inner") == "running")
        #expect(try box.ctl("kill", "inner").status == 0)
    }

    /// Each of them had all of /proc read once more.
    @Test(
        "leftovers of an inherited child are told to end one by one, and looked for once", requires("strace"))
    func manyLeftovers() throws {
        let count = 25
        let left = "setsid sh -c 'trap \"\" TERM; echo >> \"$0\"; exec sleep 1000' \(box.root)/left & "
        let manager = try StandInManager(
            box, "a", "--", "sh", "-c", "for i in $(seq \(count)); do \(left)done; exec cat")
        try eventually("all to be deaf") { readFile(box.root + "/left")?.count == count }
        try manager.replaceKeeper()
        let report = box.root + "/calls"
        let tracer = try box.start([
            "strace", "-e", "trace=openat,pidfd_send_signal", "-o", report, "-p", "\(manager.keeper)",
        ])
        try eventually("the tracer") { tracer.errorText.contains("attached") }
        #expect(try box.ctl("kill", "a").status == 0)
        try manager.waitForEnd()
        try tracer.wait()
        // Up to the first that is killed: each end is a reason to look again.
        let calls = String(decoding: readFile(report) ?? [], as: UTF8.self).split(separator: "\n")
            .prefix { !$0.contains("SIGKILL") }
        #expect(calls.filter { $0.contains("SIGTERM") }.count >= count)
        #expect(calls.filter { $0.contains("\"/proc/\"") }.count < count, "\(calls)")
    }

    @Test("paused, starting, with its input closed, stopping: the next keeper goes on from there")
    func states() throws {
        let manager = try StandInManager(
            box, "--ready", "output:go", "a", "--", "sh", "-c", "read x; printf g; read x; echo o; exec cat",
            untilReady: false)
        try eventually("the start") { box.state("a") == "starting" }
        try manager.waitForStart()
        try box.ctl("write", "a", "1")
        try eventually("half the text") { box.journalText("a") == "g" }
        try manager.replaceKeeper()
        #expect(box.state("a") == "starting")
        try box.ctl("write", "a", "2")
        try eventually("ready") { box.state("a") == "running" }

        #expect(try UnixClient(box.control("a")).call("pause")["result"]?["state"]?.string == "paused")
        try manager.replaceKeeper()
        #expect(box.state("a") == "paused")
        #expect(try UnixClient(box.control("a")).call("resume")["result"]?["state"]?.string == "running")
        try box.ctl("write", "a", "3")
        try eventually("the line") { box.journalText("a") == "go\n3\n" }

        #expect(try box.ctl("eof", "a").status == 0)
        try manager.waitForEnd()
        #expect(box.state("a") == "exited")
    }

    @Test("a keeper that is killed while it stops its child is followed by one that goes on stopping")
    func stopping() throws {
        let manager = try StandInManager(
            box, "--stop-steps", "eof:60s,KILL:2s", "a", "--", "sh", "-c",
            "cat; echo end >&2; exec sleep 1000")
        let client = try UnixClient(box.control("a"))
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}\n")
        try eventually("the end of its input") { box.journalText("a", "stderr") == "end\n" }
        try manager.replaceKeeper()
        #expect(box.state("a") == "stopping")
        #expect(try box.ctl("kill", "--now", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
        #expect(box.sidecars("a") == [])
    }

    @Test("upgrades and deaths mix")
    func upgrade() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        for round in 0..<4 {
            let answer = try UnixClient(box.control("a")).call("upgrade", ["path": Executables.keeper])
            #expect(answer["result"] != nil, "\(answer)")
            try box.ctl("write", "a", "upgraded \(round)")
            try manager.replaceKeeper()
            try box.ctl("write", "a", "replaced \(round)")
        }
        let wanted = (0..<4).map { "upgraded \($0)\nreplaced \($0)\n" }.joined()
        try eventually("all lines") { box.journalText("a") == wanted }
        // The manager's child is the session's last one too.
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try manager.waitForEnd() == 0)
        #expect(manager.leftInStore == "")
    }

    @Test("a line over 4,096 bytes that was torn is ended, and the next one is whole")
    func torn() throws {
        let manager = try StandInManager(box, "a", "--", "sh", "-c", "kill -STOP $$; exec cat")
        let child = try box.childPID("a")
        let client = try UnixClient(box.socket("a"))
        let long = String(repeating: "x", count: 300_000)
        try client.send(long + "\n")
        client.halfClose()
        try eventually("the child to stop") { Proc.state(child) == "T" }
        try box.awaitFullInput("a")
        try manager.replaceKeeper()
        guard case .reset = try client.readToEnd() else {
            Issue.record("no reset")
            return
        }
        kill(pid_t(child), SIGCONT)
        try box.ctl("write", "a", "whole")
        try eventually("the whole line") { box.journalText("a").hasSuffix("\nwhole\n") }
        let lines = box.journalText("a").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].utf8.count < 300_000 && lines[0].allSatisfy { $0 == "x" })
        #expect(try event("dropped").first?["why"]?.string == "torn")
    }

    @Test("a line that was delivered under a key is not delivered again by the next keeper")
    func keys() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        func write() throws -> JSON {
            try UnixClient(box.control("a")).call("write", ["line": "once", "key": "k1"])
        }
        #expect(try write()["result"]?["duplicate"]?.bool == false)
        try manager.replaceKeeper()
        #expect(try write()["result"]?["duplicate"]?.bool == true)
        try box.ctl("write", "a", "end")
        try eventually("the end") { box.journalText("a") == "once\nend\n" }
    }

    @Test("an incomplete store: the session counts as lost, its child is ended, and another session begins")
    func incomplete() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        let child = try box.childPID("a")
        let instance = try box.status("a")["instance"]?.string
        // What a store that is too small would do.
        try manager.forget("page")
        try manager.replaceKeeper()
        #expect(try box.status("a")["instance"]?.string != instance)
        #expect(!Proc.alive(child))
        #expect(box.log("a").contains("FileDescriptorStoreMax"))
        try box.ctl("write", "a", "hello")
        try manager.replaceKeeper()
        try eventually("the line") { box.journalText("a") == "hello\n" }
    }

    @Test("without a manager there is one clear line")
    func refused() throws {
        for arguments in [["--resilient", "a", "--", "cat"], ["--resilient", "a"]] {
            let outcome = try box.run([Executables.keeper] + arguments)
            #expect(outcome.status == 2)
            #expect(
                outcome.err.contains("--resilient") && outcome.err.split(separator: "\n").count == 1,
                outcome.why)
        }
        let foreign = try box.run(
            [Executables.keeper, "--resilient", "a", "--", "cat"],
            setting: ["NOTIFY_SOCKET": "/nowhere", "SYSTEMD_EXEC_PID": "1"])
        #expect(foreign.status == 2, foreign.why)
    }
}
