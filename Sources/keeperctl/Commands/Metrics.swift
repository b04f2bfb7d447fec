import CSystem
import KeeperShared

extension Command {
    static let metrics = Command("metrics", run: runMetrics) {
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
}

/// Everything measurable in Prometheus' text format 0.0.4.
func runMetrics(_ context: Context) throws(CommandFailure) -> Int32 {
    var sessions: [SessionSample] = []
    if let directory = try context.openDirectory() {
        do throws(SystemError) {
            let sampler = try SessionSampler(directory.descriptor, [.memory, .descriptors, .transfer])
            try sampler.sample()
            sessions = sampler.sessions
        } catch {
            throw CommandFailure(concat("sessions directory ", directory.path), error)
        }
    }
    var page = MetricsPage(sessions)
    page.writeAll()
    context.output.write(page.bytes)
    context.output.flush()
    return ExitStatus.done
}

/// A figure of which each session has at most one.
private enum Figure {
    case start, restarts, resident, proportional, descriptors, read, written, threads, processes
    case keeperResident, keeperProportional

    @inline(never) func text(_ session: SessionSample) -> String? {
        if case .start = self { return session.startedAt.map { secondsText($0.nanoseconds) } }
        return number(session).map { String($0) }
    }

    private func number(_ session: SessionSample) -> Int? {
        switch self {
        case .start: nil
        case .restarts: session.restarts
        case .resident: session.usage?.resident
        case .proportional: session.usage?.proportional
        case .descriptors: session.usage?.descriptors
        case .read: session.usage?.bytesRead
        case .written: session.usage?.bytesWritten
        case .threads: session.usage?.threads
        case .processes: session.usage?.processes
        case .keeperResident: session.keeperUsage?.resident
        case .keeperProportional: session.keeperUsage?.proportional
        }
    }
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
        write(.start, "_start_time_seconds", "gauge", "When the session began, in seconds since 1970.")
        write(.restarts, "_restarts_total", "counter", "How often the command was started again.")
        write(.resident, "_resident_memory_bytes", "gauge", "Resident memory of the session's processes.")
        write(
            .proportional, "_proportional_memory_bytes", "gauge",
            "The same with shared pages divided among their users.")
        write(.descriptors, "_open_fds", "gauge", "Open descriptors of the session's processes.")
        write(.read, "_read_bytes_total", "counter", "Bytes that the session's processes have read.")
        write(.written, "_written_bytes_total", "counter", "Bytes that the session's processes have written.")
        write(.threads, "_threads", "gauge", "Threads of the session's processes.")
        write(.processes, "_processes", "gauge", "The command and its descendants.")
        write(
            .keeperResident, "_keeper_resident_memory_bytes", "gauge",
            "Resident memory of the session's keeper.")
        write(
            .keeperProportional, "_keeper_proportional_memory_bytes", "gauge",
            "The same with shared pages divided among their users.")
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
                beginSample(session)
                label("state", "\(state.name)")
                endSample(state == session.state ? "1" : "0")
            }
        }
    }

    private mutating func writeCounters() {
        begin("_journal_bytes_total", "counter", "Bytes of output that the session's journals have taken.")
        for session in sessions where session.instance != nil {
            beginSample(session)
            label("stream", "stdout")
            endSample(String(session.stdout))
            beginSample(session)
            label("stream", "stderr")
            endSample(String(session.stderr))
        }
        begin(
            "_cpu_seconds_total", "counter",
            "Processor time of the session's processes, ended ones included.")
        for session in sessions {
            guard let usage = session.usage else { continue }
            beginSample(session)
            label("mode", "user")
            endSample(secondsText(usage.userTime))
            beginSample(session)
            label("mode", "system")
            endSample(secondsText(usage.systemTime))
        }
    }

    @inline(never)
    private mutating func write(
        _ figure: Figure, _ name: StaticString, _ type: StaticString, _ help: StaticString
    ) {
        begin(name, type, help)
        for session in sessions {
            guard let text = figure.text(session) else { continue }
            beginSample(session)
            endSample(text)
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
