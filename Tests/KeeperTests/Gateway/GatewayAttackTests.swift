import Glibc
import Testing

@testable import keeperctl

@Suite("keeperctl gateway: who may not")
struct GatewayAttackTests {
    let box: Sandbox
    let gateway: RawGateway

    init() throws {
        box = try Sandbox()
        gateway = try RawGateway(box)
    }

    private func path(_ route: Route) -> String {
        let path = "\(route.path)"
        return (path.hasPrefix("/") ? path : "/api/v1/\(path)").split(separator: "/").map {
            $0.hasPrefix("{") ? "/none" : "/\($0)"
        }.joined()
    }

    @Test("no route is there without a token or with a wrong one; the one for looking changes nothing")
    func tokens() throws {
        for route in Routes.all {
            let request = "\(route.method.rawValue) \(path(route))"
            let none = try gateway.ask(request)
            #expect(none.status == 401 && none.code == "unauthorized", "\(request): \(none)")
            #expect(none.fields["www-authenticate"] != nil)
            let wrong = try gateway.ask(request, "Authorization: Bearer \(gateway.token.dropLast())x\r\n")
            #expect([401, 429].contains(wrong.status), "\(request): \(wrong)")
            let reading = try gateway.ask(
                request, "Authorization: Bearer \(gateway.readingToken)\r\n", isEndless: true)
            if route.right == .control {
                #expect(reading.status == 403, "\(request): \(reading)")
            } else {
                #expect(![401, 403].contains(reading.status), "\(request): \(reading)")
            }
        }
        #expect(directoryEntries(box.sessions).filter { !$0.hasPrefix(".") } == [])
        // After all these attempts the right one is still good.
        #expect(try gateway.ask("GET /healthz", gateway.authorization).status == 200)
    }

    @Test("a token in a query is refused, also the right one, also for the page")
    func tokenInQuery() throws {
        for path in [
            "/?token=x", "/?a=\(gateway.token)", "/healthz?access_token=\(gateway.token)",
            "/api/v1/sessions?b=\(gateway.readingToken)",
        ] {
            let answer = try gateway.ask("GET \(path)")
            #expect(answer.status == 400 && answer.code == "tokenInQuery", "\(path): \(answer)")
        }
    }

    @Test("a name that was made to point here is refused; its own names are not, in whatever case")
    func hosts() throws {
        for host in [
            "evil.example", "evil.example:\(gateway.port)", "127.0.0.1", "127.0.0.1:1", "",
            "localhost:\(gateway.port).evil.example",
        ] {
            for path in ["/", "/healthz"] {
                #expect(
                    try gateway.ask("GET \(path)", gateway.authorization, host: host).status == 421, "\(host)"
                )
            }
        }
        let absolute = try gateway.ask("GET http://evil.example/healthz", gateway.authorization)
        #expect(absolute.status == 421)
        for host in ["LocalHost:\(gateway.port)", gateway.host, "[::1]:\(gateway.port)"] {
            #expect(
                try gateway.ask("GET /healthz", gateway.authorization, host: host).status == 200, "\(host)")
        }
    }

    @Test("pages of others can neither send nor open a WebSocket")
    func origins() throws {
        let handshake =
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        for origin in [
            "http://evil.example", "null", "https://\(gateway.host)", "http://127.0.0.1:1",
            "http://\(gateway.host).evil.example",
        ] {
            let field = "Origin: \(origin)\r\n\(gateway.authorization)"
            #expect(try gateway.ask("POST /api/v1/sessions", field, body: "{}").status == 403, "\(origin)")
            #expect(try gateway.ask("GET /api/v1/ws", field + handshake).status == 403, "\(origin)")
            let local = try gateway.connectLocally()
            try local.send("GET /api/v1/ws HTTP/1.1\r\nHost: a\r\nOrigin: \(origin)\r\n\(handshake)\r\n")
            #expect(try local.readAnswer().status == 403, "\(origin)")
        }
        let own = "Origin: http://\(gateway.host)\r\n\(gateway.authorization)"
        try gateway.connect().upgrade("/api/v1/ws", own, host: gateway.host)
    }

    @Test("a page of an origin that was allowed may ask, and read the answer")
    func allowedOrigin() throws {
        let box = try Sandbox()
        let gateway = try RawGateway(box, ["--allow-origin", "https://a.example"])
        let origin = "Origin: https://a.example\r\n"
        let before = try gateway.ask("OPTIONS /api/v1/sessions", origin)
        let name = "access-control-allow-origin"
        #expect(before.status == 204 && before.fields[name] == "https://a.example", "\(before)")
        #expect(before.fields["access-control-allow-headers"]?.contains("Authorization") == true)
        for path in ["/api/v1/sessions", "/metrics", "/api/v1/sessions/none"] {
            let answer = try gateway.ask("GET \(path)", origin + gateway.authorization)
            #expect(
                answer.fields[name] == "https://a.example" && answer.fields["vary"] == "Origin", "\(answer)")
        }
        #expect(try gateway.ask("GET /healthz", gateway.authorization).fields[name] == nil)
        #expect(try gateway.ask("OPTIONS /api/v1/sessions", "Origin: https://b.example\r\n").status != 204)
    }

    @Test("no path leads out of the page or into another session's files")
    func traversal() throws {
        try writeFile(box.root + "/secret", Array("secret".utf8))
        for path in [
            "/../secret", "/..%2fsecret", "/%2e%2e/secret", "/%2e%2e%2fsecret", "/..%5csecret",
            "/a/../../secret",
            "/%252e%252e/secret", "/.%00/secret", "//secret", "/index.html%00.js", "/%c0%ae%c0%ae/secret",
            "/api/v1/sessions/..%2f..%2fsecret/logs", "/api/v1/sessions/%2e%2e/logs",
            "/api/v1/sessions/../logs",
        ] {
            let answer = try gateway.ask("GET \(path)", gateway.authorization)
            #expect(
                [400, 404].contains(answer.status) && !answer.text.contains("\"secret\n"),
                "\(path): \(answer)")
        }
    }

    @Test("frames of 2^63 bytes, without a mask, or that break the rules close the WebSocket with a code")
    func frames() throws {
        for (bytes, code) in [
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009), ([0x81, 0x01, 0x41], 1002),
            (clientFrame(1, [0xFF]), 1007), (clientFrame(8, [3]), 1002), (clientFrame(8, [0, 5]), 1002),
            (clientFrame(8, [3, 232]), 1000),
        ] as [([UInt8], Int)] {
            let client = try gateway.connectLocally()
            try client.upgrade("/api/v1/ws")
            try client.send(bytes)
            #expect(try client.readCloseCode() == code, "\(bytes)")
            #expect(client.readToEnd() == [])
        }
        let client = try gateway.connectLocally()
        try client.upgrade("/api/v1/ws")
        try client.send(clientFrame(9, Array("are you there?".utf8)))
        var pong = try client.readFrame()
        // The greeting comes first.
        if pong.opcode == 1 { pong = try client.readFrame() }
        #expect(pong.opcode == 10 && pong.payload == Array("are you there?".utf8))
    }

    @Test("another user gets nothing at the Unix socket", requiresRoot(), requires("setpriv", "curl"))
    func otherUser() throws {
        // The mode keeps out whom the kernel asks; the check is for those who come past it.
        chmod(box.root, 0o755)
        chmod(gateway.socket, 0o666)
        let asks = [
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", gateway.socket,
            "http://a/healthz",
        ]
        #expect(try box.run(asks).out == "200")
        let other = try box.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] + asks, directory: "/")
        #expect(other.out == "000", other.why)
    }
}
