import CSystem

/// Who owns an id, as the kernel and the files tell.
package enum Ownership {
    /// There is no sidecar.
    case nobody
    /// One of our keepers holds the sidecar's lock.
    case keeper(pid_t)
    /// A live foreign keeper, which takes no lock. The PID is what its sidecar says, if anything.
    case foreign(pid_t?)
    /// Of other make and so young that it may not listen yet.
    case unsettled(pid_t?)
    /// Its owner is dead for good.
    case dead(pid_t?)

    /// How long a foreign keeper has to begin to listen, in seconds.
    static let settlingTime = 10

    /// Looks at the names of one id. The lock is tested, never taken.
    @inline(never)
    package static func of(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Ownership {
        try of(SidecarState.read(names.sidecar, in: directory), names, in: directory)
    }

    /// The same for a sidecar that has been read.
    package static func of(
        _ sidecar: SidecarState, _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Ownership {
        switch sidecar {
        case .absent: return .nobody
        case .live(let pid): return .keeper(pid)
        case .gone(let pid): return .dead(pid)
        case .free(let pid, let age):
            // A sidecar that a keeper of ours described as its own is settled by the lock alone.
            if let pid, let status = SessionStatus.read(names.folder, in: directory),
                status.keeper.isNamed(by: pid)
            {
                return .dead(pid)
            }
            if let pid, !isRunning(pid) { return .dead(pid) }
            if acceptsConnections(names.socket, in: directory) { return .foreign(pid) }
            if age > settlingTime { return .dead(pid) }
            if try directory.metadata(of: names.folder) != nil { return .dead(pid) }
            return try directory.metadata(of: names.newFolder) != nil ? .dead(pid) : .unsettled(pid)
        }
    }
}

extension SessionStatus {
    /// Reads the status in a session's folder; nil when there is none, or none that can be understood.
    @inline(never)
    package static func read(_ folder: String, in directory: borrowing FileDescriptor) -> SessionStatus? {
        (try? directory.openDirectory(folder).contents(of: SessionNames.status)).flatMap {
            SessionStatus(bytes: $0)
        }
    }
}

/// Whether a process has this PID now; one that only waits to be reaped by its parent doesn't count.
private func isRunning(_ pid: pid_t) -> Bool {
    if let stat = ProcessStat(pid: pid) { return !stat.isZombie }
    return kill(pid, 0) == 0 || csys_errno() == EPERM
}

/// Whether somebody listens at a socket's name. What can't be found out counts as yes: hands off.
package func acceptsConnections(_ name: String, in directory: borrowing FileDescriptor) -> Bool {
    do throws(SystemError) {
        _ = try FileDescriptor.connected(to: name, in: directory, timeout: .milliseconds(100))
        return true
    } catch {
        return error.code != ECONNREFUSED && error.code != ENOENT
    }
}
