import CSystem
import KeeperShared

/// What a look at a sessions directory has found.
struct Discovery {
    /// A session that has a sidecar.
    struct Session {
        let id: SessionID
        let ownership: Ownership
    }

    /// In the order of their ids.
    private(set) var sessions: [Session] = []
    /// Ids without a sidecar that have a socket or dot-names: what a killed starter leaves, or a starter at work.
    private(set) var leftovers: [SessionID] = []
    /// Numbers of starts through a service manager.
    private(set) var unitStarts: [SessionID] = []
    /// What could not be looked at.
    private(set) var failures: [(id: SessionID, error: SystemError)] = []

    /// Those whose keepers are dead.
    var dead: [SessionID] {
        sessions.compactMap { if case .dead = $0.ownership { $0.id } else { nil } }
    }

    /// Looks at every sidecar.
    init(of directory: borrowing FileDescriptor) throws(SystemError) {
        let census = try Census(of: directory, [.sidecar, .socket, .unfinished, .unitStart])
        for index in census.indices {
            let id = census.id(index)
            let traces = census.traces(index)
            if traces.contains(.unitStart) { unitStarts.append(id) }
            if traces == .unitStart { continue }
            if !traces.contains(.sidecar) {
                leftovers.append(id)
                continue
            }
            do throws(SystemError) {
                let ownership = try census.ownership(index, in: directory)
                // It ended while we looked.
                if case .nobody = ownership { continue }
                sessions.append(Session(id: id, ownership: ownership))
            } catch {
                failures.append((id, error))
            }
        }
    }
}

extension SessionStatus {
    /// The status that a live keeper of ours has written; nil while it is still starting, when the folder is an
    /// earlier session's.
    @inline(never)
    static func of(
        _ names: SessionNames, keeper: pid_t, in directory: borrowing FileDescriptor
    ) -> SessionStatus? {
        guard let status = SessionStatus.read(names.folder, in: directory),
            status.keeper.isNamed(by: keeper)
        else { return nil }
        return status
    }
}
