import Glibc
import Testing

@Suite("Foreign programs")
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

    /// Shakes hands with a server of the Model Context Protocol.
    private func initialize(_ id: String) throws {
        let hello = try box.ctl(
            "call", "--timeout", "60s", id, "initialize",
            "{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}"
        )
        #expect(hello.status == 0, hello.why)
        #expect(try JSON(parsing: hello.stdout)["serverInfo"]?["name"]?.string != nil)
        let note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
        #expect(try box.ctl("call", id, "--raw", note).status == 0)
    }

    @Test("an MCP server of the time through call", requires("mcp-server-time"))
    func calledTime() throws {
        try box.spawn("m.time", "--", "mcp-server-time", "--local-timezone", "UTC")
        try initialize("m.time")
        let tools = try JSON(parsing: try box.ctl("call", "m.time.tools/list").stdout)
        #expect(
            tools["tools"]?.array?.contains { $0["name"]?.string == "get_current_time" } == true, "\(tools)")
        let arguments = "{\"name\":\"get_current_time\",\"arguments\":{\"timezone\":\"UTC\"}}"
        let time = try JSON(parsing: try box.ctl("call", "m.time", "tools/call", arguments).stdout)
        #expect(time["content"]?.array?.first?["text"]?.string?.contains("datetime") == true, "\(time)")
        let unknown = try box.ctl("call", "m.time", "no/such")
        #expect(unknown.status == 1, unknown.why)
        #expect(try JSON(parsing: unknown.stderr)["code"]?.int == -32601)
        let batch = (0..<40).map {
            "{\"jsonrpc\":\"2.0\",\"id\":\($0),\"method\":\"tools/call\",\"params\":\(arguments)}"
        }
        let answers = try box.run(
            [Executables.keeperctl, "call", "m.time", "--batch"],
            input: [UInt8](batch.joined(separator: "\n").utf8))
        #expect(answers.status == 0, answers.why)
        #expect(Set(try JSON.lines(answers.stdout).compactMap { $0["id"]?.int }) == Set(0..<40))
        #expect(try box.ctl("kill", "m.time").status == 0)
    }

    @Test("an MCP server of git repositories through call", requires("mcp-server-git", "git"))
    func calledGit() throws {
        #expect(try box.run(["git", "init", "-q", "\(box.root)/repository"]).status == 0)
        try writeFile("\(box.root)/repository/new.txt", "x\n".utf8)
        try box.spawn("g", "--", "mcp-server-git")
        try initialize("g")
        let callers = try (0..<4).map { _ in
            try box.startCtl(
                "call", "g", "tools/call",
                "{\"name\":\"git_status\",\"arguments\":{\"repo_path\":\"\(box.root)/repository\"}}")
        }
        for caller in callers {
            let answer = try JSON(parsing: try caller.readToEnd())
            #expect(
                answer["content"]?.array?.first?["text"]?.string?.contains("new.txt") == true, "\(answer)")
            #expect(try caller.wait() == .exited(0))
        }
        #expect(try box.ctl("kill", "g").status == 0)
    }
}
