import Glibc
import Testing

@Suite("keeperctl attach, by standard input and output")
struct PipeAttachTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("lines in, both outputs out, from now on; the session's end ends attach with its output complete")
    func streams() throws {
        try box.spawn(
            "a", "--", "sh", "-c",
            "echo before; while read x; do echo out $x; echo err $x >&2; done; seq 20000")
        try eventually("history") { box.journalText("a") == "before\n" }
        let attached = try box.startCtl("attach", "a")
        attached.write("one\n")
        #expect(try attached.readLine() == "out one")
        try eventually("stderr") { attached.errorText == "err one\n" }
        #expect(try box.ctl("eof", "a").status == 0)
        #expect(
            String(decoding: try attached.readToEnd(), as: UTF8.self)
                == (1...20000).map { "\($0)\n" }.joined())
        #expect(try attached.wait() == .exited(0))
    }

    @Test("the end of stdin ends attach once its lines are delivered, and the session goes on")
    func stdinEnds() throws {
        try box.spawn("a", "--", "cat")
        let attached = try box.startCtl("attach", "a")
        attached.write("one\n")
        #expect(try attached.readLine() == "one")
        attached.write("two, without an end")
        attached.closeInput()
        #expect(try attached.wait() == .exited(0))
        try eventually("the last line") { box.journalText("a") == "one\ntwo, without an end\n" }
        #expect(box.state("a") == "running" || box.state("a") == "starting")
        #expect(try box.ctl("attach", "a", input: [UInt8]("three\n".utf8)).status == 0)
        try eventually("the next") { box.journalText("a").hasSuffix("three\n") }
    }

    @Test("a session that ends badly, refuses a line, or is not there, is told by the status")
    func statuses() throws {
        try box.spawn("a", "--", "sh", "-c", "read x; echo got $x; exit 3")
        let ended = try box.startCtl("attach", "a")
        ended.write("line\n")
        #expect(try ended.readLine() == "got line")
        #expect(try ended.wait() == .exited(1))
        #expect(ended.errorText.contains("session a has ended: exit 3"))
        try box.spawn("--max-line", "100", "b", "--", "cat")
        let refused = try box.ctl("attach", "b", input: [UInt8](repeating: 120, count: 200) + [10])
        #expect(refused.status == 1 && refused.err.contains("too_long"), refused.why)
        #expect(try box.ctl("attach", "a").status == 3)
        #expect(try box.ctl("attach", "never").status == 3)
        let keys = try box.ctl("attach", "--detach-keys", "ctrl-", "b")
        #expect(keys.status == 2 && keys.err.contains("--detach-keys"), keys.why)
    }

    @Test("read-only: stdin is left alone")
    func readOnly() throws {
        try box.spawn("a", "--", "cat")
        let attached = try box.startCtl("attach", "--read-only", "a")
        attached.write("not this\n")
        attached.closeInput()
        try eventually("attach to look on") {
            _ = try box.ctl("write", "a", "this")
            return (try? attached.readLine(timeout: 0.2)) == "this"
        }
        #expect(!box.journalText("a").contains("not"))
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try attached.wait() == .exited(0))
    }

    @Test("a killed attach harms no session", arguments: [SIGKILL, SIGTERM])
    func killed(signal: Int32) throws {
        try box.spawn("a", "--", "cat")
        let attached = try box.startCtl("attach", "a")
        attached.write("one\nhalf a")
        #expect(try attached.readLine() == "one")
        attached.kill(signal)
        try attached.wait()
        #expect(try box.ctl("write", "a", "two").status == 0)
        try eventually("whole lines") { box.journalText("a") == "one\ntwo\n" }
    }

    @Test(
        "the official Python MCP client, whose server command is keeperctl attach",
        requires(pythonModule: "mcp"), requires("mcp-server-time"))
    func client() throws {
        try box.spawn("m", "--", "mcp-server-time", "--local-timezone", "UTC")
        let script = """
            import asyncio, sys
            from mcp import ClientSession, StdioServerParameters
            from mcp.client.stdio import stdio_client

            async def main():
                server = StdioServerParameters(command=sys.argv[1], args=["--sessions-dir", sys.argv[2], "attach", "m"])
                async with stdio_client(server) as (reader, writer):
                    async with ClientSession(reader, writer) as session:
                        await session.initialize()
                        tools = await session.list_tools()
                        print(sorted(tool.name for tool in tools.tools))
                        answers = await asyncio.gather(*[
                            session.call_tool("get_current_time", {"timezone": "UTC"}) for _ in range(20)])
                        print(sum("UTC" in answer.content[0].text for answer in answers))

            asyncio.run(main())
            """
        try writeFile(box.root + "/client.py", script.utf8)
        let python = try #require(try Programs.python(with: "mcp"))
        for _ in 0..<2 {
            let outcome = try box.run([python, box.root + "/client.py", Executables.keeperctl, box.sessions])
            #expect(outcome.out == "['convert_time', 'get_current_time']\n20\n", outcome.why)
        }
        #expect(box.state("m") == "running")
        #expect(try box.ctl("kill", "m").status == 0)
    }
}
