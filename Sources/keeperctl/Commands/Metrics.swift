import CSystem
import KeeperShared

let metricsCommand = Command("metrics", run: runMetrics) {
    CommandSpec(
        $0, summary: "Print figures of all sessions for Prometheus",
        description: [
            "Prints the text format 0.0.4: state, start, restarts, output, processor, memory, descriptors, input "
                + "and output of each session that is not over, and the memory of its keeper."
        ],
        examples: [
            ExampleSpec(
                "keeperctl metrics", "Prints a page, as for node_exporter's textfile collector.")
        ], exitStatuses: [Shared.done])
}

/// Everything measurable in Prometheus' text format 0.0.4.
func runMetrics(_ context: Context) throws(CommandFailure) -> Int32 {
    var sessions: [SessionSample] = []
    if let directory = try context.openDirectory() {
        let sampler = try attempt(
            directory.text, try SessionSampler(directory.descriptor, [.memory, .descriptors, .transfer]))
        try attempt(directory.text, try sampler.sample())
        sessions = sampler.sessions
    }
    var page = MetricsPage(sessions)
    page.writeAll()
    context.output.write(page.bytes)
    context.output.flush()
    return ExitStatus.done
}

private struct MetricsPage {
    private(set) var bytes: [UInt8] = []
    private let sessions: [SessionSample]
    /// Of the family that is being written.
    private var name: StaticString = ""

    init(_ sessions: [SessionSample]) { self.sessions = sessions }

    mutating func writeAll() {
        begin("s", "gauge", "Sessions in the sessions directory that are not over.")
        bytes.append(literal: "keeper_sessions ")
        end(String(sessions.count))
        writeDescriptions()
        writeCounters()
        begin("_start_time_seconds", "gauge", "When the session began, in seconds since 1970.")
        for session in sessions {
            guard let time = session.startedAt else { continue }
            beginSample(session)
            endSample(secondsText(time.nanoseconds))
        }
        write("_restarts_total", "counter", "How often the command was started again.") { $0.restarts }
        write("_resident_memory_bytes", "gauge", "Resident memory of the session's processes.") {
            $0.usage?.resident
        }
        write(
            "_proportional_memory_bytes", "gauge", "The same with shared pages divided among their users."
        ) { $0.usage?.proportional }
        write("_open_fds", "gauge", "Open descriptors of the session's processes.") { $0.usage?.descriptors }
        write("_read_bytes_total", "counter", "Bytes that the session's processes have read.") {
            $0.usage?.bytesRead
        }
        write("_written_bytes_total", "counter", "Bytes that the session's processes have written.") {
            $0.usage?.bytesWritten
        }
        write("_threads", "gauge", "Threads of the session's processes.") { $0.usage?.threads }
        write("_processes", "gauge", "The command and its descendants.") { $0.usage?.processes }
        write("_keeper_resident_memory_bytes", "gauge", "Resident memory of the session's keeper.") {
            $0.keeperUsage?.resident
        }
        write(
            "_keeper_proportional_memory_bytes", "gauge",
            "The same with shared pages divided among their users."
        ) { $0.keeperUsage?.proportional }
    }

    private mutating func writeDescriptions() {
        begin("_info", "gauge", "What a session runs; always 1.")
        for session in sessions {
            guard let instance = session.instance else { continue }
            beginSample(session)
            label("instance", instance)
            label("command", shellText(session.command, limit: 200))
            endSample("1")
        }
        begin("_label", "gauge", "A label that the user gave a session; always 1.")
        for session in sessions {
            for given in session.labels {
                beginSample(session)
                label("name", given.name)
                label("value", given.value)
                endSample("1")
            }
        }
        begin("_state", "gauge", "1 for the state that a session is in, 0 for all others.")
        for session in sessions {
            for state in SessionState.allCases {
                writeSample(session, "state", "\(state.name)", state == session.state ? "1" : "0")
            }
        }
    }

    private mutating func writeCounters() {
        begin("_journal_bytes_total", "counter", "Bytes of output that the session's journals have taken.")
        for session in sessions where session.instance != nil {
            writeSample(session, "stream", "stdout", String(session.stdout))
            writeSample(session, "stream", "stderr", String(session.stderr))
        }
        begin(
            "_cpu_seconds_total", "counter",
            "Processor time of the session's processes, ended ones included.")
        for session in sessions {
            guard let usage = session.usage else { continue }
            writeSample(session, "mode", "user", secondsText(usage.userTime))
            writeSample(session, "mode", "system", secondsText(usage.systemTime))
        }
    }

    /// A family of which each session has at most one sample.
    @inline(never)
    private mutating func write(
        _ name: StaticString, _ type: StaticString, _ help: StaticString, _ figure: (SessionSample) -> Int?
    ) {
        begin(name, type, help)
        for session in sessions {
            guard let number = figure(session) else { continue }
            beginSample(session)
            endSample(String(number))
        }
    }

    // MARK: The format

    /// A family of samples. The names all begin with `keeper_session`.
    @inline(never)
    private mutating func begin(_ name: StaticString, _ type: StaticString, _ help: StaticString) {
        self.name = name
        add("# HELP keeper_session")
        add(name)
        add(" ")
        add(help)
        add("\n# TYPE keeper_session")
        add(name)
        add(" ")
        add(type)
        add("\n")
    }

    @inline(never) private mutating func beginSample(_ session: SessionSample) {
        add("keeper_session")
        add(name)
        // An id holds nothing that would have to be escaped.
        add("{session=\"")
        bytes += Array(session.id.string.utf8)
        add("\"")
    }

    /// A sample with one label besides the session's id.
    private mutating func writeSample(
        _ session: SessionSample, _ name: StaticString, _ value: String, _ number: String
    ) {
        beginSample(session)
        label(name, value)
        endSample(number)
    }

    @inline(never) private mutating func label(_ name: StaticString, _ value: String) {
        add(",")
        add(name)
        add("=\"")
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): add("\\\\")
            case UInt8(ascii: "\""): add("\\\"")
            case UInt8(ascii: "\n"): add("\\n")
            default: bytes.append(byte)
            }
        }
        add("\"")
    }

    @inline(never) private mutating func endSample(_ value: String) {
        add("} ")
        end(value)
    }

    private mutating func end(_ value: String) {
        bytes += Array(value.utf8)
        add("\n")
    }

    @inline(never) private mutating func add(_ text: StaticString) { bytes.append(literal: text) }
}
