import Glibc
import KeeperShared
import Testing

/// The keeper goes on as another binary, in the same process.
@Suite("Upgrade in place")
struct UpgradeTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Asks for an upgrade and returns the whole answer.
    @discardableResult
    private func upgrade(_ id: String = "a", to path: String? = Executables.keeper) throws -> JSON {
        try UnixClient(box.control(id)).call("upgrade", path.map { ["path": $0] })
    }

    @Test("same process, lock, child and files; the answer, an event and the log tell of it")
    func same() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        try box.ctl("write", "a", "before")
        // The first output opens files that stay open.
        try eventually("the line") { box.journalText("a") == "before\n" }
        try eventually("its index") { box.exists("a.d/stdout.00000000000000000000.idx") }
        let descriptors = Proc.descriptors(keeper)
        let instance = try box.status("a")["instance"]?.string
        for _ in 0..<3 { #expect(try upgrade()["result"]?["version"]?.string == "\(keeperVersion)") }
        #expect(try upgrade(to: nil)["result"]?["version"]?.string == "\(keeperVersion)")
        #expect(try box.keeperPID("a") == keeper && box.childPID("a") == child)
        #expect(isLocked(box.path("a.rpc.sock.pid")))
        #expect(try box.status("a")["instance"]?.string == instance)
        try box.ctl("write", "a", "after")
        try eventually("both lines") { box.journalText("a") == "before\nafter\n" }
        #expect(try box.eventNames("a").filter { $0 == "upgraded" }.count == 4)
        #expect(box.log("a").contains("upgraded from"))
        try eventually("as many descriptors as before") { Proc.descriptors(keeper) == descriptors }
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.sidecars("a") == [])
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
    }

    @Test("100,000 lines there and back with 50 upgrades meanwhile: all there, once, in order")
    func underLoad() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let count = 100_000
        let writer = try box.startCtl("write", "a")
        // Paced by what has come back, so that the upgrades are spread over all of it.
        var sent = 0
        func feed(upTo end: Int) throws {
            var lines: [UInt8] = []
            for number in sent..<end { lines += Array("line \(number)\n".utf8) }
            sent = end
            #expect(writer.write(lines))
        }
        for round in 1...50 {
            try feed(upTo: round * count / 50)
            let answer: JSON
            switch round {
            case 20: answer = try upgrade(to: "/bin/true")
            case 35: answer = try upgrade(to: "/bin/cat")
            default: answer = try upgrade()
            }
            if round == 20 || round == 35 {
                #expect(answer["error"]?["code"]?.int == 5, "\(answer)")
            } else {
                #expect(answer["result"]?["version"]?.string == "\(keeperVersion)", "\(answer)")
            }
        }
        writer.closeInput()
        #expect(try writer.wait() == .exited(0))
        var wanted: [UInt8] = []
        for number in 0..<count { wanted += Array("line \(number)\n".utf8) }
        try eventually("all of it") { box.journal("a").count >= wanted.count }
        #expect(box.journal("a") == wanted)
        #expect(try box.eventNames("a").filter { $0 == "upgraded" }.count == 48)
    }

    @Test("a terminal crosses over with its size, its modes and those who type at it")
    func terminal() throws {
        try box.spawn(
            "--tty", "--size", "100x30", "--wait", "ready", "a", "--", "sh", "-c",
            "stty -echo; echo up; while read x; do echo got $x; stty size; done")
        try eventually("sh") { box.journalText("a") == "up\r\n" }
        let typist = try UnixClient(box.control("a"))
        #expect(try typist.call("input")["result"] != nil)
        try typist.send("half")
        #expect(try UnixClient(box.control("a")).call("resize", ["cols": 90, "rows": 20])["result"] != nil)
        for _ in 0..<2 { #expect(try upgrade()["result"] != nil) }
        try typist.send(" a line\n")
        try eventually("the line") { box.journalText("a") == "up\r\ngot half a line\r\n20 90\r\n" }
        #expect(try UnixClient(box.control("a")).call("resize", ["cols": 80, "rows": 24])["result"] != nil)
        #expect(try box.ctl("write", "a", "another").status == 0)
        try eventually("the next") { box.journalText("a").hasSuffix("got another\r\n24 80\r\n") }
        #expect(try box.ctl("eof", "a").status == 0)
        #expect(try box.ctl("wait", "a").out == "a 0\n")
    }

    @Test("queued lines, half lines and held bytes cross over; a receipt comes once")
    func queues() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.stopChild("a")
        let filler = try UnixClient(box.socket("a"))
        let line = String(repeating: "x", count: 999) + "\n"
        // More than the pipe and one buffer take.
        let sending = try box.startCtl("write", "a")
        for _ in 0..<250 { sending.write(line) }
        sending.closeInput()
        try filler.send("half")
        let waiting = try UnixClient(box.socket("a"))
        try waiting.send("whole\n")
        waiting.halfClose()
        #expect(try upgrade()["result"] != nil)
        try filler.send(" and half\n")
        #expect(try upgrade()["result"] != nil)
        try box.resumeChild("a")
        #expect(try sending.wait() == .exited(0))
        #expect(try waiting.readToEnd().isReceipt)
        filler.halfClose()
        #expect(try filler.readToEnd().isReceipt)
        let wanted = 250 * line.utf8.count + "whole\n".utf8.count + "half and half\n".utf8.count
        try eventually("all of it") { box.journal("a").count == wanted }
        let lines = box.journalText("a").split(separator: "\n")
        #expect(lines.filter { $0 == "half and half" }.count == 1)
        #expect(lines.filter { $0 == "whole" }.count == 1)
        #expect(lines.filter { $0.utf8.count == 999 }.count == 250)
    }

    @Test("a request of the control socket that comes in the same write, or half of one, is answered")
    func control() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let client = try UnixClient(box.control("a"))
        try client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"upgrade\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n{\"jsonrpc\":\"2.0\",\"id\":3,"
        )
        let answers = try (0..<2).map { _ in try JSON(parsing: try client.readLine()) }
        #expect(Set(answers.compactMap { $0["id"]?.int }) == [1, 2])
        try client.send("\"method\":\"status\"}\n")
        #expect(try JSON(parsing: try client.readLine())["result"]?["state"]?.string == "running")
    }

    @Test("a session that is starting, paused or away goes on so")
    func states() throws {
        try box.spawn(
            "--ready", "output:go", "a", "--", "sh", "-c", "read x; echo g; read x; echo o; exec cat")
        #expect(try upgrade()["result"] != nil)
        #expect(box.state("a") == "starting")
        try box.ctl("write", "a", "1")
        #expect(try upgrade()["result"] != nil)
        try box.ctl("write", "a", "2", "go")
        try eventually("ready") { box.state("a") == "running" }
        #expect(try UnixClient(box.control("a")).call("pause")["result"]?["state"]?.string == "paused")
        #expect(try upgrade()["result"] != nil)
        #expect(box.state("a") == "paused")
        #expect(try UnixClient(box.control("a")).call("resume")["result"]?["state"]?.string == "running")

        try box.spawn("--restart", "always", "--wait", "ready", "b", "--", "sh", "-c", "read x; exit 3")
        try box.ctl("write", "b", "x")
        try eventually("away") { box.state("b") == "backoff" }
        #expect(try upgrade("b")["result"] != nil)
        try eventually("again") { box.state("b") == "running" }
        #expect(try box.status("b")["child"]?["restarts"]?.int == 1)
        #expect(try box.ctl("kill", "--all").status == 0)
    }

    @Test(
        "a bad binary leaves the old keeper running and says why",
        arguments: [
            ("/bin/true", "exit 0"), ("/no/such/file", "No such file"), ("/etc/passwd", "Permission denied"),
            ("/bin/cat", "unrecognized option"), ("SCRIPT", "Exec format error"), ("HANG", "did not answer"),
            ("FIFO", "Permission denied"),
        ])
    func bad(path: String, why: String) throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        var path = path
        if path == "SCRIPT" {
            path = box.root + "/script"
            try writeFile(path, "echo keeper can take over\n".utf8, mode: 0o755)
        }
        if path == "HANG" {
            path = box.root + "/hang"
            try writeFile(path, "#!/bin/sh\nexec sleep 1000\n".utf8, mode: 0o755)
        }
        if path == "FIFO" {
            path = box.root + "/fifo"
            #expect(mkfifo(path, 0o600) == 0)
        }
        let answer = try upgrade(to: path)
        #expect(answer["error"]?["message"]?.string?.contains(why) == true, "\(answer)")
        try box.ctl("write", "a", "still here")
        try eventually("the line") { box.journalText("a") == "still here\n" }
        #expect(try box.eventNames("a").contains("upgraded") == false)
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        try eventually("no helper to be left") { Proc.children(keeper) == [child] }
    }

    /// Asks for an upgrade to something that does not answer; returns once its helper runs.
    private func upgradeToHanging() throws -> (client: UnixClient, helper: Int) {
        let path = box.root + "/hang"
        try writeFile(path, "#!/bin/sh\nexec sleep 1000\n".utf8, mode: 0o755)
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        let client = try UnixClient(box.control("a"))
        try client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"upgrade\",\"params\":{\"path\":\"\(path)\"}}\n")
        let helper = try eventual("the helper") { Proc.children(keeper).first { $0 != child } }
        return (client, helper)
    }

    @Test("while the helper of an upgrade hung, for three seconds, no line passed and no call was answered")
    func hanging() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let (client, helper) = try upgradeToHanging()
        #expect(try UnixClient(box.socket("a")).deliver("line\n").isReceipt)
        #expect(try box.call("a", "status")["result"] != nil)
        try eventually("the line") { box.journalText("a") == "line\n" }
        #expect(try upgrade()["error"]?["message"]?.string?.contains("under way") == true)
        #expect(!client.isReadable)
        let answer = try JSON(parsing: try client.readLine())
        #expect(answer["error"]?["message"]?.string?.contains("did not answer in 3s") == true, "\(answer)")
        try eventually("no helper") { !Proc.alive(helper) }
        #expect(try upgrade()["result"] != nil)
    }

    @Test("a session that ends while a helper hangs does not wait for it")
    func endsWhileHanging() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let (client, helper) = try upgradeToHanging()
        #expect(try box.ctl("eof", "a").status == 0)
        let answer = try JSON(parsing: try client.readLine())
        #expect(answer["error"]?["data"]?["state"]?.string != nil, "\(answer)")
        #expect(try box.ctl("wait", "a").out == "a 0\n")
        try eventually("no helper") { !Proc.alive(helper) }
        #expect(!box.log("a").contains("left behind"))
    }

    @Test("a relative path and a session that is stopping are refused")
    func refused() throws {
        try box.spawn(
            "--wait", "ready", "a", "--", "sh", "-c", "trap '' TERM; while :; do read x || sleep 1; done")
        #expect(try upgrade(to: "keeper")["error"]?["code"]?.int == -32602)
        let stopping = try UnixClient(box.control("a"))
        try stopping.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\",\"params\":{\"steps\":\"eof:60s\"}}\n")
        try eventually("stopping") { box.state("a") == "stopping" }
        let answer = try upgrade()
        #expect(answer["error"]?["data"]?["state"]?.string == "stopping", "\(answer)")
        #expect(try box.ctl("kill", "--now", "a").status == 0)
    }

    @Test("no key is forgotten: a line that was delivered before is not delivered again")
    func keys() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        func write() throws -> JSON {
            try UnixClient(box.control("a")).call("write", ["line": "once", "key": "k1"])
        }
        #expect(try write()["result"]?["duplicate"]?.bool == false)
        #expect(try upgrade()["result"] != nil)
        #expect(try write()["result"]?["duplicate"]?.bool == true)
        try box.ctl("write", "a", "end")
        try eventually("the end") { box.journalText("a").hasSuffix("end\n") }
        #expect(box.journalText("a") == "once\nend\n")
    }
}

