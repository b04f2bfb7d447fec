import CSystem
import KeeperShared

let statsCommand = Command("stats", run: runStats) {
    CommandSpec(
        $0, summary: "Show what sessions use: processor, memory, descriptors, input and output",
        description: [
            "Sums over each session's processes, the command and all its descendants, and over all sessions. "
                + "100 % is one processor. READ and WRITTEN count the bytes of all read and write calls of the running "
                + "processes, on files, pipes and terminals alike; '-' means unknown. "
                + "In JSON the sums are a line with \"total\":true."
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [OptionGroup("Options", [Shared.json, StatsOptions.noStream])],
        examples: [
            ExampleSpec("keeperctl stats", "Shows all sessions, every second."),
            ExampleSpec(
                "keeperctl stats --no-stream --json calc", "Measures one session once, for a program."
            ),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "A session is over already."), Shared.noSession,
        ])
}

/// The options of `stats`.
enum StatsOptions {
    static let noStream = Flag("no-stream", help: "Print once instead of every second")
}

/// What sessions use, once or every second.
func runStats(_ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.sessionIDs()
    guard let directory = try context.openDirectory() else {
        if let id = ids.first { throw .noSession(id, in: try context.directoryPath()) }
        printError(concat("no sessions in ", try context.directoryPath()))
        return ExitStatus.done
    }
    return try attempt("stats", try measure(ids, in: directory, context))
}

private func measure(
    _ named: [SessionID], in directory: borrowing SessionsDirectory, _ context: Context
) throws(SystemError) -> Int32 {
    var status = ExitStatus.done
    var ids: [SessionID] = []
    for id in named {
        let names = SessionNames(id)
        if case .nobody = try Ownership.of(names, in: directory.descriptor) {
            if try directory.descriptor.metadata(of: names.folder) == nil {
                printError(CommandFailure.noSession(id, in: directory.path).text)
                return ExitStatus.noSession
            }
            printError(concat(id.string, ": the session is over: it uses nothing"))
            status = ExitStatus.failed
        } else {
            ids.append(id)
        }
    }
    if ids.isEmpty && !named.isEmpty { return status }
    let sampler = try SessionSampler(directory.descriptor, ids: ids, [.memory, .descriptors, .transfer])
    // Those that were asked for have all ended, or it was to be once.
    return try stream(sampler, context) { !ids.isEmpty && sampler.sessions.isEmpty } ? status : 128 + SIGPIPE
}

private let firstInterval: Int64 = .milliseconds(500)
private let interval: Int64 = .seconds(1)

/// - Returns: false when the reader has gone.
@inline(never)
private func stream(
    _ sampler: SessionSampler, _ context: Context, until isOver: () -> Bool
) throws(SystemError) -> Bool {
    let isJSON = context.arguments[Shared.json]
    let isOnce = context.arguments[StatsOptions.noStream]
    let isTerminal = isatty(STDOUT_FILENO) == 1
    let reader = try FileDescriptor.duplicate(ofNumber: STDOUT_FILENO)
    // A share of a processor needs two looks.
    try sampler.sample()
    var next = monotonicNow() + firstInterval
    while try waitUntil(next, while: reader) {
        next = monotonicNow() + interval
        try sampler.sample()
        if isJSON {
            writeJSON(sampler.sessions, to: context.output)
        } else {
            if isTerminal && !isOnce { context.output.write("\u{1B}[H\u{1B}[J") }
            writeTable(sampler.sessions, to: context.output)
        }
        context.output.flush()
        if isOnce || isOver() { return true }
    }
    return false
}

/// - Returns: false when the reader has gone.
@inline(never)
private func waitUntil(_ time: Int64, while reader: borrowing FileDescriptor) throws(SystemError) -> Bool {
    let set = PollSet()
    while monotonicNow() < time {
        set.clear()
        set.add(reader, [])
        set.limit(deadline: time)
        try set.wait()
        if set.readiness(of: reader).contains(.error) { return false }
    }
    return true
}

@inline(never) private func total(of sessions: [SessionSample]) -> (usage: ResourceUsage, cpu: Int) {
    var usage = ResourceUsage()
    var cpu = 0
    for session in sessions {
        if let part = session.usage { usage.add(part) }
        cpu += session.cpuPermille ?? 0
    }
    return (usage, cpu)
}

// MARK: For people

private func writeTable(_ sessions: [SessionSample], to output: StandardOutput) {
    var table = Table([
        "SESSION", "CPU%", "RSS", "PSS", "FDS", "READ", "WRITTEN", "USER", "SYSTEM", "THREADS", "PROCS",
    ])
    for session in sessions {
        for cell in row(session.id.string, session.cpuPermille, session.usage) { table.add(cell) }
    }
    let total = total(of: sessions)
    for cell in row("total", total.cpu, total.usage) { table.add(cell) }
    table.write(to: output)
}

@inline(never)
private func row(_ name: String, _ cpu: Int?, _ usage: ResourceUsage?) -> [String] {
    guard let usage else { return [name] + [String](repeating: "-", count: 10) }
    return [
        name, percentText(cpu), sizeText(usage.resident), sizeText(usage.proportional),
        usage.descriptors.map { String($0) } ?? "-", sizeText(usage.bytesRead), sizeText(usage.bytesWritten),
        secondsText(usage.userTime), secondsText(usage.systemTime), String(usage.threads),
        String(usage.processes),
    ]
}

// MARK: For programs

private func writeJSON(_ sessions: [SessionSample], to output: StandardOutput) {
    let time = Timestamp.now().rfc3339
    for session in sessions {
        output.write(
            jsonObject(isLine: true) { json in
                json.member("sessionId", session.id.string)
                json.member("state", text: session.state.name)
                json.member("time", time)
                appendUsage(&json, session.cpuPermille, session.usage)
            })
    }
    let total = total(of: sessions)
    output.write(
        jsonObject(isLine: true) { json in
            json.member("total", true)
            json.member("sessions", sessions.count)
            json.member("time", time)
            appendUsage(&json, total.cpu, total.usage)
        })
}
