import CSystem
import KeeperShared

/// What a keeper writes into `events.jsonl`: the name of each event and its members.
enum SessionEvent {
    /// - Parameter restarts: nil for the first child.
    case started(pid: pid_t, restarts: Int?)
    case ready
    case paused
    case resumed
    /// - Parameter reason: why, where nobody asked for it.
    case stopping(reason: String?)
    /// - Parameter carried: bytes of each stream, at the session's end. For readers of a session that removes its files.
    case exited(ProcessEnd, reason: String? = nil, carried: (stdout: Int, stderr: Int)? = nil)
    case stuck(survivors: [pid_t])
    /// - Parameters:
    ///   - delay: nanoseconds.
    ///   - restarts: nil where the command could not be started: `message` says why.
    case restarting(delay: Int64, restarts: Int? = nil, message: String? = nil)
    /// The keeper goes on with the session of one that was killed.
    case recovered(pid: pid_t, previous: pid_t, lastTurn: Timestamp?)
    case upgraded(previousVersion: String)
    case signalled(Int32)
    case label([Label])
    /// A writer left in the middle of a line.
    case dropped(bytes: Int)
    /// A child ended with input that it had not read, of which the next child gets a part again.
    case unread(bytes: Int, sentAgain: Int)
    /// A keeper was killed while it wrote a line.
    case torn
    case health(kind: StaticString, isHigh: Bool, value: Int, threshold: Int)
    case journalFull(StreamName, SystemError)
    case journalResumed(StreamName)
    /// Other processes still hold the child's output; their time is up.
    case outputAbandoned(StreamName)

    var name: StaticString {
        switch self {
        case .started: "started"
        case .ready: "ready"
        case .paused: "paused"
        case .resumed: "resumed"
        case .stopping: "stopping"
        case .exited: "exited"
        case .stuck: "stuck"
        case .restarting: "restarting"
        case .recovered: "recovered"
        case .upgraded: "upgraded"
        case .signalled: "signalled"
        case .label: "label"
        case .dropped, .unread, .torn: "dropped"
        case .health: "health"
        case .journalFull: "journalFull"
        case .journalResumed: "journalResumed"
        case .outputAbandoned: "outputAbandoned"
        }
    }

    /// Appends the members that only this event has to the object that is open.
    func write(to json: inout JSONWriter) {
        switch self {
        case .ready, .paused, .resumed: break
        case .started(let pid, let restarts):
            json.member("pid", Int(pid))
            if let restarts { json.member("restarts", restarts) }
        case .stopping(let reason): if let reason { json.member("reason", reason) }
        case .exited(let end, let reason, let carried):
            end.write(codeKey: "exitCode", to: &json)
            if let reason { json.member("reason", reason) }
            guard let carried else { return }
            json.member("stdout", carried.stdout)
            json.member("stderr", carried.stderr)
        case .stuck(let survivors): json.member("survivors", survivors)
        case .restarting(let delay, let restarts, let message):
            json.member("delayMs", Int(delay / 1_000_000))
            if let restarts { json.member("restarts", restarts) }
            if let message { json.member("message", message) }
        case .recovered(let pid, let previous, let lastTurn):
            json.member("pid", Int(pid))
            json.member("previousPid", Int(previous))
            if let lastTurn { json.member("lastTurn", lastTurn.rfc3339) }
        case .upgraded(let previousVersion):
            json.member("version", text: keeperVersion)
            json.member("previousVersion", previousVersion)
        case .signalled(let signal): json.member("signal", signalName(signal))
        case .label(let labels):
            json.key("labels")
            labels.write(to: &json)
        case .dropped(let bytes): json.member("bytes", bytes)
        case .unread(let bytes, let sentAgain):
            json.member("bytes", bytes)
            json.member("why", text: "unread")
            json.member("sentAgain", sentAgain)
        case .torn: json.member("why", text: "torn")
        case .health(let kind, let isHigh, let value, let threshold):
            json.member("kind", text: kind)
            json.member("level", text: isHigh ? "high" : "normal")
            json.member("value", value)
            json.member("threshold", threshold)
        case .journalFull(let stream, let failure):
            json.member("stream", text: stream.text)
            json.member("errno", Int(failure.code))
            json.member("message", failure.reason)
        case .journalResumed(let stream), .outputAbandoned(let stream):
            json.member("stream", text: stream.text)
        }
    }
}

extension JSONWriter {
    /// A member of the open object: a list of PIDs.
    mutating func member(_ name: StaticString, _ processes: [pid_t]) {
        key(name)
        beginArray()
        for pid in processes { integer(pid) }
        endArray()
    }
}
