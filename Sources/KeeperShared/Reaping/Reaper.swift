import CSystem

/// Clears away what dead keepers have left.
package enum Reaper {
    /// A session that was cleared away.
    package struct Reaped {
        package let id: SessionID
        /// What its status says now; nil when there is none, as with foreign keepers.
        package let state: SessionState?
        /// Processes that SIGKILL didn't end.
        package let survivors: [pid_t]
    }

    /// What was found at an id, and done about it.
    package enum Outcome {
        /// The id is free; leftovers of a start that was killed are gone.
        case nothing
        case reaped(Reaped)
        /// One of our keepers owns it.
        case live(pid_t)
        /// A foreign keeper owns it, or may be about to.
        case foreign(pid_t?)
        /// Somebody else has changed the id's names all the time.
        case busy
        case failed(SystemError)
    }

    /// The most that are reaped at once; each holds a descriptor for its lock, and one for each of its processes.
    private static let batchSize = 128

    /// Clears the names of one id for a new session. The socket's own name is left to the one that replaces it.
    ///
    /// The caller holds the id's lock.
    /// - Throws: what could not be removed, or that a directory is where the socket should be.
    package static func clear(
        _ names: SessionNames, in directory: borrowing FileDescriptor, holding lock: borrowing IDLock
    ) throws(SystemError) -> Outcome {
        let outcome: Outcome
        switch try examine(names, in: directory) {
        case .dead(let session):
            let survivors = LostProcesses.end(session.lost.map { [$0] } ?? []).first ?? []
            outcome = try finish(session, survivors, in: directory)
        case .settled(let settled): outcome = settled
        }
        switch outcome {
        case .nothing, .reaped: break
        case .live, .foreign, .busy, .failed: return outcome
        }
        guard let there = try directory.metadata(of: names.socket) else { return outcome }
        if there.isDirectory { throw SystemError("replace", names.socket, EISDIR) }
        return there.isSocket && acceptsConnections(names.socket, in: directory) ? .foreign(nil) : outcome
    }

    /// Reaps those of these sessions that are dead, their lost processes in parallel.
    ///
    /// A session that is alive, or has become so, is left alone.
    ///
    /// - Parameter patience: how long another process that changes an id's names is waited for, in ns.
    /// - Returns: an outcome for each id, in the order given.
    package static func reap(
        _ ids: [SessionID], in directory: borrowing FileDescriptor, patience: Int64 = .seconds(10)
    ) -> [Outcome] {
        var outcomes: [Outcome] = []
        while outcomes.count < ids.count {
            let batch = Array(ids[outcomes.count..<min(ids.count, outcomes.count + batchSize)])
            // Holding many locks and waiting for more could end in a circle: those are left for later.
            var results = reapTogether(batch, in: directory, lockTimeout: 0)
            for (index, id) in batch.enumerated() where patience > 0 {
                guard case .busy = results[index] else { continue }
                results[index] = reapTogether([id], in: directory, lockTimeout: patience)[0]
            }
            outcomes += results
        }
        return outcomes
    }

    /// Removes what is left of starts through a service manager whose starter died: nobody will come for it any more.
    package static func removeUnitStarts(_ numbers: [SessionID], in directory: borrowing FileDescriptor) {
        for number in numbers {
            for name in [SessionNames.startFile(number.string), SessionNames.startSocket(number.string)] {
                // What can't be looked at or removed now is tried again the next time.
                if let file = try? directory.metadata(of: name), time(nil) - file.modified > unitStartTime {
                    try? directory.remove(name)
                }
            }
        }
    }

    /// In seconds; a manager that is busy may take its time.
    private static let unitStartTime = 600

    private final class Held {
        let lock: IDLock
        let session: DeadSession
        let index: Int

        init(_ lock: consuming IDLock, _ session: DeadSession, index: Int) {
            self.lock = lock
            self.session = session
            self.index = index
        }
    }

    private static func reapTogether(
        _ ids: [SessionID], in directory: borrowing FileDescriptor, lockTimeout: Int64
    ) -> [Outcome] {
        var outcomes = [Outcome](repeating: .busy, count: ids.count)
        var held: [Held] = []
        var lost: [LostSession] = []
        for (index, id) in ids.enumerated() {
            do throws(SystemError) {
                guard let lock = try IDLock.take(id, in: directory, timeout: lockTimeout) else { continue }
                let names = SessionNames(id)
                switch try examine(names, in: directory) {
                case .dead(let session):
                    if let processes = session.lost { lost.append(processes) }
                    held.append(Held(lock, session, index: index))
                case .settled(let outcome):
                    if case .nothing = outcome { try removeOrphan(names, in: directory) }
                    outcomes[index] = outcome
                }
            } catch {
                outcomes[index] = .failed(error)
            }
        }
        var survivors = LostProcesses.end(lost)[...]
        for entry in held {
            do throws(SystemError) {
                let left = entry.session.lost == nil ? [] : survivors.removeFirst()
                outcomes[entry.index] = try finish(entry.session, left, in: directory)
            } catch {
                outcomes[entry.index] = .failed(error)
            }
        }
        return outcomes
    }

    // MARK: One session, under its lock

    private struct DeadSession {
        let names: SessionNames
        let sidecar: FileMetadata
        /// Where its status is: the folder, or its dot-name when the keeper died while it started.
        let folder: String
        let status: SessionStatus?
        let lost: LostSession?
    }

    private enum Finding {
        case dead(DeadSession)
        case settled(Outcome)
    }

    private static func examine(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Finding {
        let pid: pid_t?
        switch try Ownership.of(names, in: directory) {
        case .nobody:
            try removeUnfinished(names, in: directory)
            return .settled(.nothing)
        case .keeper(let pid): return .settled(.live(pid))
        case .foreign(let pid), .unsettled(let pid): return .settled(.foreign(pid))
        case .dead(let dead): pid = dead
        }
        guard let sidecar = try directory.metadata(of: names.sidecar) else { return .settled(.nothing) }
        for folder in [names.folder, names.newFolder] {
            // A status of another keeper belongs to an earlier session.
            guard let pid, let status = SessionStatus.read(folder, in: directory),
                status.keeper.isNamed(by: pid)
            else { continue }
            let lost = LostSession(status, bootID: bootID(), pidNamespace: pidNamespace())
            if lost != nil { waitForKeeper(status.keeper.identity) }
            return .dead(
                DeadSession(names: names, sidecar: sidecar, folder: folder, status: status, lost: lost))
        }
        return .dead(
            DeadSession(names: names, sidecar: sidecar, folder: names.folder, status: nil, lost: nil))
    }

    /// A keeper that is being killed loses its lock a moment before its other descriptors are closed.
    private static func waitForKeeper(_ identity: ProcessIdentity) {
        guard let keeper = ProcessHandle.open(pid: identity.pid, startTime: identity.startTime) else {
            return
        }
        _ = keeper.waitForEnd(timeout: .seconds(2))
    }

    private static func finish(
        _ session: DeadSession, _ survivors: [pid_t], in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Outcome {
        Faults.pause("reap")
        let names = session.names
        // Foreign keepers take no lock: one may have come meanwhile.
        guard case .dead = try Ownership.of(names, in: directory) else { return .foreign(nil) }
        guard try sidecarIsStill(session, in: directory) else { return .nothing }
        var state: SessionState?
        // Without a folder there is nobody to tell.
        if let status = session.status, let folder = try? directory.openDirectory(session.folder) {
            state = recordLoss(status, in: folder).state
            try folder.remove(SessionNames.controlSocket)
        }
        try removeSocket(names, in: directory)
        try directory.remove(names.childSidecar)
        try removeUnfinished(names, in: directory)
        // Last of all: as long as it is there, somebody else can do the rest.
        if try sidecarIsStill(session, in: directory) { try directory.remove(names.sidecar) }
        return .reaped(Reaped(id: names.id, state: state, survivors: survivors))
    }

    private static func sidecarIsStill(
        _ session: DeadSession, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        guard let there = try directory.metadata(of: session.names.sidecar) else { return false }
        return there.isSameFile(as: session.sidecar)
    }

    private static func removeSocket(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) {
        guard let there = try directory.metadata(of: names.socket), there.isSocket,
            !acceptsConnections(names.socket, in: directory)
        else { return }
        try directory.remove(names.socket)
    }

    /// Removes a socket that belongs to no sidecar, once its maker has had time to listen.
    private static func removeOrphan(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) {
        guard let there = try directory.metadata(of: names.socket),
            time(nil) - there.modified > Ownership.settlingTime
        else { return }
        try removeSocket(names, in: directory)
    }

    /// Removes what a killed starter has left under dot-names. Nobody is starting: the lock is ours.
    private static func removeUnfinished(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) {
        for name in [names.newSocket, names.newSidecar, names.newChildSidecar] {
            // What is no file of a session's is none of ours: `.emacs.d.new` is somebody's folder.
            if let there = try directory.metadata(of: name), there.isSocket || there.isRegular {
                try directory.remove(name)
            }
        }
        // Mostly there is none.
        guard let folder = try? directory.openDirectory(names.newFolder) else { return }
        var isOurs = true
        try folder.forEachEntry { entry, isDirectory in
            if isDirectory || !SessionNames.isInFolder(entry) { isOurs = false }
        }
        if isOurs { try directory.removeTree(names.newFolder) }
    }
}
