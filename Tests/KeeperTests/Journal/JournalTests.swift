import Glibc
import Testing

@Suite("Journals on disk")
struct JournalTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func base(_ segment: String) throws -> Int {
        let digits = try #require(segment.split(separator: ".").dropFirst().first)
        #expect(digits.utf8.count == 20, "\(segment)")
        return try #require(Int(digits))
    }

    /// Segments follow on each other without a gap; the position after the last byte.
    @discardableResult
    private func checkChain(_ id: String, _ stream: String = "stdout") throws -> (first: Int, next: Int) {
        let names = box.segments(id, stream)
        let first = try base(try #require(names.first))
        var next = first
        for name in names {
            #expect(try base(name) == next, "\(names)")
            next += Int(try #require(fileStatus(box.path("\(id).d/\(name)"))).st_size)
        }
        return (first, next)
    }

    @Test("raw bytes of both streams, in segments named by the position of their first byte")
    func raw() throws {
        try box.spawn("a", "--", "sh", "-c", "printf 'out\\000\\377\\n'; printf 'err\\r\\n' >&2; exec cat")
        try eventually("both streams") {
            box.journal("a").count == 6 && box.journal("a", "stderr").count == 5
        }
        #expect(box.journal("a") == [UInt8]("out".utf8) + [0, 255, 10])
        #expect(box.journalText("a", "stderr") == "err\r\n")
        #expect(box.segments("a") == ["stdout.00000000000000000000.log"])
        #expect(box.segments("a", "stderr") == ["stderr.00000000000000000000.log"])
    }

    @Test("stdout.log is a hard link to the newest segment")
    func hardLink() throws {
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "cat; seq 20000; read x")
        let newest = { fileStatus(box.path("a.d/\(box.segments("a").last ?? "")"))?.st_ino }
        #expect(fileStatus(box.path("a.d/stdout.log"))?.st_ino == newest())
        try box.ctl("eof", "a")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        #expect(box.segments("a").count > 1)
        #expect(fileStatus(box.path("a.d/stdout.log"))?.st_ino == newest())
    }

    @Test("bounded: the oldest segments go, positions stay true, segments end at line ends")
    func bounded() throws {
        let script = "i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i+1)); done; read x"
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", script)
        let all = [UInt8]((0..<20000).map { "line \($0)\n" }.joined().utf8)
        try eventually("all output") { try box.next("a") == all.count }
        let (first, next) = try checkChain("a")
        #expect(next == all.count)
        #expect(first > 0)
        #expect(next - first <= 65_536)
        #expect(next - first >= 16_384)
        #expect(box.journal("a") == [UInt8](all[first...]))
        for name in box.segments("a") { #expect(box.bytes("a.d/\(name)")?.last == 10, "\(name)") }
        #expect(box.segments("a", "stdout", "idx").count <= box.segments("a").count)
        let streams = try UnixClient(box.control("a")).call("status")["result"]?["streams"]
        #expect(streams?["stdout"]?["first"]?.int == first)
        #expect(streams?["stdout"]?["next"]?.int == next)
    }

    @Test("output without any newline is carried on from segment to segment")
    func noNewlines() throws {
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "head -c 300000 /dev/zero; cat")
        try eventually("all output") { try box.next("a") == 300_000 }
        #expect(try checkChain("a").next == 300_000)
        #expect(box.journal("a").count <= 65_536)
    }

    @Test("idx: 16-byte records of position and time, in order")
    func index() throws {
        try box.spawn("a", "--", "cat")
        let started = UInt64(time(nil) - 5) * 1_000_000_000
        for _ in 0..<3 {
            let before = box.journal("a").count
            #expect(try box.ctl("write", "a", "a line").status == 0)
            try eventually("the line") { box.journal("a").count == before + 7 }
        }
        let bytes = try eventual("the index") {
            let bytes = box.bytes("a.d/stdout.00000000000000000000.idx") ?? []
            return bytes.isEmpty ? nil : bytes
        }
        #expect(bytes.count % 16 == 0)
        func number(at offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
        }
        let records = stride(from: 0, to: bytes.count, by: 16).map { (number(at: $0), number(at: $0 + 8)) }
        #expect(records.first?.0 == 0)
        #expect(records.allSatisfy { [0, 7, 14].contains($0.0) })
        for (one, next) in zip(records, records.dropFirst()) { #expect(one.0 < next.0 && one.1 <= next.1) }
        #expect(records.allSatisfy { $0.1 > started && $0.1 < started + 600_000_000_000 })
    }

    @Test("--no-journal keeps no output and slows nothing; --merge-stderr gives one stream")
    func options() throws {
        try box.spawn(
            "--no-journal", "a", "--", "sh", "-c", "head -c 1000000 /dev/zero; echo done >&2; exec cat")
        try box.spawn("--merge-stderr", "b", "--", "sh", "-c", "echo 1; echo 2 >&2; echo 3; exec cat")
        try eventually("b's lines") { box.journalText("b") == "1\n2\n3\n" }
        #expect(box.journal("b", "stderr") == [])
        // All of it has been read once this is another program.
        let child = try box.childPID("a")
        try eventually("a's output") { Proc.arguments(child) == ["cat"] }
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
        #expect(box.journal("a") == [])
        #expect(box.journal("a", "stderr") == [])
    }

    @Test("a full disk stops the stream, loses nothing, is told, and ends by itself", requires("prlimit"))
    func full() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let keeper = "\(try box.keeperPID("a"))"
        #expect(try box.run(["prlimit", "--pid", keeper, "--fsize=20000:unlimited"]).status == 0)
        let line = String(repeating: "x", count: 99) + "\n"
        let sender = try UnixClient(box.socket("a"))
        try sender.send(String(repeating: line, count: 1000))
        sender.halfClose()
        try eventually("the journal to be full") { try box.eventNames("a").contains("journalFull") }
        #expect(box.journal("a").count <= 20_000)
        #expect(try UnixClient(box.control("a")).call("status")["result"]?["state"]?.string == "running")
        #expect(try box.run(["prlimit", "--pid", keeper, "--fsize=unlimited:unlimited"]).status == 0)
        #expect(try sender.readToEnd().isReceipt)
        try eventually("everything") { box.journal("a").count == 100_000 }
        #expect(box.journalText("a") == String(repeating: line, count: 1000))
        try eventually("the event") { try box.eventNames("a").contains("journalResumed") }
    }
}
