import CSystem
import KeeperShared

/// Goes on with the session of a keeper that was killed, with what the service manager has kept of it.
///
/// All of it can be done again: this keeper may be killed as well.
struct Recovery {
    enum Outcome {
        case session(Session)
        /// It was over; only its names were still there. The keeper's exit status.
        case over(Int32)
        /// There is nothing to go on with.
        case nothing
    }

    let settings: Settings
    let log: KeeperLog
    let received: ReceivedDescriptors

    /// What a service manager may try again.
    static let temporaryFailure: Int32 = 75

    /// - Throws: why it can't be now, though everything is there.
    @inline(never)
    func start() throws(LaunchError) -> Outcome {
        if received.count == 0 { return .nothing }
        guard received.has(.page, .sidecar, .input, .control) else {
            return try abandon("FileDescriptorStoreMax= may be too small")
        }
        // The session will have one of its own.
        let page = try system { () throws(SystemError) in
            let file = try FileDescriptor.duplicate(ofNumber: received[.page])
            return try SharedPage(owning: file.release())
        }
        if !page.isUsable { return try abandon("the keeper before was killed while it started") }
        return try goOn(page)
    }

    /// Lets go of everything, so that the session counts as lost and a new one can begin.
    private func abandon(_ why: String) throws(LaunchError) -> Outcome {
        log.line("cannot go on with the session of the keeper before: \(why)")
        if received.has(.sidecar) { try sidecar().unlock() }
        let queue = ManagerQueue()
        DescriptorStore.removeAll(through: queue)
        queue.settle()
        received.close()
        return .nothing
    }

    private func goOn(_ page: SharedPage) throws(LaunchError) -> Outcome {
        let names = SessionNames(settings.id)
        let launch = Launch(settings: settings, log: log, report: SpawnReport(nil, isSilent: true))
        let childDirectory = try launch.openChildDirectory()
        let directory = try launch.openDirectory()
        if page[.isOver] != 0 { return try conclude(Int32(page[.isOver] - 1), in: directory, names) }
        guard try sidecar().isInPlace(names, in: directory),
            let status = SessionStatus.read(names.folder, in: directory)
        else { return try abandon("its files are gone") }
        if status.state.isFinal { return try conclude(status.state == .failed ? 1 : 0, in: directory, names) }
        guard equalUTF8(status.keeper.bootID, bootID()), equalUTF8(status.keeper.pidNamespace, pidNamespace())
        else {
            return try abandon("it was another boot's")
        }
        let bytes = page.loadState()
        guard var state = decode(bytes), let saved = SessionStatus(bytes: state.status) else {
            return try abandon("its state can't be understood")
        }
        launch.openLog(names, in: directory)
        launch.detachStandardStreams()
        if isIncomplete(state, page) {
            log.line(
                "not all that the keeper before had open has been kept: FileDescriptorStoreMax= may be too small"
            )
        }
        // The one that knows the present child.
        let knowsChild = Int64(status.child?.identity.pid ?? 0) == page[.childPID]
        let isNewChild = !knowsChild && page[.hasChild] != 0
        var last = isNewChild ? saved : status
        if isNewChild {
            switch saved.state {
            // The disk didn't take what has become of it.
            case .starting, .running, .paused, .stopping, .stuck: break
            case .backoff, .exited, .failed, .lost: last.state = .starting
            }
        }
        do throws(SystemError) {
            let folder = try directory.openDirectory(names.folder)
            try fill(&state, in: directory, folder, names)
            state.directoryPath = processLink("self/fd/\(directory.raw)") ?? settings.sessionsPath
            state.directory = directory.release()
            state.folder = folder.release()
            try takeChild(&state, last, page)
            let builder = try SessionBuilder(settings, log)
            state.childDirectory = childDirectory.release()
            state.childMask = Int(builder.callersMask)
            var problem: SystemError?
            let session = builder.restore(state, last, &problem)
            if let problem { throw problem }
            try session.goOn(isNewChild: isNewChild)
            return .session(session)
        } catch {
            throw LaunchError(Recovery.temporaryFailure, error.text)
        }
    }

    /// Whether something is missing that nobody has let go. What is stored last is the first that finds no room.
    private func isIncomplete(_ state: SavedState, _ page: SharedPage) -> Bool {
        state.streams.contains { !received.has($0.isStderr ? .stderrStage : .stdoutStage) }
            || (page[.hasChild] != 0 && !received.has(.child))
    }

