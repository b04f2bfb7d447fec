import Glibc
import Testing

/// Each test says what used to happen.
@Suite("Regressions: input and requests")
struct RegressionInputTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Waits until a process sleeps, and stays asleep while it is looked at.
    private func untilAsleep(_ id: String) throws {
        let keeper = try box.keeperPID(id)
        var (looks, before) = (0, -1)
        try eventually("\(id)'s keeper to sleep") {
            let switches = Proc.contextSwitches(keeper) ?? 0
            looks = Proc.state(keeper) == "S" && switches == before ? looks + 1 : 0
            before = switches
            return looks == 5
        }
    }

    @Test("the end of a line that was refused for want of room went into the child as a line of its own")
    func refusedTail() throws {
        try box.spawn("--wait", "ready", "--max-pending", "100K", "a", "--", "cat")
        let keeper = pid_t(try box.keeperPID("a"))
        // All at once, so that more is unfinished than may be.
        kill(keeper, SIGSTOP)
        let length = 100_000
        let clients = try (0..<6).map { number in
            let client = try UnixClient(box.socket("a"))
            try client.send([UInt8](repeating: 65 + UInt8(number), count: length) + [10])
            client.halfClose()
            return client
        }
        kill(keeper, SIGCONT)
        let results = try clients.map { try $0.readToEnd() }
        let receipted = results.count { $0.isReceipt }
        #expect(receipted < 6, "nobody was refused: this tests nothing")
        for result in results { #expect(result.isReceipt || result.text.contains("busy")) }
        #expect(try UnixClient(box.socket("a")).deliver("last\n").isReceipt)
        try eventually("the last line") { box.journalText("a").hasSuffix("last\n") }
        let lines = box.journal("a").split(separator: 10).dropLast()
        #expect(lines.map(\.count) == Array(repeating: length, count: receipted))
        for line in lines { #expect(Set(line).count == 1) }
    }

    @Test("lines that were refused for want of room took up that room for ever")
    func leakedRoom() throws {
        try box.spawn("--wait", "ready", "--max-pending", "100K", "a", "--", "cat")
        let keeper = pid_t(try box.keeperPID("a"))
        kill(keeper, SIGSTOP)
        let clients = try (0..<6).map { _ in
            let client = try UnixClient(box.socket("a"))
            try client.send([UInt8](repeating: 120, count: 100_000))
            return client
        }
        kill(keeper, SIGCONT)
        try box.settle("a")
        let refused = clients.count { $0.isReadable }
        #expect(refused > 0 && refused < 6)
        for client in clients { client.hangUp() }
        try box.settle("a")
        let lone = try UnixClient(box.socket("a"))
        try lone.send([UInt8](repeating: 113, count: 90_000))
        try box.settle("a")
        #expect(try lone.deliver("\n").isReceipt)
        // The bound is still one.
        let big = try UnixClient(box.socket("a"))
        #expect(throws: Never.self) { try big.send([UInt8](repeating: 113, count: 90_000)) }
        let second = try UnixClient(box.socket("a"))
        #expect(throws: Never.self) { try second.send([UInt8](repeating: 113, count: 90_000)) }
        #expect(try big.readToEnd().text.contains("busy"))
        #expect(try second.deliver("\n").isReceipt)
    }

    @Test("closeInput with a half line that went on made the keeper spin, and was never answered")
    func growingHalfLine() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "cat; exec sleep 1000")
        let filler = try box.blockChild("a")
        let half = try UnixClient(box.socket("a"))
        try half.send("abc")
        try box.settle("a")
        let request = try UnixClient(box.control("a"))
        try request.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"closeInput\"}\n")
        try box.settle("a")
        try half.send("def")
        half.halfClose()
        filler.halfClose()
        try box.resumeChild("a")
        #expect(try JSON(parsing: request.readLine())["result"] != nil)
        #expect(try filler.readToEnd().isReceipt)
        #expect(try !half.readToEnd().isReceipt)
        try untilAsleep("a")
        #expect(box.journal("a").count == 120_001)
    }

    @Test("an out-of-band byte made the keeper spin for as long as its sender stayed")
    func outOfBand() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let client = try UnixClient(box.socket("a"))
        try #require(Glibc.send(client.descriptor, "z", 1, Int32(MSG_OOB)) == 1)
        try box.settle("a")
        try untilAsleep("a")
        #expect(try client.deliver("line\n").bytes == [])
        #expect(try UnixClient(box.socket("a")).deliver("other\n").isReceipt)
    }

    @Test("requests that have to wait were taken without end, and each took memory")
    func waitingRequests() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "cat; exec sleep 1000")
        let filler = try box.blockChild("a")
        filler.halfClose()
        let client = try UnixClient(box.control("a"))
        let request = [UInt8]("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"closeInput\"}\n".utf8)
        let batch = [UInt8]((0..<1000).map { _ in request }.joined())
        var sent = 0
        var isBlocked = false
        // Taken in by a keeper at rest or not at all: 40 times what fits the socket is no end.
        for _ in 0..<40 where !isBlocked {
            let before = sent
            while true {
                let count = client.sendNow([UInt8](batch[(sent % request.count)...]))
                if count == 0 { break }
                sent += count
            }
            isBlocked = sent == before
            try box.settle("a")
            try untilAsleep("a")
        }
        #expect(isBlocked, "\(sent) bytes were taken")
        // Each of them is answered in the end.
        try box.resumeChild("a")
        let rest = sent % request.count
        if rest > 0 { try client.send([UInt8](request[rest...])) }
        let total = (sent + request.count - 1) / request.count
        for _ in 0..<total { #expect(try JSON(parsing: client.readLine())["result"] != nil) }
        #expect(try filler.readToEnd().isReceipt)
    }
}
