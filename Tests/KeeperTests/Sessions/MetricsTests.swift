import Testing

@Suite("Figures for Prometheus")
struct MetricsTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private struct Sample {
        let name: String
        let labels: [String: String]
        let value: Double
        let type: String
    }

    /// Reads a page with the official client's parser.
    private func samples() throws -> [Sample] {
        let outcome = try box.ctl("metrics")
        try #require(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
        let script = """
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families as parse
            text = sys.stdin.buffer.read().decode()
            families = list(parse(text))
            assert all(family.documentation for family in families)
            assert len({family.name for family in families}) == len(families)
            print(json.dumps([[s.name, s.labels, s.value, f.type] for f in families for s in f.samples]))
            """
        let python = try #require(try Programs.python(with: "prometheus_client"))
        let parsed = try box.run([python, "-c", script], input: outcome.stdout)
        try #require(parsed.status == 0, parsed.why)
        return try #require(try JSON(parsing: parsed.stdout).array).map { entry in
            let parts = try #require(entry.array)
            return Sample(
                name: parts[0].string ?? "", labels: parts[1].dictionary.compactMapValues(\.string),
                value: parts[2].raw as? Double ?? -1, type: parts[3].string ?? "")
        }
    }

    @Test(
        "the official parser reads every family, with odd labels intact",
        requires(pythonModule: "prometheus_client"))
    func parses() throws {
        let odd = "a\"b\\n\n\u{1F600}\\"
        try box.spawn("--wait", "ready", "--label", "k=\(odd)", "a", "--", "sh", "-c", "echo hello; exec cat")
        try box.spawn("--wait", "ready", "b@1:2+3", "--", "cat", "-", "two \"words\"")
        try eventually("output") { box.journalText("a") == "hello\n" }
        let (child, keeper) = (try box.childPID("a"), try box.keeperPID("a"))
        func resident(_ pid: Int) -> Double {
            Double((Proc.value(pid, "smaps_rollup", "Rss") ?? -1) << 10)
        }
        // At rest: neither the command nor its keeper has anything more to do.
        var last: [Double] = []
        try eventually("rest") {
            let before = last
            last = [resident(child), resident(keeper)]
            try box.pass(seconds: 0.3)
            return Proc.arguments(child) == ["cat"] && last == before
        }
        let samples = try samples()
        func values(_ name: String, _ labels: [String: String]) -> [Double] {
            samples.filter { sample in
                sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
            }.map(\.value)
        }
        let a = ["session": "a"]
        #expect(values("keeper_sessions", [:]) == [2])
        #expect(values("keeper_session_label", ["session": "a", "name": "k", "value": odd]) == [1])
        #expect(
            values("keeper_session_info", ["session": "b@1:2+3", "command": "cat - 'two \"words\"'"]) == [1])
        #expect(values("keeper_session_state", ["session": "a", "state": "running"]) == [1])
        #expect(values("keeper_session_state", a).reduce(0, +) == 1)
        #expect(values("keeper_session_state", a).count == 9)
        #expect(values("keeper_session_journal_bytes_total", ["session": "a", "stream": "stdout"]) == [6])
        #expect(values("keeper_session_restarts_total", a) == [0])
        #expect(values("keeper_session_processes", a) == [1])
        #expect(values("keeper_session_threads", a) == [1])
        #expect(values("keeper_session_open_fds", a) == [Double(Proc.descriptors(child))])
        #expect(values("keeper_session_resident_memory_bytes", a) == [resident(child)])
        #expect(values("keeper_session_keeper_resident_memory_bytes", a) == [resident(keeper)])
        #expect(values("keeper_session_cpu_seconds_total", a).count == 2)
        for name in ["start_time_seconds", "read_bytes_total", "proportional_memory_bytes"] {
            #expect(values("keeper_session_\(name)", a).first ?? 0 > 0, "\(name)")
        }
        for sample in samples {
            #expect(sample.name == "keeper_sessions" || sample.labels["session"] != nil)
            #expect((sample.type == "counter") == sample.name.hasSuffix("_total"), "\(sample)")
        }
    }

    @Test("no session is no error", requires(pythonModule: "prometheus_client"))
    func empty() throws {
        let samples = try samples()
        #expect(samples.map(\.name) == ["keeper_sessions"] && samples[0].value == 0)
    }
}
