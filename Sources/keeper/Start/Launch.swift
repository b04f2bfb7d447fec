import CSystem
import KeeperShared

/// Brings a session into being: owns the id, binds, starts the child, and only then puts the new folder in place.
struct Launch {
    let settings: Settings
    let log: KeeperLog
    let report: SpawnReport
    private let startedAt = Timestamp.now()

    /// - Throws: what the caller is told; nothing is left behind then.
    @inline(never)
    func start() throws(LaunchError) -> Session {
        // Relative paths are the caller's: they are opened before the process moves.
        let childDirectory = try openChildDirectory()
        let childPath =
            (settings.workingDirectory == nil ? currentDirectory : nil)
            ?? processLink("self/fd/\(childDirectory.raw)") ?? ""
        let directory = try openDirectory()
        let names = SessionNames(settings.id)
        let builder = try system { () throws(SystemError) in try SessionBuilder(settings, log) }
        let lock = try system { () throws(SystemError) in try IDLock.take(settings.id, in: directory) }
        guard let lock else {
            throw LaunchError(
                5, "session \(settings.id.string) is being changed by another process; try again")
        }
        try checkFree(names, in: directory, holding: lock)
        if settings.isDropIn { openLog(names, in: directory) }
        let path = currentDirectory ?? settings.sessionsPath
        let place = try system { () throws(SystemError) in
            try SessionPlace(names, in: try directory.duplicate(), path: path)
        }
        do throws(LaunchError) {
            let session = try start(in: place, childDirectory, childPath, builder)
            lock.release()
            return session
        } catch {
            place.withdraw()
            throw error
        }
    }

    func openChildDirectory() throws(LaunchError) -> FileDescriptor {
        let path = settings.workingDirectory ?? "."
        do throws(SystemError) {
            return try FileDescriptor.open(path, O_PATH | O_DIRECTORY)
        } catch {
            throw LaunchError(1, "working directory \(path): \(error.reason)")
        }
    }

    func openDirectory() throws(LaunchError) -> FileDescriptor {
        let opened: SessionsDirectory?
        do throws(SessionsDirectoryError) {
            opened = try SessionsDirectory.open(path: settings.sessionsPath, create: true)
        } catch {
            throw LaunchError(2, error.text)
        }
        guard let opened else {
            throw LaunchError(2, "sessions directory \(settings.sessionsPath): it vanished")
        }
        let directory = opened.takeDescriptor()
        _ = try system { () throws(SystemError) in try systemCall("chdir") { fchdir(directory.raw) } }
        return directory
    }

    /// Makes sure that nobody else is at the id's names, and clears away what a dead keeper left.
    private func checkFree(
        _ names: SessionNames, in directory: borrowing FileDescriptor, holding lock: borrowing IDLock
    ) throws(LaunchError) {
        let id = settings.id.string
        let outcome: Reaper.Outcome
        do throws(SystemError) {
            outcome = try Reaper.clear(names, in: directory, holding: lock)
        } catch {
            if error.code == EISDIR {
                throw LaunchError(
                    2, "\(names.socket) is a directory where the socket should be; move it away")
            }
            throw LaunchError(error)
        }
        switch outcome {
        case .nothing: break
        case .reaped: log.line("cleared away what a dead keeper left")
        case .live(let pid): throw LaunchError(5, "session \(id) is already running, keeper PID \(pid)")
        case .foreign(let pid):
            let owner = pid.map { "PID \($0)" } ?? "another program"
            throw LaunchError(5, "session \(id) is already running: \(owner) listens on \(names.socket)")
        case .busy: throw LaunchError(5, "session \(id) is being changed by another process; try again")
        case .failed(let error): throw LaunchError(error)
        }
    }

    func openLog(_ names: SessionNames, in directory: borrowing FileDescriptor) {
        do throws(SystemError) {
            if case .log(let bound, _) = settings.output { log.bound = bound }
            try log.open(names.log, in: directory)
        } catch {
            // A log that can't be written stops no session.
        }
    }

    private func removeEmptyLaunchLog(_ names: SessionNames, in directory: borrowing FileDescriptor) {
        // An empty file that stays says nothing wrong.
        if let file = try? directory.metadata(of: names.launchLog), file.isRegular, file.size == 0 {
            try? directory.remove(names.launchLog)
        }
    }

    private func start(
        in place: SessionPlace, _ childDirectory: consuming FileDescriptor, _ childPath: String,
        _ builder: consuming SessionBuilder
    ) throws(LaunchError) -> Session {
        let session: Session
        do throws(SystemError) {
            session = try builder.begin(
                in: place, makeStatus(childPath), childDirectory: childDirectory, report: report)
        } catch { throw LaunchError(error) }
        let recorder = session.recorder
        // Before there is a child: a keeper that is killed at once leaves what its descendants are known by.
        recorder.writeFirstStatus()
        try session.startChild()
        do throws(SystemError) {
            // It runs: from here on others find the session.
            try place.installFolder()
        } catch {
            session.abandonChild()
            throw LaunchError(error)
        }
        openLog(place.names, in: place.directory)
        session.keep()
        report.started()
        // What the starter need not wait for.
        log.flush()
        removeEmptyLaunchLog(place.names, in: place.directory)
        detachStandardStreams()
        recorder.manager.tell(recorder.status, isStarted: settings.reportDescriptor != nil)
        return session
    }

    private func makeStatus(_ workingDirectory: String) -> SessionStatus {
        var keeper = SessionStatus.Keeper(
            identity: ProcessIdentity(pid: getpid(), startTime: ProcessStat(pid: getpid())?.startTime ?? 0),
            bootID: bootID(), pidNamespace: pidNamespace(), version: "\(keeperVersion)", startedAt: startedAt)
        ServiceManager.locate(&keeper)
        var status = SessionStatus(
            sessionID: settings.id.string, instance: hexadecimal(randomNumber()), state: .starting,
            keeper: keeper,
            command: settings.command.bytes,
            workingDirectory: Array(workingDirectory.utf8),
            labels: settings.labels)
        status.isTerminal = settings.terminalSize != nil
        status.terminalSize = settings.terminalSize
        return status
    }

    /// Lets go of what was inherited, so that a caller that waits for its end doesn't wait for this session's.
    func detachStandardStreams() {
        // Without /dev/null they stay as they are: the session runs all the same.
        guard let null = try? FileDescriptor.open("/dev/null", O_RDWR) else { return }
        null.becomeStandardInputAndOutput()
        if !log.isOpen { null.becomeStandardError() }
    }
}

/// 16 digits.
func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
