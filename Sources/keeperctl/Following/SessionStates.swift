import KeeperShared

/// The states of one session, as its events tell them one after the other.
final class SessionStates {
    struct Change {
        var state: SessionState
        var end: ProcessEnd?
        /// Unix time in ns.
        var time: Int64

        init(_ state: SessionState, _ end: ProcessEnd?, _ time: Int64) {
            self.state = state
            self.end = end
            self.time = time
        }

        /// `{"state":…,"exitCode":…,"signal":…}`
        var data: [UInt8] {
            jsonObject { json in
                json.member("state", text: state.name)
                var code: Int?
                if case .exited(let number) = end { code = Int(number) }
                json.member("exitCode", code)
                if case .signalled(let signal) = end {
                    json.member("signal", signalName(signal))
                } else {
                    json.member("signal", nil)
                }
            }
        }
    }

    /// The last one that came.
    private(set) var present: Change?
    /// Not passed on yet, oldest first.
    private(set) var waiting: [Change] = []
    /// The random name of the session, once an event told it.
    private(set) var instance: String?
    /// How much each stream has carried in all, once the end of the session told it.
    private(set) var ends: StreamEventLines.Place?
    /// Labels have changed since this was last set to false.
    var hasNewLabels = false

    var isOver: Bool { present?.state.isFinal ?? false }

    /// Forgets what was not passed on.
    func forgetWaiting() { waiting = [] }

    func add(_ change: Change) {
        present = change
        waiting.append(change)
    }

    /// Begins with the present state; what was before is not passed on.
    func begin(with change: Change) {
        present = change
        waiting = []
    }

    /// The first that waits, if it happened at a time or before; the end waits for everything else.
    func next(until time: Int64) -> Change? {
        guard let first = waiting.first, first.time <= time, !first.state.isFinal else { return nil }
        return waiting.removeFirst()
    }

    /// Takes one line of the session's events; one that is torn is passed over.
    func take(_ line: Bytes) {
        var change = Change(.starting, nil, 0)
        var hasState = false
        var newInstance: [UInt8] = []
        var carried: (stdout: Int?, stderr: Int?) = (nil, nil)
        var labels = false
        var members = JSONMembers(line)
        while members.next() {
            let (name, value) = (members.name, members.value)
            if isJSONString(name, "to") {
                for state in SessionState.allCases where isJSONString(value, state.name) {
                    change.state = state
                    hasState = true
                }
            } else if isJSONString(name, "time") {
                change.time = jsonTime(value)?.nanoseconds ?? 0
            } else if isJSONString(name, "exitCode") {
                change.end = jsonInteger(value).map { .exited(Int32(truncatingIfNeeded: $0)) }
            } else if isJSONString(name, "signal") {
                change.end = SignalName.number(of: stringText(of: value)).map { .signalled($0) }
            } else if isJSONString(name, "instance") {
                appendJSONString(value, to: &newInstance)
            } else if isJSONString(name, "labels") {
                labels = true
            } else if isJSONString(name, "stdout") {
                carried.stdout = jsonInteger(value)
            } else if isJSONString(name, "stderr") {
                carried.stderr = jsonInteger(value)
            }
        }
        guard members.isWhole else { return }
        if !newInstance.isEmpty { instance = String(decoding: newInstance, as: UTF8.self) }
        if labels { hasNewLabels = true }
        if let stdout = carried.stdout, let stderr = carried.stderr {
            ends = StreamEventLines.Place(stdout: stdout, stderr: stderr)
        }
        if hasState { add(change) }
    }
}