/// The same, where only a debug executable can be made to fail in the right place.
@Suite(
    "Upgrade in place: failing after the check", requiresFaults())
struct UpgradeFaultTests {
    @Test("a binary that fails to take over executes the old one back")
    func back() throws {
        let box = try Sandbox()
        box.environment.merge(box.faults("takeOver:forth:1:0:5")) { $1 }
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let keeper = try box.keeperPID("a")
        try box.ctl("write", "a", "before")
        let partial = try UnixClient(box.socket("a"))
        try partial.send("half")
        let answer = try UnixClient(box.control("a")).call("upgrade", ["path": Executables.keeper])
        #expect(answer["error"]?["message"]?.string?.contains("failed to take over") == true, "\(answer)")
        try partial.send(" line\n")
        partial.halfClose()
        #expect(try partial.readToEnd().isReceipt)
        try eventually("all lines") { box.journalText("a") == "before\nhalf line\n" }
        #expect(try box.keeperPID("a") == keeper)
        #expect(box.log("a").contains("not upgraded"))
        #expect(try box.ctl("kill", "a").status == 0)
    }
}

@Suite("keeperctl upgrade")
struct UpgradeCommandTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("--all, by default to the keeper beside keeperctl; one line for each")
    func all() throws {
        for id in ["a", "b"] { try box.spawn("--wait", "ready", id, "--", "cat") }
        let outcome = try box.ctl("upgrade", "--all")
        #expect(outcome.status == 0, outcome.why)
        #expect(outcome.out == "a \(keeperVersion)\nb \(keeperVersion)\n")
        #expect(try box.eventNames("a").last == "upgraded")
        try box.ctl("kill", "--all")
        #expect(try box.ctl("upgrade", "--all").status == 0)
    }

    @Test("what can't be done is one line that says what and why; others are upgraded nevertheless")
    func errors() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let missing = try box.ctl("upgrade", "a", "--path", "no/such/keeper")
        #expect(missing.status == 1, missing.why)
        #expect(
            missing.err.contains("\(box.root)/no/such/keeper") && missing.err.contains("--path"), missing.why)
        let refused = try box.ctl("upgrade", "a", "--path", "/bin/true")
        #expect(refused.status == 1 && refused.err.contains("can't take over"), refused.why)
        let unknown = try box.ctl("upgrade", "nobody", "a")
        #expect(unknown.status == 3 && unknown.out == "a \(keeperVersion)\n", unknown.why)
    }
}
