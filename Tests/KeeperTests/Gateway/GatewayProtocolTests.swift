import Glibc
import Testing

@testable import keeperctl

@Suite("keeperctl gateway: HTTP/1.1 on the wire")
struct GatewayProtocolTests {
    let box: Sandbox
    let gateway: RawGateway

    init() throws {
        box = try Sandbox()
        gateway = try RawGateway(box, ["--max-line", "4M"])
    }

    private static let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("requests that come at once, and a byte at a time, are answered in order on one connection")
    func pipelining() throws {
        let client = try gateway.connectLocally()
        let post =
            "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
        let requests = Self.health + "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + post + "\r\n" + Self.health
        let wanted = [200, 404, 400, 200]
        try client.send(requests)
        for status in wanted { #expect(try client.readAnswer().status == status) }
        for byte in requests.utf8 { try client.send([byte]) }
        for status in wanted { #expect(try client.readAnswer().status == status) }
        try client.send(String(repeating: Self.health, count: 500))
        for _ in 0..<500 { #expect(try client.readAnswer().status == 200) }
    }

    @Test("HEAD has the head of GET and no body")
    func head() throws {
        for path in ["/", "/healthz", "/api/v1/sessions", "/api/v1/stats", "/nothing"] {
            let client = try gateway.connectLocally()
            try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            let full = try client.readAnswer()
            try client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n" + Self.health)
            let head = try client.readAnswer(toHead: true)
            #expect(head.status == full.status && head.fields["content-type"] == full.fields["content-type"])
            #expect(head.fields["content-length"] == full.fields["content-length"], "\(path)")
            #expect(try client.readAnswer().status == 200, "the next request, after HEAD \(path)")
        }
    }

    @Test("a client that waits for leave to send a body gets it, unless the answer is known already")
    func expectation() throws {
        let fields = "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        let client = try gateway.connectLocally()
        try client.send("POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\n\(fields)")
        #expect(try client.readAnswer().status == 100)
        try client.send("{}")
        #expect(try client.readAnswer().status == 400)
        // Of a stranger nothing is read.
        let stranger = try gateway.connect()
        try stranger.send("POST /api/v1/sessions HTTP/1.1\r\nHost: \(gateway.host)\r\n\(fields)")
        #expect(try stranger.readAnswer().status == 401)
        #expect(stranger.readToEnd() == [])
    }

    @Test("a client of HTTP/1.0 gets no chunks, no 100, and the end of the connection")
    func old() throws {
        for path in ["/healthz", "/api/v1/stats"] {
            let client = try gateway.connectLocally()
            try client.send(
                "GET \(path) HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n\(Self.health)"
            )
            let answer = try client.readAnswer()
            #expect(answer.status == 200 && answer.fields["transfer-encoding"] == nil)
            #expect(answer.fields["connection"] == "close")
            #expect((try? JSON(parsing: answer.body)) != nil, "\(answer.text)")
            #expect(client.readToEnd() == [])
        }
    }

    @Test("Connection: close is kept, with the whole answer in chunks that are complete")
    func close() throws {
        let client = try gateway.connectLocally()
        try client.send("GET /api/v1/stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answer = try client.readAnswer()
        #expect(answer.fields["transfer-encoding"] == "chunked" && answer.text.hasPrefix("["))
        #expect(client.readToEnd() == [])
    }

    @Test("a half-closed client gets all that it has asked for, however slowly it reads")
    func halfClosed() throws {
        // More than the sockets hold.
        for number in 0..<40 {
            try box.spawn("s\(number)", "--label", "x=\(String(repeating: "a", count: 900))", "--", "cat")
        }
        let client = try gateway.connect()
        var size: Int32 = 4096
        setsockopt(client.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        let request = "GET /api/v1/sessions HTTP/1.1\r\nHost: \(gateway.host)\r\n\(gateway.authorization)\r\n"
        try client.send(String(repeating: request, count: 100))
        client.halfClose()
        for _ in 0..<100 {
            #expect((try JSON(parsing: try client.readAnswer().body)).array?.count == 40)
        }
        #expect(client.readToEnd() == [])
    }

    @Test("bodies: as large as allowed in chunks or not; larger ones are refused before they come")
    func bodies() throws {
        let client = try gateway.connectLocally()
        let body = "{\"command\":\"" + String(repeating: "x", count: (4 << 20) - 14) + "\"}"
        let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        try client.send("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(try client.readAnswer().status == 400)
        try client.send(
            "\(head)Transfer-Encoding: chunked\r\n\r\n\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
        )
        #expect(try client.readAnswer().status == 400)
        try client.send("\(head)Content-Length: \(5 << 20)\r\nExpect: 100-continue\r\n\r\n")
        #expect(try client.readAnswer().status == 413)
        #expect(client.readToEnd() == [])
    }

    @Test(
        "what could be two requests is one refusal",
        arguments: [
            "Content-Length: 4\r\nContent-Length: 60\r\n\r\n",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", "X: y\n\r\n",
            "X: y\r\n z\r\n\r\n",
            "X: \0\r\n\r\n", "Transfer-Encoding : chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\n\n",
        ])
    func smuggling(_ rest: String) throws {
        let client = try gateway.connectLocally()
        try client.send("POST /login HTTP/1.1\r\nHost: a\r\n\(rest)\(Self.health)")
        let answer = try client.readAnswer()
        #expect([400, 501].contains(answer.status) && answer.fields["connection"] == "close", "\(answer)")
        #expect(client.readToEnd() == [], "the second request is not answered")
    }

    @Test("floods end with a word: a line, fields, a chunk's extension, empty lines are passed over")
    func floods() throws {
        let block = String(repeating: "a", count: 64 << 10)
        for (start, status) in [
            ("GET /", 414), ("GET / HTTP/1.1\r\nX: ", 431),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;", 400),
        ] {
            let client = try gateway.connectLocally()
            try client.send(start)
            for _ in 0..<50 where client.offer(Array(block.utf8)) {}
            #expect(try client.readAnswer().status == status, "\(start)")
        }
        let client = try gateway.connectLocally()
        try client.send(String(repeating: "\r\n", count: 100_000) + Self.health)
        #expect(try client.readAnswer().status == 200)
        #expect(try #require(Proc.resident(gateway.pid)) < 100_000)
    }

    @Test("a head that comes too slowly is refused, however many bytes come")
    func slowHead() throws {
        let client = try gateway.connectLocally()
        try client.send(Self.health)
        #expect(try client.readAnswer().status == 200)
        try client.send("GET / HTTP/1.1\r\n")
        try eventually("an answer", timeout: 60) {
            if client.isReadable { return true }
            return !client.offer(Array("X: y\r\n".utf8))
        }
        #expect(try client.readAnswer().status == 408)
    }

    @Test("clients that vanish in every state leave nothing")
    func vanished() throws {
        try box.spawn("a", "--", "cat")
        let before = Proc.descriptors(gateway.pid)
        for number in 0..<60 {
            let client = try number % 2 == 0 ? gateway.connect() : gateway.connectLocally()
            let fields = "Host: \(gateway.host)\r\n\(gateway.authorization)"
            switch number % 6 {
            case 0: break
            case 1: try client.send("GET / HT")
            case 2: try client.send("POST /api/v1/sessions HTTP/1.1\r\n\(fields)Content-Length: 100\r\n\r\n{")
            case 3: try client.send("GET /api/v1/sessions/a/logs?follow=1 HTTP/1.1\r\n\(fields)\r\n")
            case 4: try client.upgrade("/api/v1/ws", gateway.authorization, host: gateway.host)
            default: try client.send("GET /api/v1/stats HTTP/1.1\r\n\(fields)\r\n")
            }
            if number % 4 < 2 { client.reset() } else { client.hangUp() }
        }
        try eventually("the descriptors of before (\(before), now \(Proc.descriptors(gateway.pid)))") {
            Proc.descriptors(gateway.pid) <= before
        }
        #expect(try gateway.ask("GET /healthz", gateway.authorization).status == 200)
    }
}

extension RawConnection {
    var isReadable: Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) > 0
    }
}
