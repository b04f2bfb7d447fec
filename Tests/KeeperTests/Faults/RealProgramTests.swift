import Glibc
import Testing

@Suite("Programs that nobody here wrote")
struct RealProgramTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("jq", requires("jq"))
    func jq() throws {
        try box.spawn("j", "--", "jq", "--unbuffered", "-c", ".")
        #expect(try box.ctl("write", "j", "{\"a\": [1,  2]}", "\"é\"").status == 0)
        try eventually("both values") { box.journalText("j") == "{\"a\":[1,2]}\n\"é\"\n" }
        #expect(try box.ctl("kill", "j").status == 0)
        #expect(try box.status("j")["exit"]?["code"]?.int == 0)
    }

    @Test("bc", requires("bc"))
    func calculator() throws {
        try box.spawn("b", "--", "bc")
        #expect(try box.ctl("write", "b", "2^100", "quit").status == 0)
        #expect(try box.ctl("wait", "b").out == "b 0\n")
        #expect(try box.ctl("logs", "b").out == "1267650600228229401496703205376\n")
    }

    @Test("python3 -i", requires(Programs.python))
    func python() throws {
        let outcome = try box.run([
            Executables.keeperctl, "spawn", "p", "--", Programs.python, "-i", "-u", "-q",
        ])
        #expect(outcome.status == 0, outcome.why)
        #expect(
            try box.ctl("write", "p", "x = 6 * 7", "print('answer', x)", "raise SystemExit(4)").status == 0)
        #expect(try box.ctl("wait", "p").out == "p 4\n")
        #expect(try box.ctl("logs", "p").out.contains("answer 42\n"))
    }

    @Test(
        "an MCP server: initialize, tools/list, tools/call through write and logs",
        requires("mcp-server-time"))
    func contextServer() throws {
        try box.spawn("m", "--", "mcp-server-time", "--local-timezone", "UTC")
        let reader = try box.startCtl("logs", "-f", "m")
        func ask(_ message: [String: Any]) throws -> JSON {
            let line = String(decoding: try JSON.encode(message), as: UTF8.self)
            #expect(try box.ctl("write", "m", line).status == 0)
            let answer = try #require(try reader.readLine(timeout: 60))
            return try JSON(parsing: answer.utf8)
        }
        let client: [String: Any] = ["name": "test", "version": "1"]
        let parameters: [String: Any] = [
            "protocolVersion": "2024-11-05", "capabilities": [String: Any](), "clientInfo": client,
        ]
        let hello = try ask(["jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters])
        #expect(hello["result"]?["serverInfo"] != nil, "\(hello)")
        #expect(
            try box.ctl("write", "m", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}").status
                == 0)
        let tools = try ask(["jsonrpc": "2.0", "id": 2, "method": "tools/list"])
        #expect(
            tools["result"]?["tools"]?.array?.contains { $0["name"]?.string == "get_current_time" } == true)
        let arguments: [String: Any] = ["name": "get_current_time", "arguments": ["timezone": "UTC"]]
        let time = try ask(["jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": arguments])
        #expect(time["result"]?["content"]?.array?.isEmpty == false, "\(time)")
        #expect(try box.ctl("kill", "m").status == 0)
    }
}
