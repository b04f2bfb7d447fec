import Glibc
import Testing

@Suite("keeperctl gateway: its life")
struct GatewayLifeTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("one more than --max-connections is told so, and is welcome when another has gone")
    func connectionLimit() throws {
        let gateway = try RawGateway(box, ["--max-connections", "5"])
        var clients = try (0..<5).map { _ in try gateway.connect() }
        let health = "GET /healthz HTTP/1.1\r\nHost: \(gateway.host)\r\n\(gateway.authorization)\r\n"
        for client in clients {
            try client.send(health)
            #expect(try client.readAnswer().status == 200)
        }
        for _ in 0..<20 {
            let late = try gateway.connect()
            try late.send(health)
            #expect(try late.readAnswer().status == 503)
            #expect(late.readToEnd() == [])
        }
        clients.removeLast()
        try eventually("room for another") {
            try gateway.ask("GET /healthz", gateway.authorization).status == 200
        }
    }

    @Test("a killed gateway: sessions don't notice, what it left is seen to be dead, and the next one starts")
    func killed() throws {
        try box.spawn("a", "--", "cat")
        let keeper = try box.keeperPID("a")
        for round in 0..<8 {
            let gateway = try RawGateway(box)
            let file = box.path(".gateway/gateway.json")
            #expect(isLocked(file))
            let description = try JSON(parsing: readFile(file) ?? [])
            #expect(description["pid"]?.int == gateway.pid && description["socket"]?.string == gateway.socket)
            let client = try gateway.connectLocally()
            switch round % 4 {
            case 0: break
            case 1: try client.upgrade("/api/v1/ws")
            case 2: try client.send("GET /api/v1/sessions/a/logs?follow=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            default:
                try client.send(
                    "POST /api/v1/sessions/a/write HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"lines\":\"x\"}"
                )
            }
            gateway.running.kill(SIGKILL)
            try gateway.running.wait()
            #expect(!isLocked(file) && fileStatus(gateway.socket) != nil)
            try eventually("the session to run") { box.state("a") == "running" }
            #expect(try box.keeperPID("a") == keeper)
        }
        #expect(try RawGateway(box).ask("GET /healthz").status == 401)
    }

    @Test("a gateway that is killed while it starts leaves nothing that keeps the next one from starting")
    func killedAtStart() throws {
        for _ in 0..<30 {
            let running = try box.start(
                [
                    Executables.keeperctl, "gateway", "--listen", "127.0.0.1:0", "--listen",
                    "unix:\(box.root)/g.sock",
                ])
            for _ in 0..<Int.random(in: 0..<30) { sched_yield() }
            running.kill(SIGKILL)
            try running.wait()
        }
        #expect(try RawGateway(box).ask("GET /healthz").status == 401)
    }

    @Test("of many that start at once one serves; the others name it and exit with 5")
    func second() throws {
        let all = try (0..<6).map { _ in
            try box.start([
                Executables.keeperctl, "gateway", "--listen", "127.0.0.1:0", "--listen",
                "unix:\(box.root)/g.sock",
            ])
        }
        try eventually("all but one to end") { all.filter { $0.hasEnded }.count == 5 }
        let winner = try #require(all.first { !$0.hasEnded })
        for loser in all where loser.pid != winner.pid {
            #expect(try loser.wait() == .exited(5))
            #expect(loser.errorText.contains("PID \(winner.pid), http://127.0.0.1:"), "\(loser.errorText)")
        }
        // What it listens at is still there, and its token is the one in the file.
        let health = try box.ctl("gateway", "--show-token").line
        #expect(health.utf8.count == 64)
        let client = try RawConnection(path: "\(box.root)/g.sock")
        try client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.readAnswer().status == 200)
        let url = try #require(try winner.readLine())
        let port = try #require(Int(url.dropLast().split(separator: ":").last ?? ""))
        let remote = try RawConnection(port: port)
        try remote.send(
            "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(health)\r\n\r\n")
        #expect(try remote.readAnswer().status == 200)
    }

    @Test("a socket where somebody else listens is left alone")
    func foreignSocket() throws {
        let listener = try UnixListener("\(box.root)/other.sock")
        let outcome = try box.ctl("gateway", "--listen", "unix:\(listener.path)")
        #expect(outcome.status == 1 && outcome.err.contains("in use"), outcome.why)
        #expect(fileStatus(listener.path) != nil)
    }

    @Test("SIGTERM: clients of WebSockets are told, what is being answered comes whole, nothing stays")
    func end() throws {
        try box.spawn("a", "--", "sh", "-c", "trap '' TERM; cat")
        let gateway = try RawGateway(box)
        let socket = try gateway.connectLocally()
        try socket.upgrade("/api/v1/ws")
        let waiting = try gateway.connectLocally()
        try waiting.send("DELETE /api/v1/sessions/a?now=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try eventually("the command of the request") {
            !Proc.children(gateway.pid).isEmpty || waiting.isReadable
        }
        gateway.running.kill(SIGTERM)
        #expect(try socket.readCloseCode() == 1001)
        socket.hangUp()
        #expect(try waiting.readAnswer().status == 204)
        waiting.hangUp()
        #expect(try gateway.running.wait() == .exited(0))
        #expect(!box.exists(".gateway/gateway.json") && fileStatus(gateway.socket) == nil)
    }

    @Test(
        "without a descriptor left clients wait, and are served when there is one again", requires("prlimit"))
    func exhaustion() throws {
        let gateway = try RawGateway(box, [], under: ["prlimit", "--nofile=40:40"])
        let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        var clients = try (0..<60).map { _ in try gateway.connectLocally() }
        for client in clients { try client.send(health) }
        try eventually("no descriptor to be left") { Proc.descriptors(gateway.pid) == 40 }
        #expect(try clients[0].readAnswer().status == 200)
        let ticks = try #require(Proc.ticks(gateway.pid))
        clients.removeFirst(40)
        for client in clients { #expect(try client.readAnswer().status == 200) }
        // It has waited, not asked again and again.
        #expect(try #require(Proc.ticks(gateway.pid)) - ticks < 100)
    }

    @Test(
        "a session that is started over HTTP has the limit of descriptors that the gateway was started with")
    func limits() throws {
        let gateway = try RawGateway(box, [], under: ["prlimit", "--nofile=500:4000"])
        let body = "{\"sessionId\":\"a\",\"command\":[\"sh\",\"-c\",\"ulimit -n; cat\"]}"
        let answer = try gateway.ask(
            "POST /api/v1/sessions", "\(gateway.authorization)Content-Type: application/json\r\n", body: body)
        #expect(answer.status == 201, "\(answer)")
        try eventually("the command's output") { box.journalText("a") == "500\n" }
    }

    @Test("10,000 short connections: as many descriptors and as much memory as before")
    func connections() throws {
        let gateway = try RawGateway(box)
        func use(_ count: Int) throws {
            for number in 0..<count {
                let client = try number % 2 == 0 ? gateway.connect() : gateway.connectLocally()
                let head = "HTTP/1.1\r\nHost: \(gateway.host)\r\n\(gateway.authorization)"
                switch number % 5 {
                case 0: try client.send("GET /healthz \(head)\r\n")
                case 1: try client.send("GET / \(head)")
                case 2: try client.upgrade("/api/v1/ws", gateway.authorization, host: gateway.host)
                case 3: try client.send("GET /../ \(head)\r\n")
                default: break
                }
                if number % 5 == 0 || number % 5 == 3 { _ = try client.readAnswer() }
            }
            try eventually("all to have gone") {
                let client = try gateway.connectLocally()
                try client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                return try JSON(parsing: try client.readAnswer().body)["connections"]?.int == 1
            }
        }
        try use(500)
        let descriptors = Proc.descriptors(gateway.pid)
        let memory = try #require(Proc.resident(gateway.pid))
        try use(10_000)
        try eventually("the descriptors of before (\(descriptors), now \(Proc.descriptors(gateway.pid)))") {
            Proc.descriptors(gateway.pid) <= descriptors
        }
        let after = try #require(Proc.resident(gateway.pid))
        #expect(after <= memory + 1024, "KiB before: \(memory), after: \(after)")
    }

    @Test("a list that is kept is never older than what has happened")
    func keptLists() throws {
        let gateway = try RawGateway(box)
        let client = try gateway.connectLocally()
        func list() throws -> [String] {
            try client.send("GET /api/v1/sessions HTTP/1.1\r\nHost: a\r\n\r\n")
            let sessions = try JSON(parsing: try client.readAnswer().body).array ?? []
            return sessions.map { "\($0["sessionId"]?.string ?? "")=\($0["labels"]?["k"]?.string ?? "")" }
        }
        /// Asked until an answer comes without a file being read, but for what tells of changes.
        func rest() throws {
            try eventually("a kept list") {
                let before = Proc.value(gateway.pid, "io", "syscr") ?? 0
                _ = try list()
                return (Proc.value(gateway.pid, "io", "syscr") ?? 0) - before <= 1
            }
        }
        #expect(try list() == [])
        for round in 0..<3 {
            try box.spawn("a", "--label", "k=1", "--", "cat")
            #expect(try list() == ["a=1"])
            try rest()
            try box.spawn("b", "--", "cat")
            #expect(try list() == ["a=1", "b="])
            try rest()
            #expect(try box.ctl("label", "a", "k=2").status == 0)
            #expect(try list() == ["a=2", "b="])
            try rest()
            if round == 1 {
                kill(pid_t(try box.keeperPID("b")), SIGKILL)
            } else {
                #expect(try box.ctl("kill", "b").status == 0)
            }
            try eventually("b to be gone from the list") { try list() == ["a=2"] }
            #expect(try box.ctl("kill", "a").status == 0)
            try eventually("a to be gone from the list") { try list() == [] }
            try box.ctl("discover")
        }
    }
}
