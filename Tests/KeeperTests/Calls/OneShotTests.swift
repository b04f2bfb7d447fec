import Foundation
import Testing

@Suite("keeperctl run --json and --timeout")
struct OneShotTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func run(
        _ arguments: String..., input: [UInt8] = []
    ) throws -> (outcome: Outcome, object: JSON) {
        let outcome = try box.run([Executables.keeperctl, "run", "--json"] + arguments, input: input)
        #expect(outcome.stdout.last == 10 && outcome.stdout.filter { $0 == 10 }.count == 1, outcome.why)
        return (outcome, try JSON(parsing: outcome.stdout))
    }

    private func expectNothingLeft() throws {
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
        try eventually("no process") { box.processes.isEmpty }
    }

    @Test("output, exit and duration as one object, the command's own status, nothing left")
    func object() throws {
        let (outcome, object) = try run(
            "--timeout", "30s", "--", "sh", "-c", "cat; echo \"oops\" >&2; exit 42",
            input: [UInt8]("é\n2\n".utf8))
        #expect(outcome.status == 42 && outcome.err == "", outcome.why)
        #expect(object["stdout"]?.string == "é\n2\n" && object["stderr"]?.string == "oops\n")
        #expect(object["exitCode"]?.int == 42 && object["timedOut"]?.bool == false)
        let duration = try #require(object["durationMs"]?.int)
        #expect(duration >= 0 && duration < 30_000)
        #expect(
            object.keys == [
                "sessionId", "instance", "exitCode", "timedOut", "durationMs", "stdout", "stderr",
            ])
        try expectNothingLeft()
    }

    @Test("what is not UTF-8 is base64, each stream for itself; a signal has its name")
    func encodings() throws {
        let (outcome, object) = try run(
            "--", "sh", "-c", "printf 'a\\377\\000'; echo text >&2; kill -TERM $$")
        #expect(outcome.status == 143, outcome.why)
        #expect(object["stdoutEncoding"]?.string == "base64")
        #expect(Data(base64Encoded: object["stdout"]?.string ?? "") == Data([97, 255, 0]))
        #expect(object["stderr"]?.string == "text\n" && object["stderrEncoding"] == nil)
        #expect(object["signal"]?.string == "TERM" && object["exitCode"] == nil)
    }

    @Test("at the time limit everything that was started is ended, and what came is told")
    func timesOut() throws {
        let script = "echo before; setsid sleep 1000 & sleep 1000 & trap 'echo told; exit 5' TERM; wait; wait"
        // By then the trap is set.
        let (outcome, object) = try run("--timeout", "3s", "--", "sh", "-c", script)
        #expect(outcome.status == 4 && outcome.err.contains("timed out after 3s"), outcome.why)
        #expect(object["timedOut"]?.bool == true)
        #expect(object["stdout"]?.string == "before\ntold\n", "\(object)")
        #expect(object["exitCode"]?.int == 5)
        try expectNothingLeft()
    }

    @Test("the time limit holds, a little later, when run itself has been killed")
    func callerKilled() throws {
        let caller = try box.startCtl("run", "--timeout", "3s", "a", "--", "sh", "-c", "echo up; sleep 1000")
        #expect(try caller.readLine() == "up")
        caller.kill(SIGKILL)
        try caller.wait()
        try eventually("the end of all") { box.processes.isEmpty }
    }

    @Test("one that ignores TERM is killed; without --json the output comes as it is")
    func killed() throws {
        let outcome = try box.ctl(
            "run", "--timeout", "3s", "--", "sh", "-c",
            "trap '' TERM; echo here; while :; do sleep 1; done")
        #expect(outcome.status == 4 && outcome.out == "here\n", outcome.why)
        try expectNothingLeft()
    }

    @Test("output beyond the journal's bound is counted, and the status says that it is incomplete")
    func lost() throws {
        let (outcome, object) = try run("--journal-size", "64K", "--", "seq", "50000")
        #expect(outcome.status == 125 && outcome.err.contains("are gone"), outcome.why)
        let whole = (1...50_000).map { "\($0)\n" }.joined()
        let kept = try #require(object["stdout"]?.string)
        #expect(whole.hasSuffix(kept) && !kept.isEmpty)
        #expect(object["stdoutLost"]?.int == whole.utf8.count - kept.utf8.count)
        #expect(object["exitCode"]?.int == 0)
    }

    @Test("megabytes come through; a named session stays") func large() throws {
        let text = [UInt8]((0..<200_000).map { "line number \($0)\n" }.joined().utf8)
        let (outcome, object) = try run("a", "--", "cat", input: text)
        #expect(outcome.status == 0)
        #expect(object["stdout"]?.string.map { [UInt8]($0.utf8) } == text)
        #expect(box.state("a") == "exited")
    }

    @Test("what can't be started says so on stderr alone, with run's own statuses") func cannotStart() throws
    {
        let missing = try box.ctl("run", "--json", "--timeout", "1s", "--", "no-such-program")
        #expect(
            missing.status == 127 && missing.out == "" && missing.err.contains("no-such-program"), missing.why
        )
        let bad = try box.ctl("run", "--json", "--timeout", "soon", "--", "true")
        #expect(bad.status == 125 && bad.out == "", bad.why)
    }
}
