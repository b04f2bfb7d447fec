import Glibc
import Testing

/// A change of state as `events.jsonl` has it; `from` is empty for the first.
struct SeenTransition: Hashable, CustomStringConvertible {
    let from: String
    let event: String
    let to: String
    var description: String { "\(from.isEmpty ? "(none)" : from) → \(to) (\(event))" }
}

extension Sandbox {
    /// A script for `sh` that counts its starts in a file of the sandbox: `$run` is 1 for the first child.
    func counting(_ script: String, _ name: String = "runs") -> [String] {
        [
            "sh", "-c",
            "run=$(($(cat '\(root)/\(name)' 2>/dev/null || echo 0) + 1)); echo $run > '\(root)/\(name)'; "
                + script,
        ]
    }

    /// Starts a session, and does not wait until it is ready.
    func supervise(
        _ id: String, _ options: [String], _ command: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run(
            [Executables.keeperctl, "spawn"] + options + [id, "--"] + command, sourceLocation: sourceLocation)
        try #require(outcome.status == 0, outcome.why, sourceLocation: sourceLocation)
    }

    /// Lets time pass where only its passing shows that nothing happens.
    func pass(seconds: Double) throws {
        let end = monotonicNow() + seconds
        try eventually("time to pass", timeout: seconds + 60) { monotonicNow() >= end }
    }

    /// One request on a connection of its own.
    @discardableResult
    func call(_ id: String, _ method: String, _ params: [String: Any]? = nil) throws -> JSON {
        try UnixClient(control(id)).call(method, params)
    }

    func awaitState(
        _ id: String, _ state: String, timeout: Double = 60, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        do {
            // The event is written after the status.
            try eventually("\(id) to be \(state)", timeout: timeout) {
                try self.state(id) == state && events(id).last { $0["to"] != nil }?["to"]?.string == state
            }
        } catch {
            Issue.record(
                "\(id) is \(self.state(id) ?? "nothing") and not \(state)\n\(log(id))",
                sourceLocation: sourceLocation)
            throw error
        }
    }

    /// Waits until the session is over and its keeper is gone.
    func awaitEnd(_ id: String, timeout: Double = 60) throws {
        try eventually("the end of \(id)", timeout: timeout) { !exists("\(id).rpc.sock.pid") }
    }

    /// The state, as the keeper itself says it now.
    func stateNow(_ id: String) throws -> String? { try call(id, "status")["result"]?["state"]?.string }

    func restarts(_ id: String) -> Int? { (try? status(id))?["child"]?["restarts"]?.int }
    func reason(_ id: String) -> String? { (try? status(id))?["reason"]?.string }

    func events(_ id: String, _ name: String) throws -> [JSON] {
        try events(id).filter { $0["event"]?.string == name }
    }

    /// Checks that the events are a chain, and returns the changes of state in it.
    @discardableResult
    func transitions(_ id: String, sourceLocation: SourceLocation = #_sourceLocation) throws
        -> [SeenTransition]
    {
        var state = ""
        var found: [SeenTransition] = []
        for (index, event) in try events(id).enumerated() {
            #expect(event["seq"]?.int == index + 1, "\(id): \(event)", sourceLocation: sourceLocation)
            guard let to = event["to"]?.string, let name = event["event"]?.string else { continue }
            #expect(event["from"]?.string ?? "" == state, "\(id): \(event)", sourceLocation: sourceLocation)
            found.append(SeenTransition(from: state, event: name, to: to))
            state = to
        }
        for seen in found {
            #expect(
                KnownTransitions.all.contains(seen), "\(seen) of \(id) is not in the table",
                sourceLocation: sourceLocation)
        }
        return found
    }
}
