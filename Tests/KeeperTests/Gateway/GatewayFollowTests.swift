import Glibc
import Testing

@Suite("keeperctl gateway: following")
struct GatewayFollowTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func subscribe(_ client: RPCClient, _ params: String) throws -> Int {
        let answer = try client.call("follow", params)
        return try #require(answer["result"]?["subscription"]?.int, "\(answer)")
    }

    @Test("the events of follow, byte for byte, and on from a cursor with neither gap nor repetition")
    func same() throws {
        let gateway = try RawGateway(box)
        try box.spawn("a", "--label", "k=1", "--", "sh", "-c", "seq 1 2000; echo e >&2; exec cat")
        try box.spawn("b", "--label", "k=2", "--", "sh", "-c", "echo b; exec cat")
        try eventually("the output") { box.journal("a").count == 8893 && !box.journal("a", "stderr").isEmpty }
        for params in [
            #"{"session":"a"}"#, #"{"sessions":["a"]}"#, #"{"label":"k=1"}"#,
            #"{"all":true,"from":"oldest"}"#,
        ] {
            let client = try RPCClient(gateway)
            let number = try subscribe(client, params)
            // What follows the output of one session may stand before or after that of another.
            let events = try client.events(number, until: "\"2000\"").filter { !$0.contains("\"b\"") }
            let command = try box.startCtl("follow", "a")
            var expected: [String] = []
            while expected.last?.contains("\"2000\"") != true {
                expected.append(try #require(try command.readLine()))
            }
            func output(_ lines: [String]) -> [String] {
                lines.filter { $0.contains("\"stdout\"") && $0.contains("\"output\"") }
            }
            #expect(output(events) == output(expected) && output(events).count == 2000)
            command.kill(SIGTERM)
            try command.wait()
            let cursor = try StreamEvent(JSON(parsing: output(events)[777].utf8)).cursor
            client.connection.reset()
            let again = try RPCClient(gateway)
            let next = try subscribe(again, "{\"session\":\"a\",\"from\":{\"a\":\"\(cursor)\"}}")
            let rest = try again.events(next, until: "\"2000\"")
            #expect(output(rest) == Array(output(events)[778...]))
            #expect(try again.call("unfollow", "{\"subscription\":\(next)}")["result"]?.isNull == true)
        }
    }

    /// The place for what is removed was not made again after the last subscription of before.
    @Test(
        "sessions that come, end, and come again or are removed, after earlier subscriptions",
        arguments: noneOrFaults("inotify::1:0:24"))
    func comeAndGo(faults: String) throws {
        let plain = box.environment
        box.environment.merge(box.faults(faults)) { $1 }
        let gateway = try RawGateway(box)
        box.environment = plain
        for round in 1...3 {
            let client = try RPCClient(gateway)
            let number = try subscribe(client, #"{"all":true}"#)
            try box.spawn("a\(round)", "--", "sh", "-c", "echo one; read x; seq 1 500")
            _ = try client.events(number, until: "\"one\"")
            try box.ctl("write", "a\(round)", "go")
            let events = try client.events(number, until: "\"exited\"").map {
                try StreamEvent(JSON(parsing: $0.utf8))
            }
            #expect(events.contents == (1...500).map { "\($0)" })
            if faults.isEmpty {
                #expect(box.exists(".removed"))
                try box.spawn("r\(round)", "--rm", "--", "sh", "-c", "seq 1 500")
                let gone = try client.events(number, until: "\"exited\"").map {
                    try StreamEvent(JSON(parsing: $0.utf8))
                }
                #expect(gone.contents == (1...500).map { "\($0)" })
            }
            client.connection.hangUp()
            if faults.isEmpty { try eventually("the place to be given up") { !box.exists(".removed") } }
        }
    }

    @Test("server-sent events go on after Last-Event-ID; only the last of much; figures")
    func events() throws {
        let gateway = try RawGateway(box)
        try box.spawn("a", "--", "sh", "-c", "seq 1 2000; exec cat")
        try eventually("the output") { box.journal("a").count == 8893 }
        func listen(_ fields: String = "") throws -> RawConnection {
            let stream = try gateway.connectLocally()
            try stream.send("GET /api/v1/events?session=a HTTP/1.0\r\nHost: a\r\n\(fields)\r\n")
            while try !stream.readLine().isEmpty {}
            return stream
        }
        /// Contents up to one, and the id after it.
        func read(_ stream: RawConnection, until end: String) throws -> (lines: [String], id: String) {
            var lines: [String] = []
            while true {
                let line = try stream.readLine()
                if line.hasPrefix("id: "), lines.last == end { return (lines, String(line.dropFirst(4))) }
                if line.hasPrefix("data: "),
                    let text = try StreamEvent(JSON(parsing: line.dropFirst(6).utf8)).content
                {
                    lines.append(text)
                }
            }
        }
        let first = try read(try listen(), until: "700")
        let rest = try read(try listen("Last-Event-ID: \(first.id)\r\n"), until: "2000")
        #expect(first.lines + rest.lines == (1...2000).map { "\($0)" })
        let client = try RPCClient(gateway)
        let number = try subscribe(client, #"{"session":"a","output":"last","metrics":"100ms"}"#)
        let thin = try client.events(number, until: "\"2000\"")
        #expect(thin.count < 2000 && thin.last?.contains("\"lines\":") == true)
        _ = try client.events(number, until: "\"metrics\"")
        client.connection.hangUp()
        try eventually("nothing to be measured") { Proc.children(gateway.pid).isEmpty }
    }

    /// Readers that had stopped kept the loop awake all the time, and figures for them were kept without bound.
    @Test("readers that stop cost no memory, and no processor time once all is at rest; others are served")
    func stopped() throws {
        let gateway = try RawGateway(box)
        let script = "read x; yes $(printf %09999d 0) | head -n 300; echo end; exec cat"
        try box.spawn("a", "--", "sh", "-c", script)
        let readers = try (0..<10).map { number in
            let client = try RPCClient(gateway)
            try client.ask("follow", "{\"session\":\"a\"\(number == 0 ? ",\"metrics\":\"100ms\"" : "")}")
            _ = try client.text()
            return client
        }
        let before = try #require(Proc.resident(gateway.pid))
        try box.ctl("write", "a", "go")
        try eventually("the output") { try box.next("a") == 3_000_004 }
        let other = try RPCClient(gateway)
        #expect(try other.call("logs", #"{"session":"a","tail":1}"#)["result"]?.string == "end\n")
        let after = try #require(Proc.resident(gateway.pid))
        #expect(after < before + 10 * 512 + 4096, "KiB before: \(before), after: \(after)")
        for reader in readers.prefix(1) { reader.connection.reset() }
        // A command that has ended, and whose reader stops before it has all.
        let logs = try gateway.connectLocally()
        try logs.send("GET /api/v1/sessions/a/logs HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try logs.readLine()
        while Proc.children(gateway.pid).contains(where: { Proc.alive($0) }) { _ = try logs.read(10_000) }
        func ticks() -> Int { Proc.ticks(gateway.pid) ?? 0 }
        // Two seconds without a tick: a loop that spins has none of them.
        try eventually("rest") {
            let start = ticks()
            try box.pass(seconds: 2)
            return ticks() - start <= 1
        }
        // They go on where they were.
        _ = try readers[1].read(until: "\"end\"")
        logs.reset()
        try eventually("no process to be left") { Proc.children(gateway.pid).isEmpty }
    }

    @Test("what follows a session ends with its reader, also over TCP and when nothing is written")
    func readerGoes() throws {
        let gateway = try RawGateway(box)
        try box.spawn("a", "--", "cat")
        let reader = try gateway.connect()
        try reader.send(
            "GET /api/v1/sessions/a/logs?follow=1 HTTP/1.1\r\nHost: \(gateway.host)\r\n\(gateway.authorization)\r\n"
        )
        try eventually("the command") { Proc.children(gateway.pid).count == 1 }
        reader.hangUp()
        try eventually("its end") { Proc.children(gateway.pid).isEmpty }
    }
}
