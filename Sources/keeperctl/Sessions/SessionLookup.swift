import CSystem
import KeeperShared

/// What is known about a session by its files.
enum SessionLookup {
    case none
    /// Its keeper lives. There is no status until its start is through.
    case live(pid_t, SessionStatus?)
    /// A foreign keeper lives there.
    case foreign(pid_t?)
    /// Its keeper has died, and what it left is not cleared away yet.
    case dead(SessionStatus?)
    case over(SessionStatus)

    @inline(never) init(_ id: SessionID, in directory: borrowing FileDescriptor) throws(CommandFailure) {
        let names = SessionNames(id)
        switch try idOwner(of: names, in: directory) {
        case .keeper(let pid):
            self = .live(pid, SessionStatus.of(names, keeper: pid, in: directory))
        case .foreign(let pid), .unsettled(let pid): self = .foreign(pid)
        case .dead(let pid):
            let status = pid.flatMap { SessionStatus.of(names, keeper: $0, in: directory) }
            self = .dead(status?.withoutKeeper)
        case .nobody:
            if let status = SessionStatus.read(names.folder, in: directory) {
                self = .over(status.withoutKeeper)
            } else {
                self = .none
            }
        }
    }
}

/// Who owns an id.
@inline(never) func idOwner(
    of names: SessionNames, in directory: borrowing FileDescriptor
) throws(CommandFailure) -> Ownership {
    try attempt(concat("session ", names.id.string), try Ownership.of(names, in: directory))
}

extension FailureRecord {
    /// Says which sessions could not be looked at.
    func add(_ failures: [(id: SessionID, error: SystemError)]) {
        for (id, error) in failures { add(CommandFailure(concat("session ", id.string), error)) }
    }
}

extension SessionsDirectory {
    /// For messages.
    var text: String { concat("sessions directory ", path) }
}

extension SessionStatus {
    /// The status in a session's open folder; nil when there is none, or none that can be understood.
    @inline(never) static func read(in folder: borrowing FileDescriptor) -> SessionStatus? {
        // Mostly it is only not there; what can't be read is as good as that, and events and files tell the rest.
        guard let bytes = try? folder.contents(of: SessionNames.status) else { return nil }
        return SessionStatus(bytes: bytes)
    }

    /// The status as it reads when there is no keeper any more: what was not over is lost.
    var withoutKeeper: SessionStatus {
        if state.isFinal { return self }
        var lost = self
        lost.state = .lost
        return lost
    }
}

extension Context {
    /// The sessions that the operands name.
    func sessionIDs() throws(CommandFailure) -> [SessionID] {
        var ids: [SessionID] = []
        for operand in arguments.operands { ids.append(try sessionID(operand)) }
        return ids
    }

    /// The same, each once.
    func distinctSessionIDs() throws(CommandFailure) -> [SessionID] {
        var ids: [SessionID] = []
        for id in try sessionIDs() where !ids.contains(where: { $0 == id }) { ids.append(id) }
        return ids
    }

    /// The sessions directory for a command about a session that must be there.
    @inline(never) func directory(of id: SessionID) throws(CommandFailure) -> SessionsDirectory {
        guard let directory = try openDirectory() else {
            throw CommandFailure.noSession(id, in: try directoryPath())
        }
        return directory
    }

    /// The moment on the monotonic clock at which `--timeout` is over; nil without it.
    var deadline: Int64? { arguments[Shared.timeout].map { monotonicNow() + $0 } }
}

/// Lets this process hold a descriptor for each of many sessions.
///
/// - Returns: how many sessions may be dealt with at once.
func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return 64 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(RLIMIT_NOFILE, &limit)
    getrlimit(RLIMIT_NOFILE, &limit)
    return max(1, Int(min(limit.rlim_cur, 1 << 20)) - 32)
}
