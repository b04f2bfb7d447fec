import Glibc
import Testing

@Suite("keeperctl gateway: logs", requires("curl"))
struct GatewayLogsTests {
    let box: Sandbox
    let gateway: GatewayByCurl

    init() throws {
        box = try Sandbox()
        gateway = try GatewayByCurl(box)
        try box.spawn("--journal-size", "64K", "a", "--", "sh", "-c", "seq 100000; echo oops >&2")
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
    }

    @Test("one stream as it is, and parts of it by Range at the journal's positions")
    func ranges() throws {
        let kept = box.journal("a")
        let end = [UInt8]((1...100_000).map { "\($0)\n" }.joined().utf8).count
        let start = end - kept.count
        try #require(start > 0)
        let path = "/api/v1/sessions/a/logs"
        let whole = try gateway.ask("GET", path)
        #expect(whole.status == 200 && whole.body == kept)
        #expect(whole.fields["content-type"] == "application/octet-stream")
        #expect(whole.fields["accept-ranges"] == "bytes")
        #expect(whole.fields["content-length"] == "\(kept.count)")
        #expect(try gateway.ask("GET", path + "?stream=stderr").text == "oops\n")
        let head = try gateway.ask("HEAD", path)
        #expect(head.fields["content-length"] == "\(kept.count)" && head.body.isEmpty)

        func part(_ range: String, _ path: String = path) throws -> GatewayByCurl.Answer {
            try gateway.ask("GET", path, nil, "-H", "Range: \(range)")
        }
        for (range, from, to) in [
            ("bytes=\(start + 10)-\(start + 19)", start + 10, start + 20),
            ("bytes=\(end - 5)-", end - 5, end),
            ("bytes=-7", end - 7, end), ("bytes=\(end - 1)-\(end + 100)", end - 1, end),
            // What is gone is left out.
            ("bytes=0-\(start + 2)", start, start + 3), ("bytes=-\(end * 2)", start, end),
            ("Bytes=\(start)-9223372036854775807", start, end),
        ] {
            let answer = try part(range)
            #expect(answer.status == 206 && answer.body == Array(kept[from - start..<to - start]), "\(range)")
            #expect(answer.fields["content-range"] == "bytes \(from)-\(to - 1)/\(end)", "\(range)")
            #expect(answer.fields["content-length"] == "\(to - from)", "\(range)")
        }
        for range in ["bytes=\(end)-", "bytes=0-1", "bytes=-0", "bytes=9223372036854775807-"] {
            let answer = try part(range)
            #expect(answer.status == 416 && answer.code == "badRange", "\(range)")
            #expect(answer.fields["content-range"] == "bytes */\(end)", "\(range)")
        }
        // What is no Range of one part is none.
        for range in ["bytes=5-4", "bytes=1-2,5-6", "lines=1-2", "bytes=x-1", "bytes=-", "bytes="] {
            #expect(try part(range).status == 200, "\(range)")
        }
        #expect(
            try gateway.ask("GET", path, nil, "-H", "Range: bytes=-1", "-H", "If-Range: \"x\"").status == 200)
        #expect(try part("bytes=-1", path + "?tail=2").text == "99999\n100000\n")
        #expect(try gateway.ask("GET", "/api/v1/sessions/none/logs").code == "noSession")
    }

    @Test("windows of lines: tail, limit, before, from and grep, as events or as they are")
    func windows() throws {
        let path = "/api/v1/sessions/a/logs"
        func lines(_ query: String) throws -> [StreamEvent] {
            let answer = try gateway.ask("GET", "\(path)?json=1&\(query)")
            #expect(
                answer.status == 200 && answer.fields["content-type"] == "application/x-ndjson", "\(query)")
            return try StreamEvent.list(answer.body)
        }
        let last = try lines("tail=3")
        #expect(last.contents == ["99999", "100000", "oops"])
        let first = try #require(last.first)
        let instance = first.instance
        let before = try lines("before=\(instance):\(first.seq):0&tail=2")
        #expect(before.contents == ["99997", "99998"])
        #expect(try lines("before=\(instance):\(first.seq):0&limit=2").contents == ["99997", "99998"])
        let from = try #require(before.output.first).cursor
        #expect(try lines("from=\(from)&limit=2").contents == ["99998", "99999"])
        #expect(try lines("grep=9999&before=\(from)&limit=2").contents == ["99996", "99997"])
        #expect(try lines("grep=9999&from=\(from)&limit=1").contents == ["99998"])
        #expect(try gateway.ask("GET", "\(path)?tail=1").text == "100000\n")
        #expect(try gateway.ask("GET", "\(path)?grep=99999&stream=stdout").text == "99999\n")
        for wrong in [
            "tail=1&limit=1", "before=x", "limit=-1", "tail=1&from=1", "grep=a%0Ab", "grep=a%00",
            "json=1&before=1",
        ] {
            #expect(try gateway.ask("GET", "\(path)?\(wrong)").status == 400, "\(wrong)")
        }
    }
}
