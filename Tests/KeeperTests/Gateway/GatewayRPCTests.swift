import Glibc
import Testing

@Suite("keeperctl gateway: JSON-RPC")
struct GatewayRPCTests {
    let box: Sandbox
    let gateway: RawGateway

    init() throws {
        box = try Sandbox()
        gateway = try RawGateway(box)
    }

    @Test("each kind of answer: a value, nothing, an id, a text, lines")
    func answers() throws {
        let client = try RPCClient(gateway)
        #expect(try client.call("hello")["result"]?["right"]?.string == "control")
        let made = try client.call("spawn", #"{"sessionId":"a","command":["cat"],"labels":{"k":"1"}}"#)
        #expect(made["result"]?["sessionId"]?.string == "a", "\(made)")
        #expect(try client.call("list")["result"]?.array?.first?["sessionId"]?.string == "a")
        let written = try client.call("write", #"{"session":"a","lines":["one",{"two":2}]}"#)
        #expect(written["result"]?.isNull == true, "\(written)")
        try eventually("the echo") { box.journalText("a") == "one\n{\"two\":2}\n" }
        #expect(try client.call("logs", #"{"session":"a"}"#)["result"]?.string == "one\n{\"two\":2}\n")
        #expect(try client.call("screen", #"{"session":"a"}"#)["result"]?.string?.contains("one") == true)
        try eventually("the session to run") {
            try client.call("status", #"{"session":"a"}"#)["result"]?["state"]?.string == "running"
        }
        #expect(try client.call("history", #"{"session":"a"}"#)["result"]?.array?.isEmpty == false)
        // Parameters may come as the only element of an array, and a notification has no answer.
        try client.send(#"{"jsonrpc":"2.0","method":"label","params":{"session":"a","labels":{"k":"2"}}}"#)
        try eventually("the label") {
            try client.call("list", #"[{"label":["k=2"]}]"#)["result"]?.array?.count == 1
        }
        #expect(try client.call("stop", #"{"session":"a"}"#)["result"]?.isNull == true)
        #expect(client.told.isEmpty, "\(client.told)")
    }

    @Test("errors have the numbers of JSON-RPC, a code, and name what is wrong")
    func errors() throws {
        try box.spawn("a", "--", "cat")
        let client = try RPCClient(gateway)
        let cases = [
            ("nothing", "{}", -32601, "noMethod", "nothing"),
            ("status", #"{"session":"a","x":1}"#, -32602, "badRequest", "'x'"),
            ("status", "{}", -32602, "badRequest", "\"session\""),
            ("status", "[1,2]", -32602, "badRequest", "by name"),
            ("write", #"{"session":"a"}"#, -32602, "badRequest", "'lines'"),
            ("keys", #"{"session":"a","keys":"x"}"#, -32602, "badRequest", "array"),
            ("status", #"{"session":"none"}"#, -32000, "noSession", "none"),
            ("spawn", #"{"sessionId":"a","command":["cat"]}"#, -32000, "conflict", "a"),
            ("follow", "{}", -32602, "badRequest", "session"),
            ("follow", #"{"all":true,"from":7}"#, -32602, "badRequest", "\"from\""),
            ("follow", #"{"all":"yes"}"#, -32602, "badRequest", "\"all\""),
            ("follow", #"{"all":true,"y":7}"#, -32602, "badRequest", "'y'"),
            ("unfollow", #"{"subscription":7}"#, -32602, "badRequest", "\"subscription\""),
            // What would never be whole.
            ("logs", #"{"session":"a","follow":true}"#, -32602, "badRequest", "follow"),
        ]
        for (method, params, number, code, word) in cases {
            let error = try #require(try client.call(method, params)["error"], "\(method) \(params)")
            #expect(
                error["code"]?.int == number
                    && (error["data"]?["code"]?.string == code || code == "badRequest")
                    && error["message"]?.string?.contains(word) == true, "\(method) \(params): \(error)")
        }
        for (text, number) in [
            ("{", -32700), ("[]", -32600), ("[{}]", -32600), (#"{"jsonrpc":"1.0","id":1}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1}"#, -32600),
        ] {
            try client.send(text)
            #expect(try client.message()["error"]?["code"]?.int == number, "\(text)")
        }
        let reader = try RPCClient(gateway, token: gateway.readingToken)
        #expect(try reader.call("hello")["result"]?["right"]?.string == "read")
        for method in ["stop", "a.echo"] {
            let error = try reader.call(method, #"{"session":"a"}"#)["error"]
            #expect(error?["data"]?["status"]?.int == 403, "\(String(describing: error))")
        }
    }

    /// An answer that came in several parts was told in the wrong order, and never ended.
    @Test("a long answer comes whole")
    func long() throws {
        try box.spawn("a", "--", "sh", "-c", "seq 1 60000; exec cat")
        let all = (1...60_000).map { "\($0)\n" }.joined()
        try eventually("the output") { box.journal("a").count == all.utf8.count }
        let client = try RPCClient(gateway)
        #expect(try client.call("logs", #"{"session":"a"}"#)["result"]?.string == all)
    }

    @Test("calls: parameters of any kind, results, errors, progress; 64 at a time and more wait")
    func calls() throws {
        try box.spawn("r.s", StandIn.command("rpc"))
        let client = try RPCClient(gateway)
        #expect(try client.call("r.s.echo", "[1,2]")["result"]?.description == JSON([1, 2]).description)
        #expect(try client.call("r.s.echo", #"{"a":1}"#)["result"]?["a"]?.int == 1)
        #expect(try client.call("r.s.id", "null")["result"] != nil)
        #expect(try client.call("r.s.fail", "[3]")["error"]?["message"]?.string == "as you wish")
        #expect(try client.call("r.s.nothing", "[3]")["error"]?["code"]?.int == -32601)
        #expect(client.told.isEmpty)
        let number = try client.ask("r.s.work", #"{"times":3,"pause":0}"#)
        #expect(try client.answer(to: number)["result"]?.string == "worked")
        #expect(client.told.map { $0["params"]?["id"]?.int } == [number, number, number])
        #expect(client.told.allSatisfy { $0["method"]?.string == "progress" }, "\(client.told)")
        // They are held until one more comes, by another way.
        let file = "\(box.root)/go"
        let numbers = try (0..<66).map { _ in try client.ask("r.s.await", "[\"\(file)\"]") }
        let other = try RPCClient(gateway)
        #expect(try other.call("hello")["result"] != nil)
        try writeFile(file, [])
        var waiting = Set(numbers)
        while !waiting.isEmpty {
            let answer = try client.message()
            #expect(answer["result"]?.string == "awaited", "\(answer)")
            waiting.remove(try #require(answer["id"]?.int))
        }
        try eventually("no process to be left") { Proc.children(gateway.pid).isEmpty }
    }

    @Test("a client in the form of older servers, written from its description")
    func older() throws {
        try box.spawn("r", StandIn.command("rpc"))
        let outcome = try box.run(StandIn.command("older-rpc", "\(gateway.port)", gateway.token))
        #expect(outcome.out == "ok\n", outcome.why)
    }

    @Test(
        "turns: events and then null; a failed one is an error; busy is 409; as lines and as server-sent events"
    )
    func turns() throws {
        try box.spawn("t", StandIn.command("stream-json"))
        let client = try RPCClient(gateway)
        let number = try client.ask("turn", #"{"session":"t","message":"say=one"}"#)
        #expect(try client.answer(to: number)["result"]?.isNull == true)
        #expect(!client.told.isEmpty)
        #expect(
            client.told.allSatisfy {
                $0["method"]?.string == "turn" && $0["params"]?["id"]?.int == number
                    && $0["params"]?["event"]?["type"]?.string != nil
            })
        let failed = try client.call("turn", #"{"session":"t","message":"failed"}"#)
        #expect(failed["error"]?["data"]?["code"]?.string == "agentError", "\(failed)")
        let head = "Content-Type: application/json\r\n" + gateway.authorization
        let path = "POST /api/v1/sessions/t/turn"
        let lines = try gateway.ask(path, head, body: #"{"message":"say=two"}"#)
        let types = try JSON.lines(lines.body).compactMap { $0["type"]?.string }
        #expect(lines.status == 200 && types.count > 1, "\(lines)")
        let stream = try gateway.ask(
            path, head + "Accept: text/event-stream\r\n", body: #"{"message":"say=two"}"#)
        #expect(stream.fields["content-type"]?.hasPrefix("text/event-stream") == true)
        #expect(stream.text.split(separator: "\n\n").filter { $0.hasPrefix("data: {") }.count == types.count)
        // The caller goes away, and the turn goes on.
        let file = "\(box.root)/go"
        let caller = try RPCClient(gateway)
        try caller.ask("turn", "{\"session\":\"t\",\"message\":\"say=three await=\(file) say=four\"}")
        #expect(try caller.text().contains("turn"))
        caller.connection.reset()
        let busy = try gateway.ask(path, head, body: #"{"message":"say=five"}"#)
        #expect(busy.status == 409, "\(busy)")
        try writeFile(file, [])
        try eventually("the turn to end") {
            try gateway.ask(path, head, body: #"{"message":"say=six"}"#).status == 200
        }
        #expect(box.journalText("t").contains("four"))
        try eventually("no process to be left") { Proc.children(gateway.pid).isEmpty }
    }
}
