import Glibc
import Testing

@Suite("call --batch", requires(Programs.python))
struct CallBatchTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawn("r", StandIn.command("rpc"))
    }

    private func batch(_ lines: [String], _ options: String...) throws -> Outcome {
        try box.run(
            [Executables.keeperctl, "call", "r", "--batch"] + options,
            input: [UInt8](lines.map { $0 + "\n" }.joined().utf8))
    }

    @Test("answers come as they come, whole, each with its caller's id")
    func answers() throws {
        let outcome = try batch([
            "{\"id\":1,\"method\":\"hold\"}", "{\"id\":\"two\",\"method\":\"hold\"}",
            "", "{\"jsonrpc\":\"2.0\",\"method\":\"notice\"}", "{\"id\":1,\"method\":\"release\"}",
            "{\"id\":null,\"method\":\"count\"}",
        ])
        #expect(outcome.status == 0, outcome.why)
        let answers = try JSON.lines(outcome.stdout)
        #expect(
            answers.map { $0["id"]?.string ?? $0["id"]?.int.map(String.init) ?? "null" } == [
                "two", "1", "1", "null",
            ])
        #expect(answers.last?["result"]?.int == 5)
    }

    @Test("requests are sent as they come, without waiting for answers or for the end of input")
    func pipelined() throws {
        let caller = try box.startCtl("call", "r", "--batch")
        caller.write("{\"id\":1,\"method\":\"hold\"}\n{\"id\":2,\"method\":\"echo\"}\n")
        #expect(try JSON(parsing: try #require(try caller.readLine()).utf8)["id"]?.int == 2)
        caller.write("{\"id\":3,\"method\":\"release\"}")
        caller.closeInput()
        #expect(try JSON(parsing: try #require(try caller.readLine()).utf8)["id"]?.int == 1)
        #expect(try JSON(parsing: try #require(try caller.readLine()).utf8)["id"]?.int == 3)
        #expect(try caller.readLine() == nil)
        #expect(try caller.wait() == .exited(0))
    }

    @Test("20,000 requests at once, also with a first one that is answered last")
    func many() throws {
        let numbers = (0..<20_000).map { "{\"id\":\($0),\"method\":\"id\"}" }
        let outcome = try batch(
            ["{\"id\":-1,\"method\":\"hold\"}"] + numbers + ["{\"id\":-2,\"method\":\"release\"}"])
        #expect(outcome.status == 0, outcome.why)
        let answers = try JSON.lines(outcome.stdout)
        #expect(answers.compactMap { $0["id"]?.int } == Array(0..<20_000) + [-1, -2])
        #expect(Set(answers.compactMap { $0["result"]?.string }).count == 20_002)
    }

    @Test("one that is no request is named and skipped; errors and lost answers show in the status")
    func failures() throws {
        let good = "{\"id\":1,\"method\":\"echo\"}"
        let bad = try batch(["nonsense", good, "[\(good)]", "{\"id\":4}"])
        #expect(bad.status == 2)
        #expect(try JSON.lines(bad.stdout).count == 1)
        #expect(bad.err.split(separator: "\n").count == 3, bad.why)
        let failed = try batch([good, "{\"id\":2,\"method\":\"fail\"}", good])
        #expect(failed.status == 1)
        #expect(try JSON.lines(failed.stdout).count == 3)
        let late = try batch([good, "{\"id\":\"slow\",\"method\":\"hold\"}", good], "--timeout", "3s")
        #expect(late.status == 4)
        #expect(try JSON.lines(late.stdout).count == 2)
        #expect(late.err.contains("no answer to request '\"slow\"' within 3s"), late.why)
    }

    @Test("the session's end is an error at once, also while nothing is under way")
    func ends() throws {
        let idle = try box.startCtl("call", "r", "--batch")
        idle.write("{\"id\":2,\"method\":\"echo\"}\n")
        #expect(try idle.readLine() != nil)
        #expect(try batch(["{\"id\":1,\"method\":\"echo\"}", "{\"id\":2,\"method\":\"die\"}"]).status == 3)
        let end = try idle.wait()
        #expect(end == .exited(3) || end == .exited(6), "\(end) \(idle.errorText)")
    }
}
