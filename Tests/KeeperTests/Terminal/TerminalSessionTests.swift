import Glibc
import Testing

@Suite("Sessions with a terminal")
struct TerminalSessionTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func control(_ id: String) throws -> UnixClient { try UnixClient(box.control(id)) }

    @Test("the child has a terminal of its own, in the size that was asked for; both outputs are one")
    func terminal() throws {
        try box.spawn(
            "--tty", "--size", "100x30", "a", "--", "sh", "-c",
            "tty; stty size; echo problem >&2; ps -o tpgid= -p $$; echo $$; echo $TERM"
        )
        try eventually("the end") { box.state("a") == "exited" }
        let lines = box.journalText("a").split(separator: "\r\n").map { $0.filter { $0 != " " } }
        #expect(lines.count == 6, "\(lines)")
        #expect(lines[0].hasPrefix("/dev/pts/"))
        #expect(Array(lines[1...2]) == ["30100", "problem"])
        #expect(lines[3] == lines[4], "the child leads the terminal's foreground group")
        #expect(lines[5] == "xterm")
        #expect(try box.status("a")["tty"]?.bool == true)
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
    }

    @Test("lines go in as typed, and eof ends what reads to the end")
    func lines() throws {
        try box.spawn("--tty", "a", "--", "cat")
        #expect(try box.ctl("write", "a", "one", "two").status == 0)
        // Each is echoed by the terminal and then written by cat.
        try eventually("both") { box.journalText("a").filter { $0 == "\r\n" }.count == 4 }
        #expect(try box.ctl("eof", "a").status == 0)
        #expect(try box.ctl("wait", "a").out == "a 0\n")
    }

    @Test("eof after an unfinished line hands that over and then ends the input")
    func pendingLine() throws {
        try box.spawn("--tty", "a", "--", "cat")
        #expect(try box.ctl("send-keys", "a", "half a line").status == 0)
        #expect(try box.ctl("eof", "a").status == 0)
        #expect(try box.ctl("wait", "a").out == "a 0\n")
        #expect(box.journalText("a") == "half a linehalf a line")
    }

    @Test("a line that the terminal would cut is refused as a whole, those before it are delivered")
    func longLine() throws {
        try box.spawn("--tty", "a", "--", "sh", "-c", "stty -echo; echo up; exec cat")
        try eventually("sh") { box.journalText("a") == "up\r\n" }
        let fits = String(repeating: "x", count: 4095)
        #expect(try box.ctl("write", "a", fits).status == 0)
        let outcome = try box.ctl("write", "a", "short", fits + "y", "later")
        #expect(outcome.status == 1)
        #expect(outcome.err.contains("too_long") && outcome.err.contains("1 line was delivered"), outcome.why)
        try eventually("what was delivered") { box.journalText("a") == "up\r\n\(fits)\r\nshort\r\n" }
        let received = try UnixClient(box.socket("a")).deliver(fits + "z\n")
        #expect(try JSON(parsing: received.bytes)["error"]?["code"]?.int == 2)
    }

    @Test("a program that reads byte by byte takes lines of any length")
    func rawLongLine() throws {
        try box.spawn(
            "--tty", "a", "--", "sh", "-c", "stty raw -echo; echo up; head -c 20001 | wc -c")
        try eventually("sh") { box.journalText("a").hasPrefix("up\n") }
        #expect(try box.ctl("write", "a", String(repeating: "x", count: 20_000)).status == 0)
        try eventually("all of it") { box.journalText("a").contains("20001") }
    }

    @Test("resize changes the size at once and for the next child; a session without a terminal says no")
    func resize() throws {
        try box.spawn(
            "--tty", "--wait", "ready", "a", "--", "sh", "-c",
            "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done")
        try eventually("the first size") { box.journalText("a") == "24 80\r\n" }
        #expect(try box.ctl("resize", "a", "132x50").status == 0)
        try eventually("the new size") { box.journalText("a") == "24 80\r\n50 132\r\n" }
        let answer = try control("a").call("restart")
        #expect(answer["result"] != nil, "\(answer)")
        try eventually("the kept size") { box.journalText("a").hasSuffix("\r\n50 132\r\n50 132\r\n") }
        try box.spawn("p", "--", "cat")
        #expect(try control("p").call("resize", ["cols": 80, "rows": 24])["error"]?["code"]?.int == 4)
        #expect(try control("p").call("input")["error"]?["code"]?.int == 4)
        #expect(try box.ctl("resize", "p", "80x24").status == 1)
        #expect(try control("a").call("resize", ["cols": 0, "rows": 24])["error"]?["code"]?.int == -32602)
        #expect(try box.ctl("resize", "a", "80").status == 2)
    }

    @Test("a size that was changed is that of the next child after an upgrade too") func sizeAfterUpgrade()
        throws
    {
        try box.spawn("--size", "80x24", "--wait", "ready", "a", "--", "sh", "-c", "stty size; exec cat")
        #expect(try box.ctl("resize", "a", "132x50").status == 0)
        #expect(try control("a").call("upgrade", ["path": Executables.keeper])["result"] != nil)
        #expect(try control("a").call("restart")["result"] != nil)
        try eventually("the kept size") { box.journalText("a").hasSuffix("50 132\r\n") }
        #expect(try box.status("a")["terminal"]?["rows"]?.int == 50)
    }

    @Test("input is a raw stream: control characters are keys, and what came with the request is not lost")
    func input() throws {
        try box.spawn("--tty", "--wait", "ready", "a", "--", "bash", "--norc", "-i")
        let client = try control("a")
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"input\"}\nsleep 100\r")
        #expect(try JSON(parsing: try client.readLine())["result"]?.keys == [])
        try eventually("sleep") {
            Proc.children(try box.childPID("a")).contains { Proc.arguments($0).first == "sleep" }
        }
        try client.send([3])
        try client.send("echo $((6*7))\r")
        try eventually("the answer") {
            box.journalText("a").contains("\r\n42\r\n") || box.journalText("a").contains("\r42\r\n")
        }
        #expect(box.journalText("a").contains("^C"))
        client.halfClose()
        #expect(try client.readToEnd() == .eof([]))
        #expect(try control("a").call("status")["result"]?["state"]?.string == "running")
    }

    @Test("a stream of typing and lines of writers don't mix within a line")
    func mixing() throws {
        try box.spawn("--tty", "a", "--", "sh", "-c", "stty -echo; echo up; exec cat")
        try eventually("sh") { box.journalText("a") == "up\r\n" }
        let typist = try control("a")
        try typist.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"input\"}\n")
        _ = try typist.readLine()
        for number in 0..<200 {
            try typist.send("t\(number)\n")
            #expect(try UnixClient(box.socket("a")).deliver("w\(number)\n").isReceipt)
        }
        let wanted = Set((0..<200).flatMap { ["t\($0)", "w\($0)"] })
        try eventually("all lines") {
            Set(box.journalText("a").split(separator: "\r\n").map { String($0) }).subtracting(["up"])
                == wanted
        }
    }

    @Test("it ends by HUP, TERM, KILL: bash at its prompt by the first, what ignores both by the last")
    func stopSteps() throws {
        try box.spawn("--tty", "--wait", "ready", "a", "--", "bash", "--norc", "-i")
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try box.status("a")["exit"]?["signal"]?.string == "HUP")
        let signals = try box.events("a").compactMap {
            $0["event"]?.string == "signalled" ? $0["signal"]?.string : nil
        }
        #expect(signals == ["HUP"])
        try box.spawn(
            "--tty", "--wait", "ready", "b", "--", "sh", "-c",
            "trap 'echo hup' HUP; trap 'echo term' TERM; echo up; while :; do sleep 0.02; done")
        try eventually("the traps") { box.journalText("b") == "up\r\n" }
        #expect(try box.ctl("kill", "--grace", "2s", "b").status == 0)
        let said = box.journalText("b").split(separator: "\r\n").filter { $0 == "hup" || $0 == "term" }
        #expect(said == ["hup", "term"])
        #expect(try box.status("b")["exit"]?["signal"]?.string == "KILL")
        try box.spawn("--tty", "--stop-steps", "eof:10s,KILL:2s", "--wait", "ready", "c", "--", "cat")
        #expect(try box.ctl("kill", "c").status == 0)
        #expect(try box.status("c")["exit"]?["code"]?.int == 0)
    }

    @Test("a child may close its terminal and open it again, and isn't hung up meanwhile")
    func reopens() throws {
        try box.spawn(
            "--tty", "a", "--", "bash", "--norc", "-c",
            "exec 0<&- 1>&- 2>&-; sleep 0.2; exec </dev/tty >/dev/tty; stty -echo; echo up; read x; echo got $x"
        )
        try eventually("it to be back") { box.journalText("a") == "up\r\n" }
        #expect(try box.ctl("write", "a", "line").status == 0)
        #expect(try box.ctl("wait", "a").out == "a 0\n")
        #expect(box.journalText("a") == "up\r\ngot line\r\n")
    }

    @Test("a shell whose keeper is killed is hung up")
    func keeperDies() throws {
        try box.spawn("--tty", "--wait", "ready", "a", "--", "bash", "--norc", "-i")
        let child = try box.childPID("a")
        kill(pid_t(try box.keeperPID("a")), SIGKILL)
        try eventually("the shell's end") { !Proc.alive(child) }
        #expect(try box.ctl("discover").status == 0)
        #expect(box.state("a") == "lost")
    }

    @Test("the next child has a fresh terminal, and writers wait in between")
    func restart() throws {
        try box.spawn(
            "--tty", "--restart", "always", "--wait", "ready", "a", "--", "sh", "-c",
            "stty raw -echo; echo up; read x; echo got \"$x\"")
        let first = try box.childPID("a")
        try eventually("its start") { box.journalText("a").contains("up") }
        kill(pid_t(first), SIGKILL)
        try eventually("the end of the first") { !Proc.alive(first) }
        #expect(try box.ctl("write", "a", "later").status == 0)
        try eventually("the second to get it") { box.journalText("a").contains("got later") }
        let said = box.journalText("a").split { $0.isNewline }.filter { $0 != "later" }
        #expect(said.prefix(3) == ["up", "up", "got later"])
    }

    @Test("what makes no sense is refused, with the way out")
    func refusals() throws {
        let silent = try box.ctl("spawn", "--tty", "--no-journal", "a", "--", "cat")
        #expect(silent.status == 2 && silent.err.contains("--no-journal"), silent.why)
        let size = try box.ctl("spawn", "--size", "80", "a", "--", "cat")
        #expect(size.status == 2 && size.err.contains("80x24"), size.why)
        let dropIn = try box.run([Executables.keeper, "--tty", "a"])
        #expect(dropIn.status == 2 && dropIn.err.contains("COMMAND"), dropIn.why)
        #expect(directoryEntries(box.sessions).allSatisfy { $0 == ".lock" })
    }

    @Test("run -t without a terminal around it: lines in, the terminal's output out, the command's status")
    func runWithout() throws {
        let outcome = try box.ctl(
            "run", "-t", "--", "sh", "-c",
            "test -t 0 && test -t 1 && stty -echo && read x && echo got $x; exit 7",
            input: [UInt8]("line\n".utf8))
        #expect(outcome.status == 7, outcome.why)
        #expect(outcome.out.contains("got line\r\n"), outcome.why)
    }
}
