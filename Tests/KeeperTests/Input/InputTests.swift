import Glibc
import Testing

@Suite("Input: lines in, receipts back")
struct InputTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("end-of-file is the receipt: by then every line is in the child's stdin")
    func receipt() throws {
        try box.spawn("a", "--", "cat")
        #expect(try UnixClient(box.socket("a")).deliver("one\ntwo\n").isReceipt)
        try eventually("both lines") { box.journalText("a") == "one\ntwo\n" }
    }

    @Test("a connection without a line gets its receipt too")
    func nothing() throws {
        try box.spawn("a", "--", "cat")
        #expect(try UnixClient(box.socket("a")).deliver("").isReceipt)
    }

    @Test("write sends its arguments as lines, or its standard input")
    func write() throws {
        try box.spawn("a", "--", "cat")
        let lines = try box.ctl("write", "a", "one", "two words", "", "--", "--dash")
        #expect(lines.status == 0, lines.why)
        #expect(lines.out == "" && lines.err == "", lines.why)
        let stream = try box.ctl("write", "a", input: [UInt8]("three\nfour".utf8))
        #expect(stream.status == 0, stream.why)
        let expected = "one\ntwo words\n\n--dash\nthree\nfour\n"
        try eventually("all lines, found \(box.journalText("a"))") { box.journalText("a") == expected }
    }

    @Test("bytes go in verbatim: NUL, CR, invalid UTF-8, U+2028, empty lines")
    func verbatim() throws {
        try box.spawn("a", "--", "cat")
        let odd: [UInt8] = [
            0, 13, 10, 10, 10, 0xff, 0xfe, 0xc3, 10, 0xe2, 0x80, 0xa8, 0xe2, 0x80, 0xa9, 10, 0x85, 0x0c, 10,
        ]
        let every = (0...255).map { UInt8($0) } + [10]
        #expect(try UnixClient(box.socket("a")).deliver(odd + every).isReceipt)
        #expect(try box.ctl("write", "a", input: odd).status == 0)
        try eventually("all bytes") { box.journal("a") == odd + every + odd }
    }

    @Test("lines of one connection keep their order, those of many never mix", arguments: [20, 200])
    func manyClients(count: Int) throws {
        try box.spawn("a", "--", "cat")
        var random = SplitMix64.announced("manyClients(\(count))")
        let clients = try (0..<count).map { _ in try UnixClient(box.socket("a")) }
        var pending = (0..<count).map { client in
            [UInt8](
                (0..<20).map {
                    "\(client) \($0) \(String(repeating: "x", count: ($0 * 37 + client) % 700))\n"
                }.joined().utf8)
        }
        // In pieces that end anywhere, in any order.
        var open = Array(0..<count)
        while !open.isEmpty {
            let slot = Int.random(in: 0..<open.count, using: &random)
            let client = open[slot]
            let piece = min(Int.random(in: 1...3000, using: &random), pending[client].count)
            try clients[client].send([UInt8](pending[client][..<piece]))
            pending[client].removeFirst(piece)
            if pending[client].isEmpty { open.remove(at: slot) }
        }
        for client in clients { client.halfClose() }
        for client in clients { #expect(try client.readToEnd().isReceipt) }
        try eventually("all lines") { box.journal("a").count { $0 == 10 } == count * 20 }
        var next = [Int](repeating: 0, count: count)
        for line in box.journalText("a").split(separator: "\n") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            let (client, number) = (try #require(Int(parts[0])), try #require(Int(parts[1])))
            #expect(number == next[client])
            #expect(parts[2].utf8.count == (number * 37 + client) % 700)
            next[client] += 1
        }
    }

    @Test("a line of 16 MiB arrives whole")
    func longLine() throws {
        try box.spawn("a", "--", "sh", "-c", "cat > \(box.root)/got; echo done")
        let line = [UInt8](repeating: 120, count: 16 * 1_048_576 - 1) + [10]
        #expect(try UnixClient(box.socket("a")).deliver(line).isReceipt)
        #expect(try box.ctl("write", "a", input: line).status == 0)
        try box.ctl("eof", "a")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        #expect(readFile(box.root + "/got") == line + line)
    }

    @Test("a line over --max-line: an error line that counts what was delivered, and nothing of it arrives")
    func tooLong() throws {
        try box.spawn("--max-line", "1K", "a", "--", "cat")
        let client = try UnixClient(box.socket("a"))
        try client.send(
            "good\n" + String(repeating: "x", count: 1020) + "\n" + String(repeating: "y", count: 5000))
        let answer = try client.readToEnd()
        let error = try #require(try JSON(parsing: answer.bytes)["error"])
        #expect(answer.text.contains("too_long"), "\(answer)")
        #expect(error["delivered"]?.int == 2)
        #expect(answer.bytes.last == 10)
        let write = try box.ctl("write", "a", String(repeating: "z", count: 2000))
        #expect(write.status == 1, write.why)
        #expect(try box.ctl("write", "a", "after").status == 0)
        let expected = "good\n" + String(repeating: "x", count: 1020) + "\nafter\n"
        try eventually("the good lines") { box.journalText("a") == expected }
    }

    @Test("all partial lines together are bounded: the connection that stalled longest is told busy")
    func tooMuchPending() throws {
        try box.spawn("--max-pending", "64K", "a", "--", "cat")
        let first = try UnixClient(box.socket("a"))
        try first.send([UInt8](repeating: 97, count: 40_000))
        #expect(try UnixClient(box.socket("a")).deliver("between\n").isReceipt)
        let second = try UnixClient(box.socket("a"))
        try second.send([UInt8](repeating: 98, count: 40_000))
        let answer = try first.readToEnd()
        #expect(answer.text.contains("busy"), "\(answer)")
        #expect(try JSON(parsing: answer.bytes)["error"]?["delivered"]?.int == 0)
        #expect(try second.deliver("\n").isReceipt)
        try eventually("b's line") { box.journal("a").count == 8 + 40_001 }
    }

    @Test("a last line without newline is completed if the peer half-closed and is still there")
    func completed() throws {
        try box.spawn("a", "--", "cat")
        #expect(try UnixClient(box.socket("a")).deliver("whole\npart").isReceipt)
        #expect(try UnixClient(box.socket("a")).deliver("next\n").isReceipt)
        try eventually("three lines") { box.journalText("a") == "whole\npart\nnext\n" }
    }

    @Test("a last line without newline is dropped if the peer has gone; its complete lines are delivered")
    func dropped() throws {
        try box.spawn("a", "--", "cat")
        let client = try UnixClient(box.socket("a"))
        try client.send("whole\npart")
        client.hangUp()
        try eventually("the dropped event") { try box.eventNames("a").contains("dropped") }
        #expect(try box.events("a").first { $0["event"]?.string == "dropped" }?["bytes"]?.int == 4)
        #expect(try UnixClient(box.socket("a")).deliver("next\n").isReceipt)
        try eventually("two lines") { box.journalText("a") == "whole\nnext\n" }
        #expect(box.log("a").contains("dropped 4 bytes of a line whose writer is gone\n"), "\(box.log("a"))")
    }

    @Test("a client that stalls in mid-line holds up no other")
    func stalled() throws {
        try box.spawn("a", "--", "cat")
        let slow = try (0..<10).map { _ in try UnixClient(box.socket("a")) }
        for client in slow { try client.send("par") }
        #expect(try UnixClient(box.socket("a")).deliver("quick\n").isReceipt)
        try eventually("the quick line") { box.journalText("a") == "quick\n" }
        for client in slow { #expect(try client.deliver("tial\n").isReceipt) }
        let expected = "quick\n" + String(repeating: "partial\n", count: 10)
        try eventually("the slow lines") { box.journalText("a") == expected }
    }
}