    /// Another owner of the sidecar's descriptor.
    private func sidecar() throws(LaunchError) -> OwnedSidecar {
        try system { () throws(SystemError) in
            OwnedSidecar(owning: try FileDescriptor.duplicate(ofNumber: received[.sidecar]))
        }
    }

    private func decode(_ bytes: [UInt8]) -> SavedState? {
        var state = SavedState()
        state.savedFormat = 0
        let isWhole = bytes.withUnsafeBytes { bytes in
            var coder = StateCoder(reading: bytes)
            state.code(&coder)
            return !coder.isBroken
        }
        return isWhole && state.savedFormat == SavedState.format ? state : nil
    }

    /// Puts this process's descriptors and what the files say in the place of what the other keeper had.
    private func fill(
        _ state: inout SavedState, in directory: borrowing FileDescriptor, _ folder: borrowing FileDescriptor,
        _ names: SessionNames
    ) throws(SystemError) {
        state.binary = -1
        state.log = -1
        state.report = -1
        state.sidecar = received[.sidecar]
        state.inputListener = received[.input]
        state.controlListener = received[.control]
        state.page = received[.page]
        state.notes = received[.notes]
        state.socketFile = try directory.metadata(of: names.socket)
        state.childSidecar = try directory.metadata(of: names.childSidecar)
        let events = try EventsEnd(of: folder)
        state.sequence = events.sequence
        state.eventBytes = events.size
        // A line that is there in part is ended; its event is lost.
        state.waitingEvents = events.isTorn ? [UInt8(ascii: "\n")] : []
        state.events = events.takeFile().release()
        for index in state.streams.indices {
            let isStderr = state.streams[index].isStderr
            state.streams[index].journal = try SavedState.Journal(
                recovering: isStderr ? .stderr : .stdout, in: folder)
            state.streams[index].stage = received[isStderr ? .stderrStage : .stdoutStage]
        }
    }

    /// Finds out which child there is, and takes what belongs to it.
    private func takeChild(
        _ state: inout SavedState, _ status: SessionStatus, _ page: SharedPage
    ) throws(SystemError) {
        let isThere = page[.hasChild] != 0
        if !isThere {
            // One may have been started in the last moment, and nobody has its pipes any more.
            endStrayProcesses(of: status, startedSince: UInt64(max(0, page[.spawnTime] - 1)))
        }
        state.run.isInherited = true
        state.isSettled = !isThere || status.state == .backoff
        for index in state.streams.indices {
            let pipe = received[state.streams[index].isStderr ? .stderr : .stdout]
            state.streams[index].pipe = isThere ? pipe : -1
        }
        state.readyPipe = isThere ? received[.ready] : -1
        state.input.stdin = isThere ? received[.stdin] : -1
        state.input.closedPipe = -1
        state.input.peer = -1
        if state.isSettled {
            state.input.target = 1
        } else if state.input.stdin < 0, state.input.target == 0 {
            // Closing it is what the keeper did last.
            state.input.target = 2
            state.input.wasClosedByRequest = true
        }
        state.child = -1
        if state.isSettled { return }
        state.child = received[.child]
        if state.child < 0 {
            let handle = ProcessHandle.open(
                pid: pid_t(truncatingIfNeeded: page[.childPID]),
                startTime: UInt64(bitPattern: page[.childStartTime]))
            if let handle { state.child = handle.takeDescriptor().release() }
        }
    }

    /// The session's end was recorded; what is left of it are names.
    private func conclude(
        _ status: Int32, in directory: borrowing FileDescriptor, _ names: SessionNames
    ) throws(LaunchError) -> Outcome {
        log.line("the session was over when its keeper was killed")
        let sidecar = try sidecar()
        if sidecar.isInPlace(names, in: directory) {
            for name in [
                names.socket, concat(names.folder, "/", SessionNames.controlSocket), names.childSidecar,
            ] {
                // Most are gone; 'prune' removes what can't be removed now.
                try? directory.remove(name)
            }
            if settings.removesFiles {
                RemovedFolders.remove(names, in: directory)
                try? directory.remove(names.log)
            }
            sidecar.removeName(names, in: directory)
        }
        let manager = ServiceManager()
        DescriptorStore.removeAll(through: manager.queue)
        manager.tellOver()
        manager.queue.settle()
        return .over(status)
    }
}
