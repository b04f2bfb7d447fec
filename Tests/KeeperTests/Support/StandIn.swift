import Testing

/// Small programs that speak as real ones do, with the faults of real ones. Each says in its file what it does.
enum StandIn {
    private static let directory = "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/")

    /// The command of a stand-in.
    static func command(_ name: String, _ arguments: String...) -> [String] {
        [Programs.python, "/\(directory)/StandIns/\(name).py"] + arguments
    }
}

extension Sandbox {
    /// Starts a session of a stand-in.
    func spawn(
        _ id: String, _ command: [String], options: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run(
            [Executables.keeperctl, "spawn", id] + options + ["--"] + command, sourceLocation: sourceLocation)
        try #require(outcome.status == 0, outcome.why, sourceLocation: sourceLocation)
    }
}

extension Outcome {
    /// The events that `turn --json` printed; the pieces of the agent's own text put together, with a bar between
    /// those that something else stands between.
    func events() throws -> [JSON] { try JSON.lines(stdout) }
    var eventTypes: [String] { ((try? events()) ?? []).compactMap { $0["type"]?.string } }
}
