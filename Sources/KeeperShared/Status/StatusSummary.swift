import CSystem

/// What lists show of a session's status, found in its bytes without building the rest. ``SessionStatus`` reads by it.
package struct StatusSummary {
    package private(set) var state = SessionState.starting
    package private(set) var keeper: pid_t = 0
    private(set) var previousKeeper: pid_t = 0
    package private(set) var startedAt: Timestamp?
    package private(set) var child: pid_t?
    package private(set) var restarts = 0
    package private(set) var end: ProcessEnd?
    package private(set) var endedAt: Timestamp?
    /// Bytes of both streams up to the last transition.
    package private(set) var outputSize = 0
    /// The command and the labels as JSON. Valid only as long as the bytes that were scanned.
    package private(set) var command = Bytes(start: nil, count: 0)
    package private(set) var labels = Bytes(start: nil, count: 0)

    /// Scans the bytes of a status file; nil when something that every status has is missing.
    package init?(_ bytes: Bytes) {
        var known: SessionState?
        var members = JSONMembers(bytes)
        while members.next() {
            let (name, value) = (members.name, members.value)
            if isJSONString(name, "state") {
                for state in SessionState.allCases where isJSONString(value, state.name) { known = state }
            } else if isJSONString(name, "keeper") {
                (keeper, startedAt) = StatusSummary.process(value)
                previousKeeper = StatusSummary.pid(jsonMember("previousPid", of: value))
            } else if isJSONString(name, "child") {
                child = StatusSummary.process(value).pid
                restarts = jsonInteger(jsonMember("restarts", of: value)) ?? 0
            } else if isJSONString(name, "command") {
                command = value
            } else if isJSONString(name, "labels") {
                labels = value
            } else if isJSONString(name, "exit") {
                takeExit(value)
            } else if isJSONString(name, "streams") {
                var streams = JSONMembers(value)
                while streams.next() {
                    outputSize += max(0, jsonInteger(jsonMember("next", of: streams.value)) ?? 0)
                }
            }
        }
        guard members.isWhole, let known, keeper > 0 else { return nil }
        state = known
    }

    /// Whether a sidecar that names this PID is this session's.
    package func isNamed(by pid: pid_t) -> Bool { keeper == pid || (previousKeeper == pid && pid > 0) }

    private mutating func takeExit(_ bytes: Bytes) {
        endedAt = jsonTime(jsonMember("at", of: bytes))
        end = StatusSummary.end(codeKey: "code", bytes)
    }

    /// How a child ended, as an object's members tell.
    package static func end(codeKey: StaticString, _ bytes: Bytes) -> ProcessEnd {
        if let code = jsonInteger(jsonMember(codeKey, of: bytes)) {
            return .exited(Int32(truncatingIfNeeded: code))
        }
        var text: [UInt8] = []
        appendJSONString(jsonMember("signal", of: bytes), to: &text)
        if let number = SignalName.number(of: text) { return .signalled(number) }
        return .unknown
    }

    private static func process(_ bytes: Bytes) -> (pid: pid_t, startedAt: Timestamp?) {
        (pid(jsonMember("pid", of: bytes)), jsonTime(jsonMember("startedAt", of: bytes)))
    }

    private static func pid(_ value: Bytes) -> pid_t {
        guard let number = jsonInteger(value), number > 0, number <= Int(Int32.max) else { return 0 }
        return pid_t(number)
    }
}

/// Reads status files one after the other into the same memory.
package final class StatusReader {
    private var space = PageBuffer()
    private static let limit = 64 << 20

    package init() {}

    /// The summary of the file at a path below the directory; nil when there is none, or none that can be understood.
    /// What it points to is valid until the next is read.
    package func read(_ path: UnsafePointer<CChar>, in directory: borrowing FileDescriptor) -> StatusSummary?
    {
        let number = csys_open_below(directory.raw, path)
        if number < 0 { return nil }
        let file = FileDescriptor(owning: number)
        space.removeFirst(space.count)
        while space.count < StatusReader.limit {
            // A status that can't be read is unknown to lists, which show the session all the same.
            guard let room = try? space.room(for: 1), let count = try? file.read(into: room) else {
                return nil
            }
            space.grow(by: count)
            // A file gives all it has, so that less than was asked for is its end.
            if count < room.count { return StatusSummary(UnsafeBufferPointer(space.bytes)) }
        }
        return nil
    }
}
