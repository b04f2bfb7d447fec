import Glibc
import Testing

/// Input while one child is gone and the next has not come.
@Suite("Input across restarts")
struct AwayInputTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Each child writes what it reads into a file of its own.
    private func spawnReaders(_ id: String, policy: String = "always", first: String) throws {
        try box.supervise(
            id, ["--restart", policy, "--wait", "ready", "--ready", "output"],
            box.counting(
                "echo up $run; case $run in 1) \(first);; *) exec cat > '\(box.root)/got.'$run;; esac"))
    }

    /// Readers that can be kept away: without its file the command can't be started, and the session stays where it is.
    private func spawnKept(_ id: String, first: String) throws {
        let path = box.root + "/command"
        let script = box.counting(
            "echo up; case $run in 1) \(first);; *) exec cat > '\(box.root)/got.'$run;; esac")
        try writeFile(path, "#!/bin/sh\n\(script[2])\n".utf8, mode: 0o755)
        try box.supervise(id, ["--restart", "always", "--wait", "ready", "--ready", "output"], [path])
        rename(path, path + ".away")
    }

    private func bringBack() { rename(box.root + "/command.away", box.root + "/command") }

    private func received(_ run: Int) -> String {
        String(decoding: readFile(box.root + "/got.\(run)") ?? [], as: UTF8.self)
    }

    @Test("writers wait while the child is away, and are served in their order by the next")
    func waiting() throws {
        try spawnReaders("a", first: "read x; exit 1")
        #expect(try box.ctl("write", "a", "end").status == 0)
        try box.awaitState("a", "backoff")
        let writer = try box.startCtl("write", "a", "one", "two")
        let client = try UnixClient(box.socket("a"))
        try client.send("three\nhal")
        #expect(!client.isReadable)
        #expect(try writer.wait() == .exited(0))
        try client.send("f\n")
        client.halfClose()
        #expect(try client.readToEnd().isReceipt)
        try eventually("the lines") {
            received(2).split(separator: "\n").sorted() == ["half", "one", "three", "two"]
        }
        let lines = received(2).split(separator: "\n")
        #expect(try #require(lines.firstIndex(of: "one")) < #require(lines.firstIndex(of: "two")))
        #expect(try #require(lines.firstIndex(of: "three")) < #require(lines.firstIndex(of: "half")))
        #expect(try box.ctl("kill", "a").status == 0)
    }

    /// The writer used to be refused when the broken pipe was noticed before the child's end.
    @Test(
        "a line that is half in the pipe is sent again, whole and once; what was never read is counted",
        arguments: 0..<5)
    func halfLine(round: Int) throws {
        try spawnReaders("a", first: "exec sleep 1000")
        let small = (0..<10).map { "small \($0)\n" }.joined()
        let big = "big" + String(repeating: "x", count: 150_000) + "\n"
        let writer = try box.startCtl("write", "a")
        writer.write(small + big + "after\n")
        writer.closeInput()
        let child = try box.childPID("a")
        let fd = open("/proc/\(child)/fd/0", O_RDONLY | O_NONBLOCK)
        // One write has filled it: the last page may not be full.
        let unread = try eventual("the pipe to be full") {
            var count: Int32 = 0
            return ioctl(fd, UInt(FIONREAD), &count) == 0 && count > 60_000 ? Int(count) : nil
        }
        close(fd)
        let other = try UnixClient(box.socket("a"))
        try other.send("other\n")
        other.halfClose()
        kill(pid_t(try box.childPID("a")), SIGKILL)
        #expect(try writer.wait() == .exited(0), "\(writer.errorText)")
        #expect(try other.readToEnd().isReceipt)
        try eventually("all lines") { received(2).utf8.count >= big.utf8.count + "after\nother\n".utf8.count }
        let lines = received(2).split(separator: "\n").map { $0.count > 100 ? "big" : String($0) }
        #expect(lines.filter { $0 != "other" } == ["big", "after"])
        #expect(lines.filter { $0 == "other" }.count == 1)
        #expect(received(2).hasPrefix(big))
        let dropped = try #require(try box.events("a", "dropped").first)
        #expect(dropped["bytes"]?.int == unread)
        #expect(dropped["sentAgain"]?.int == unread - small.utf8.count)
        #expect(dropped["why"]?.string == "unread")
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("no writer is refused and no line doubled or torn, however often the child is killed under it")
    func killedUnderLoad() throws {
        try box.supervise(
            "a", ["--wait", "ready", "--ready", "output", "--stop-steps", "KILL:5s"],
            box.counting("echo up; exec cat >> '\(box.root)/got'"))
        let writer = try box.startCtl("write", "a")
        var sent = 0
        func feed(_ count: Int) {
            var lines: [UInt8] = []
            for _ in 0..<count {
                lines += Array("line \(sent) \(String(repeating: "y", count: sent % 300))\n".utf8)
                sent += 1
            }
            #expect(writer.write(lines))
        }
        for _ in 0..<8 {
            feed(2000)
            #expect(try box.call("a", "restart")["result"] != nil)
            feed(500)
        }
        writer.closeInput()
        #expect(try writer.wait() == .exited(0), "\(writer.errorText)")
        try box.ctl("eof", "a")
        try box.awaitEnd("a")
        let lines = String(decoding: readFile(box.root + "/got") ?? [], as: UTF8.self).split(separator: "\n")
        var before = -1
        for line in lines {
            let words = line.split(separator: " ")
            // What a child had got of its last line when it was killed is torn, and the line comes again.
            guard words.count >= 2, words[0] == "line", let number = Int(words[1]) else { continue }
            let isWhole = (words.count == 3 ? words[2].count : 0) == number % 300
            if isWhole {
                #expect(number > before, "doubled or out of order: \(number) after \(before)")
                before = number
            }
        }
        #expect(before == sent - 1)
        try box.transitions("a")
    }

    @Test("a stdin that was closed by request stays closed for the child that follows a failed one")
    func closedAndFailed() throws {
        try spawnReaders("a", policy: "on-failure", first: "sleep 1000 <&- & cat > /dev/null; kill -9 -$$")
        #expect(try box.ctl("eof", "a").status == 0)
        // The second child finds its stdin closed and ends well.
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        #expect(box.restarts("a") == 1)
        #expect(box.journalText("a") == "up 1\nup 2\n")
    }

    @Test("a writer of a session whose stdin stays closed is refused once the next child runs")
    func refusedLater() throws {
        try box.supervise(
            "a", ["--restart", "on-failure", "--wait", "ready", "--ready", "output"],
            box.counting("echo up; cat; [ $run = 1 ] && exit 1; exec sleep 1000"))
        #expect(try box.ctl("eof", "a").status == 0)
        try box.awaitState("a", "backoff")
        let received = try UnixClient(box.socket("a")).deliver("late\n")
        #expect(received.text.contains("the child's stdin was closed"))
        #expect(try box.ctl("kill", "--now", "a").status == 0)
    }

    @Test("it is open again after exit 0, and after an explicit restart of any kind")
    func openAgain() throws {
        try box.supervise(
            "a", ["--restart", "always", "--wait", "ready", "--ready", "output"],
            box.counting("echo up $run; cat; [ $run = 2 ] && exit 1; exit 0"))
        #expect(try box.ctl("eof", "a").status == 0)
        try eventually("the second child") { box.restarts("a") == 1 && box.state("a") == "running" }
        #expect(try box.ctl("write", "a", "after exit 0").status == 0)
        // Fails with its stdin closed; asked for while it is away, the third child still has an open one.
        #expect(try box.ctl("eof", "a").status == 0)
        try box.awaitState("a", "backoff")
        #expect(try box.call("a", "restart")["result"] != nil)
        #expect(try box.ctl("write", "a", "after a restart").status == 0)
        try eventually("the line") { box.journalText("a").hasSuffix("after a restart\n") }
        // Closed, and restarted while the child still runs.
        try box.stopChild("a")
        #expect(try box.ctl("eof", "a").status == 0)
        kill(pid_t(try box.childPID("a")), SIGKILL)
        try box.awaitState("a", "backoff")
        #expect(try box.call("a", "restart")["result"] != nil)
        #expect(try box.ctl("write", "a", "once more").status == 0)
        try eventually("the line") { box.journalText("a").hasSuffix("once more\n") }
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("eof while the child is away closes the next one's stdin after the lines that wait")
    func eofWhileAway() throws {
        try spawnReaders("a", policy: "on-failure", first: "read x; exit 1")
        #expect(try box.ctl("write", "a", "end").status == 0)
        try box.awaitState("a", "backoff")
        let writer = try UnixClient(box.socket("a"))
        try writer.send("queued\n")
        writer.halfClose()
        #expect(try box.ctl("eof", "a").status == 0)
        #expect(try writer.readToEnd().isReceipt)
        try box.awaitEnd("a")
        #expect(received(2) == "queued\n")
        #expect(box.state("a") == "exited")
    }

    /// They used to vanish without a word when stdin had been closed before.
    @Test("bytes that a child left unread in a closed stdin are counted as well")
    func unreadBehindEnd() throws {
        try spawnReaders("a", policy: "on-failure", first: "exec sleep 1000")
        #expect(try box.ctl("write", "a", "12345", "678").status == 0)
        #expect(try box.ctl("eof", "a").status == 0)
        kill(pid_t(try box.childPID("a")), SIGKILL)
        try eventually("the count") { try box.events("a", "dropped").first?["bytes"]?.int == 10 }
        try box.awaitEnd("a")
    }

    /// It used to be forgotten.
    @Test("eof of a stdin that the child has closed itself holds for the child that follows")
    func closedByChild() throws {
        try spawnReaders("a", policy: "on-failure", first: "exec <&-; exec sleep 1000")
        try eventually("a refusal") { try !UnixClient(box.socket("a")).deliver("x\n").isReceipt }
        #expect(try box.ctl("eof", "a").status == 0)
        kill(pid_t(try box.childPID("a")), SIGKILL)
        try box.awaitEnd("a")
        #expect(box.restarts("a") == 1)
        #expect(received(2) == "")
    }

    /// It used to wait for the next child.
    @Test("a writer whose lines are all delivered gets its receipt though the child is gone, or paused")
    func receiptWhileAway() throws {
        try spawnKept("a", first: "read x; read y; exit 1")
        let early = try UnixClient(box.socket("a"))
        try early.send("x\n")
        #expect(try box.ctl("write", "a", "y").status == 0)
        try box.awaitState("a", "backoff")
        #expect(!early.isReadable)
        early.halfClose()
        let empty = try UnixClient(box.socket("a"))
        empty.halfClose()
        #expect(try early.readToEnd().isReceipt)
        #expect(try empty.readToEnd().isReceipt)
        #expect(try box.stateNow("a") == "backoff")
        bringBack()
        #expect(try box.call("a", "restart")["result"] != nil)
        try box.awaitState("a", "running")
        let again = try UnixClient(box.socket("a"))
        try again.send("z\n")
        try eventually("the line") { received(2) == "z\n" }
        #expect(try box.call("a", "pause")["result"] != nil)
        again.halfClose()
        #expect(try again.readToEnd().isReceipt)
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("a stop while the child is away refuses those who wait")
    func stoppedWhileAway() throws {
        try spawnKept("a", first: "read x; exit 1")
        #expect(try box.ctl("write", "a", "end").status == 0)
        try box.awaitState("a", "backoff")
        let client = try UnixClient(box.socket("a"))
        try client.send("never\n")
        client.halfClose()
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try client.readToEnd().text.contains("child_away"))
        #expect(box.state("a") == "exited")
    }
}
