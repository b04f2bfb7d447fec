import Glibc
import Testing

@Suite("Input: a child that does not read")
struct BlockedInputTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A `cat` whose stdin is full; the client that filled it waits for its receipt.
    private func blocked(_ id: String) throws -> UnixClient {
        try box.spawn("--wait", "ready", id, "--", "cat")
        let filler = try box.blockChild(id)
        filler.halfClose()
        return filler
    }

    @Test("no receipt before the child's pipe has everything; then all of it in order")
    func waits() throws {
        let filler = try blocked("a")
        let second = try UnixClient(box.socket("a"))
        try second.send("second\n")
        second.halfClose()
        #expect(try UnixClient(box.control("a")).call("status")["result"] != nil)
        #expect(!filler.isReadable && !second.isReadable)
        try box.resumeChild("a")
        #expect(try filler.readToEnd().isReceipt)
        #expect(try second.readToEnd().isReceipt)
        try eventually("everything") { box.journal("a").count == 120_001 + 7 }
        #expect(box.journalText("a").hasSuffix("f\nsecond\n"))
    }

    @Test(
        "a keeper that is killed does not look like success: reset on the wire, exit 6",
        arguments: ["last\n", "last"])
    func killed(line: String) throws {
        let filler = try blocked("a")
        let keeper = try box.keeperPID("a")
        let raw = try UnixClient(box.socket("a"))
        try raw.send(line)
        raw.halfClose()
        let control = try UnixClient(box.control("a"))
        for _ in 0..<2 { #expect(try control.call("status")["result"] != nil) }
        let before = Proc.descriptors(keeper)
        let writer = try box.startCtl("write", "a")
        writer.write(line)
        writer.closeInput()
        // One connection more, and its client sleeps: it has sent all that it has.
        try eventually("the writer to be connected and waiting") {
            Proc.descriptors(keeper) == before + 1 && Proc.state(Int(writer.pid)) == "S"
        }
        for _ in 0..<2 { #expect(try control.call("status")["result"] != nil) }
        kill(pid_t(keeper), SIGKILL)
        #expect(try writer.wait() == .exited(6), "\(writer.errorText)")
        if case .eof = try raw.readToEnd() { Issue.record("a receipt for a line that was lost") }
        if case .eof = try filler.readToEnd() { Issue.record("a receipt for a line that was torn") }
        try box.resumeChild("a")
        try box.ctl("discover")
    }

    @Test("--timeout ends the wait for a receipt, --no-receipt does not wait")
    func impatient() throws {
        _ = try blocked("a")
        let timed = try box.ctl("write", "--timeout", "300ms", "a", "x")
        #expect(timed.status == 4, timed.why)
        let blind = try box.ctl("write", "--no-receipt", "a", "y")
        #expect(blind.status == 0, blind.why)
        try box.resumeChild("a")
        try eventually("the line without receipt") { box.journalText("a").hasSuffix("\ny\n") }
    }

    @Test("a client that vanishes while stdin is full: its complete lines arrive, its partial line does not")
    func vanished() throws {
        let filler = try blocked("a")
        let gone = try UnixClient(box.socket("a"))
        try gone.send("whole\npart")
        gone.hangUp()
        try box.resumeChild("a")
        #expect(try filler.readToEnd().isReceipt)
        try eventually("the complete line") { box.journalText("a").hasSuffix("f\nwhole\n") }
        #expect(try UnixClient(box.socket("a")).deliver("end\n").isReceipt)
        try eventually("the end") { box.journalText("a").hasSuffix("f\nwhole\nend\n") }
    }

    @Test("a child that closed its stdin: an error line, and write fails")
    func closedByChild() throws {
        try box.spawn("a", "--", "sh", "-c", "exec 0<&-; echo closed; exec sleep 1000")
        try eventually("the child to close its stdin") { box.journalText("a") == "closed\n" }
        let answer = try UnixClient(box.socket("a")).deliver("line\n")
        let error = try #require(try JSON(parsing: answer.bytes)["error"])
        #expect(error["delivered"]?.int == 0)
        #expect(error["message"]?.string?.isEmpty == false)
        #expect(error["code"] != nil)
        let write = try box.ctl("write", "a", "line")
        #expect(write.status == 1, write.why)
        #expect(write.err.hasPrefix("keeperctl: "), write.why)
    }

    @Test("waiting connections get an error line when the keeper is told to end")
    func ended() throws {
        try box.spawn("--wait", "ready", "a", "--", "sleep", "1000")
        let waiting = try UnixClient(box.socket("a"))
        try waiting.send("good\n")
        try waiting.send([UInt8](repeating: 120, count: 150_000) + [10])
        waiting.halfClose()
        try box.awaitFullInput("a")
        kill(pid_t(try box.keeperPID("a")), SIGTERM)
        let answer = try waiting.readToEnd()
        #expect(
            try JSON(parsing: answer.bytes.filter { $0 != 10 })["error"]?["delivered"]?.int == 1, "\(answer)")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
    }

    @Test("write to a session that has ended is exit 3")
    func noSession() throws {
        try box.spawn("a", "--", "cat")
        try box.ctl("kill", "a")
        let outcome = try box.ctl("write", "a", "x")
        #expect(outcome.status == 3, outcome.why)
    }

    @Test("eof: queued lines get through first, then the child sees the end of its stdin")
    func endOfFile() throws {
        try box.spawn("a", "--", "sh", "-c", "cat; echo end")
        let sender = try UnixClient(box.socket("a"))
        try sender.send(String(repeating: "line\n", count: 20_000))
        sender.halfClose()
        #expect(try sender.readToEnd().isReceipt)
        let outcome = try box.ctl("eof", "a")
        #expect(outcome.status == 0, outcome.why)
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        #expect(box.journalText("a") == String(repeating: "line\n", count: 20_000) + "end\n")
    }
}
