import Glibc
import Testing

@Suite("Input: a child that does not read")
struct BlockedInputTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Bytes that wait in the child's stdin pipe.
    private func fill(_ id: String) throws -> Int {
        let descriptor = open("/proc/\(try box.childPID(id))/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw CallFailed("open stdin of \(id)") }
        defer { close(descriptor) }
        var count: Int32 = 0
        guard ioctl(descriptor, UInt(FIONREAD), &count) == 0 else { throw CallFailed("FIONREAD") }
        return Int(count)
    }

    /// A stopped `cat` whose stdin is full; the client that filled it waits for its receipt.
    private func blocked(_ id: String) throws -> UnixClient {
        try box.spawn("--wait", "ready", id, "--", "cat")
        kill(pid_t(try box.childPID(id)), SIGSTOP)
        try eventually("the child to stop") { Proc.state(try box.childPID(id)) == "T" }
        let filler = try UnixClient(box.socket(id))
        try filler.send([UInt8](repeating: 102, count: 120_000) + [10])
        filler.halfClose()
        try eventually("a full pipe") { try fill(id) >= 61_440 }
        return filler
    }

    private func resume(_ id: String) throws { kill(pid_t(try box.childPID(id)), SIGCONT) }

    @Test("no receipt before the child's pipe has everything; then all of it in order")
    func waits() throws {
        let filler = try blocked("a")
        let second = try UnixClient(box.socket("a"))
        try second.send("second\n")
        second.halfClose()
        #expect(try UnixClient(box.control("a")).call("status")["result"] != nil)
        #expect(!filler.isReadable && !second.isReadable)
        try resume("a")
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
        let before = Proc.descriptors(keeper)
        let writer = try box.startCtl("write", "a")
        writer.write(line)
        writer.closeInput()
        try eventually("the writer to be connected and waiting") {
            try fill("a") >= 61_440 && Proc.descriptors(keeper) >= before
                && Proc.state(Int(writer.pid)) == "S"
                && wait(for: writer)
        }
        kill(pid_t(keeper), SIGKILL)
        #expect(try writer.wait() == .exited(6), "\(writer.errorText)")
        if case .eof = try raw.readToEnd() { Issue.record("a receipt for a line that was lost") }
        if case .eof = try filler.readToEnd() { Issue.record("a receipt for a line that was torn") }
        try resume("a")
        try box.ctl("discover")
    }

    /// Has this client's connection carried everything: it waits in a call that receives?
    private func wait(for writer: Running) -> Bool {
        let call = String(decoding: readFile("/proc/\(writer.pid)/wchan") ?? [], as: UTF8.self)
        return call.contains("unix_stream") || call.contains("poll") || call == "0"
    }

    @Test("--timeout ends the wait for a receipt, --no-receipt does not wait")
    func impatient() throws {
        _ = try blocked("a")
        let timed = try box.ctl("write", "--timeout", "300ms", "a", "x")
        #expect([4, 6].contains(timed.status), timed.why)
        let blind = try box.ctl("write", "--no-receipt", "a", "y")
        #expect(blind.status == 0, blind.why)
        try resume("a")
        try eventually("the line without receipt") { box.journalText("a").hasSuffix("\ny\n") }
    }

    @Test("a client that vanishes behind a full stdin: its complete lines arrive, its partial line does not")
    func vanished() throws {
        let filler = try blocked("a")
        let gone = try UnixClient(box.socket("a"))
        try gone.send("whole\npart")
        gone.hangUp()
        try resume("a")
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
        try eventually("a full pipe") { try fill("a") >= 61_440 }
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
