import Glibc
import Testing

@Suite("ctl.sock")
struct ControlTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawn("--wait", "ready", "a", "--", "cat")
    }

    private func control() throws -> UnixClient { try UnixClient(box.control("a")) }

    private func error(_ line: String) throws -> Int? {
        let client = try control()
        try client.send(line + "\n")
        return try JSON(parsing: try client.readLine())["error"]?["code"]?.int
    }

    @Test(
        "errors have JSON-RPC's codes",
        arguments: [
            ("{", -32700), ("nonsense", -32700), ("[1,2", -32700), ("1", -32600),
            ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"frobnicate\"}", -32601),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"signal\",\"params\":{\"name\":\"NOSUCH\"}}", -32602),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"signal\",\"params\":{\"name\":7}}", -32602),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"label\",\"params\":{\"k\":[]}}", -32602),
        ])
    func errors(line: String, code: Int) throws {
        #expect(try error(line) == code)
        #expect(try control().call("status")["result"]?["sessionId"]?.string == "a")
    }

    @Test("an answer carries its request's id, of either kind; a notification gets none")
    func identifiers() throws {
        let client = try control()
        try client.send(
            "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"x\\u0041\",\"method\":\"status\"}\n"
        )
        let answer = try JSON(parsing: try client.readLine())
        #expect(answer["id"]?.string == "xA")
        #expect(answer["jsonrpc"]?.string == "2.0")
        #expect(answer["result"]?["state"]?.string == "running")
    }

    @Test("requests in pieces and several in one write are all answered")
    func pieces() throws {
        let client = try control()
        for piece in [
            "{\"jsonrpc\":\"2.0\",", "\"id\":1,\"method\":\"sta",
            "tus\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n{}\n",
        ] {
            try client.send(piece)
        }
        let answers = try (0..<3).map { _ in try JSON(parsing: try client.readLine()) }
        #expect(Set(answers.compactMap { $0["id"]?.int }) == [1, 2])
        #expect(answers.contains { $0["error"]?["code"]?.int == -32600 })
    }

    @Test("label sets and removes; the file and the next status have it")
    func label() throws {
        let client = try control()
        #expect(try client.call("label", ["k": "v", "l": "w"])["result"]?["labels"]?.dictionary.count == 2)
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":99,\"method\":\"label\",\"params\":{\"k\":null}}\n")
        #expect(try JSON(parsing: try client.readLine())["result"]?["labels"]?.keys == ["l"])
        #expect(try box.status("a")["labels"]?.keys == ["l"])
        #expect(try box.eventNames("a").contains("label"))
    }

    @Test("signal reaches the child, stop answers at the end")
    func stop() throws {
        #expect(try control().call("signal", ["name": "TERM", "to": "process"])["result"]?.keys == [])
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        try box.spawn("--wait", "ready", "b", "--", "cat")
        let child = try box.childPID("b")
        let result = try #require(try UnixClient(box.control("b")).call("stop")["result"])
        #expect(result["state"]?.string == "exited")
        #expect(result["exitCode"]?.int == 0)
        #expect(result["survivors"]?.array?.count == 0)
        #expect(!Proc.alive(child))
    }

    @Test("closeInput ends the child's stdin")
    func closeInput() throws {
        #expect(try control().call("closeInput")["result"] != nil)
        try eventually("the end") { !box.exists("a.rpc.sock.pid") }
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
    }

    @Test("a client that stalls, vanishes or sends rubbish disturbs no other")
    func rubbish() throws {
        let stalled = try control()
        try stalled.send("{\"jsonrpc\":")
        let gone = try control()
        try gone.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n")
        gone.hangUp()
        _ = try? control().deliver([UInt8](repeating: 0xff, count: 200_000))
        #expect(try control().call("status")["result"] != nil)
        #expect(try UnixClient(box.socket("a")).deliver("x\n").isReceipt)
    }
}
