import Foundation
import Testing

/// `write --key`: a line that may be sent again.
@Suite("keeperctl write --key")
struct KeyedWriteTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func write(_ key: String, _ line: String) throws -> Outcome {
        try box.ctl("write", "--key", key, "a", line)
    }

    /// Whether it sleeps with a connection open: it has sent its request, and there is nothing else that it waits for.
    private func awaitsAnswer(_ writer: Running) -> Bool {
        let folder = "/proc/\(writer.pid)/fd"
        return directoryEntries(folder).contains {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)"))?.hasPrefix(
                "socket:") == true
        }
            && Proc.state(Int(writer.pid)) == "S"
    }

    /// All that the child has got once this line is there.
    private func received(until line: String = "end") throws -> [String] {
        try box.ctl("write", "a", line)
        try eventually("the end") { box.journalText("a").hasSuffix("\(line)\n") }
        return box.journalText("a").split(separator: "\n").dropLast().map(String.init)
    }

    @Test("a key that was delivered is not delivered again, which is said and is no failure")
    func twice() throws {
        try box.spawn("a", "--", "cat")
        let first = try write("k1", "one")
        #expect(first.status == 0 && first.err == "")
        let second = try write("k1", "another")
        #expect(second.status == 0)
        #expect(second.err == "keeperctl: write to a: not sent again: a line with this key is delivered\n")
        #expect(try write("k2", "one").err == "")
        #expect(
            try box.ctl("write", "--key", "k3", "a", input: [UInt8]("from stdin \u{2028} \"ü\"\n".utf8))
                .status == 0)
        #expect(try box.ctl("write", "--key", "k4", "a", input: [UInt8]("no line feed".utf8)).status == 0)
        #expect(try box.ctl("write", "--key", "k5", "a", input: []).status == 0)
        #expect(
            try box.ctl("write", "--attempts", "1", "--timeout", "20s", "--key", "k5", "a", "x").err.contains(
                "again"))
        #expect(try received() == ["one", "one", "from stdin \u{2028} \"ü\"", "no line feed"])
        #expect(box.journalText("a").contains("no line feed\n\nend\n"))
    }

    @Test("the last 1,024 keys are known, the one before is not")
    func bound() throws {
        try box.spawn("a", "--", "cat")
        #expect(try write("first", "first").err == "")
        #expect(try write("second", "second").err == "")
        let client = try UnixClient(box.control("a"))
        for number in 0..<1023 {
            let answer = try client.call("write", ["line": "fill", "key": "fill \(number)"])
            #expect(answer["result"]?["duplicate"]?.bool == false)
        }
        #expect(try write("second", "second again").err != "")
        #expect(try write("first", "first again").err == "")
        let lines = try received()
        #expect(lines.filter { $0 != "fill" } == ["first", "second", "first again"])
    }

    @Test("many at once with one key: the child gets one line, and all but one are told so")
    func many() throws {
        try box.spawn("a", "--", "cat")
        let writers = try (0..<8).map { _ in
            try box.start([Executables.keeperctl, "write", "--key", "same", "a", "line"])
        }
        for writer in writers { #expect(try writer.wait() == .exited(0)) }
        #expect(writers.filter { $0.errorText.contains("not sent again") }.count == 7)
        #expect(try received() == ["line"])
    }

    @Test("what can't be written with a key is refused, and nothing is delivered")
    func refused() throws {
        try box.spawn("a", "--", "cat")
        func refusal(_ arguments: String..., input: [UInt8] = []) throws -> Outcome {
            let outcome = try box.run([Executables.keeperctl, "write"] + arguments, input: input)
            #expect(outcome.err.split(separator: "\n").count == 1)
            return outcome
        }
        let two = try refusal("--key", "k", "a", "one", "two")
        #expect(two.status == 2 && two.err.contains("one line"))
        #expect(try refusal("--key", "k", "a", "one\ntwo").status == 2)
        #expect(try refusal("--key", "k", "a", input: [UInt8]("one\ntwo\n".utf8)).status == 2)
        let notText = try refusal("--key", "k", "a", input: [0xff, 0x0a])
        #expect(notText.status == 2 && notText.err.contains("UTF-8"))
        #expect(try refusal("--key", "", "a", "x").status == 2)
        #expect(try refusal("--key", String(repeating: "k", count: 257), "a", "x").status == 2)
        #expect(try refusal("--key", "k", "--no-receipt", "a", "x").status == 2)
        let long = try refusal("--key", "k", "a", input: [UInt8](repeating: 0x78, count: 1 << 20))
        #expect(long.status == 1 && long.err.contains("mebibyte"))
        #expect(try refusal("--key", "k", "b", "x").status == 3)
        #expect(try write(String(repeating: "k", count: 256), "good").status == 0)
        #expect(try received() == ["good"])
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try refusal("--key", "k", "a", "x").status == 3)
    }

    @Test(
        "a keeper that dies without an answer: unknown whether it is delivered, and never in the next session"
    )
    func death() throws {
        try box.spawn("a", "--", "cat")
        let keeper = try box.keeperPID("a")
        kill(pid_t(keeper), SIGSTOP)
        let writer = try box.start([
            Executables.keeperctl, "write", "--attempts", "1000", "--key", "k", "a", "line",
        ])
        try eventually("the request") { awaitsAnswer(writer) }
        kill(pid_t(keeper), SIGKILL)
        #expect(try box.ctl("discover").status == 0)
        #expect(try writer.wait() == .exited(6), "\(writer.errorText)")
        #expect(writer.errorText.contains("may be delivered or not"))
        try box.spawn("a", "--", "cat")
        #expect(try received() == [])
    }

    @Test(
        "an answer that was lost: the line is sent again to the next keeper, once", requires(Programs.python))
    func again() throws {
        let manager = try StandInManager(box, "a", "--", "cat")
        for round in 0..<5 {
            kill(pid_t(manager.keeper), SIGSTOP)
            let writer = try box.start([
                Executables.keeperctl, "write", "--attempts", "1000", "--key", "k\(round)", "a",
                "line \(round)",
            ])
            try eventually("the request") { awaitsAnswer(writer) }
            try manager.replaceKeeper()
            #expect(try writer.wait() == .exited(0), "\(writer.errorText)")
        }
        #expect(try received() == (0..<5).map { "line \($0)" })
        #expect(try box.ctl("kill", "a").status == 0)
    }
}
