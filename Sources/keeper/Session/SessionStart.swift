import CSystem
import KeeperShared

// Starting the child, and putting the session where others find it.
extension Session {
    /// Starts the child with its pipes.
    ///
    /// - Throws: the system's own error for what can't be executed.
    func startChild() throws(LaunchError) {
        let isFirst = recorder.status.child == nil
        if isFirst {
            log.line(
                "keeper starting: session \(settings.id.string), PID \(getpid()), keeper \(keeperVersion)")
        }
        if isFirst, settings.isDropIn {
            var isCaptured = false
            if case .log = settings.output { isCaptured = true }
            log.line("pi output capture: \(isCaptured ? "enabled" : "disabled")")
        }
        log.line("spawning \(commandText)")
        var problem: SystemError?
        let handle = try spawnChild(isFirst: isFirst) { pid in
            guard isFirst else { return }
            note(pid, restarts: 0)
            do throws(SystemError) { try writeFirstFiles(pid) } catch { problem = error }
        }
        // Without a first event a follower knows that the session has not begun: one that can't be executed never does.
        if isFirst, problem == nil {
            recorder.record(.started(pid: handle.pid, restarts: nil), to: .starting)
        }
        // An old session goes on with the child before, should this one not start.
        if !isFirst { note(handle.pid, restarts: (recorder.status.child?.restarts ?? 0) + 1) }
        recorder.status.exit = nil
        recorder.status.stderrTail = nil
        recorder.status.nextStartAt = nil
        recorder.status.note = nil
        child = consume handle
        run = ChildRun()
        run.startedAt = monotonicNow()
        happen(.spawned)
        awaitReady()
        watchLimits()
        if let problem {
            abandonChild()
            throw LaunchError(problem)
        }
    }

    private func note(_ pid: pid_t, restarts: Int) {
        recorder.status.child = SessionStatus.Child(
            identity: ProcessIdentity(pid: pid, startTime: ProcessStat(pid: pid)?.startTime ?? 0),
            startedAt: Timestamp.now())
        recorder.status.child?.restarts = restarts
    }

    /// Makes all files of a session that has started but its events, while its child executes; in a folder that gets its
    /// name when that has succeeded.
    private func writeFirstFiles(_ pid: pid_t) throws(SystemError) {
        try place.recordChild(pid)
        for output in outputs {
            if case .journal(let journal) = output.sink { try journal.open() }
        }
        recorder.writeFirstStatus()
    }

    /// Dashboards look for words joined by spaces in the log of theirs.
    private var commandText: String {
        if settings.isDropIn {
            let words = [Array("pi".utf8)] + recorder.status.command
            return String(decoding: Array(words.joined(separator: [UInt8(ascii: " ")])), as: UTF8.self)
        }
        var json = JSONWriter(capacity: 992)
        json.beginArray()
        for argument in recorder.status.command { json.string(utf8: argument) }
        json.endArray()
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// What the child reads from, and where it is written: a pipe, or a new terminal of the size that the last had.
    private func makeInput() throws(SystemError) -> Pipe {
        guard let size = input.stdin.terminalSize else { return try makePipe() }
        return try openTerminal(size)
    }

    /// What the terminal shows is the output.
    ///
    /// - Returns: the child's end.
    private func connectTerminal(_ terminal: borrowing Pipe) throws(LaunchError) -> FileDescriptor? {
        let stream = try stream(.stdout)
        return try system { () throws(SystemError) in
            try stream.attach(try terminal.writing.duplicate())
            return try terminal.reading.duplicate()
        }
    }

    /// - Parameter meanwhile: is called while the child executes; no child is there when that fails.
    private func spawnChild(
        isFirst: Bool, meanwhile: (pid_t) -> Void
    ) throws(LaunchError) -> ProcessHandle {
        if settings.command.file[0] == 0 {
            throw LaunchError(1, "exec '': the command is empty", execError: ENOENT)
        }
        let stdin = try system(makeInput)
        try prepareNotes()
        let environment = ChildEnvironment(
            settings: settings, directoryPath: place.directoryPath, instance: recorder.status.instance,
            isFirstStart: isFirst, notes: notes?.address)
        let readyEnd = try connectReadyPipe()
        try system { () throws(SystemError) in try stdin.writing.setNonBlocking() }
        let stdoutEnd = try settings.terminalSize == nil ? connect(.stdout) : connectTerminal(stdin)
        let stderrEnd = try connect(.stderr)
        var null: FileDescriptor?
        if stdoutEnd == nil {
            null = try system { () throws(SystemError) in try FileDescriptor.open("/dev/null", O_WRONLY) }
        }
        var request = SpawnRequest(
            file: settings.command.file, arguments: settings.command.pointer, environment: csys_environ()!,
            mask: childMask)
        let standardOutput = max(stdoutEnd.raw, null.raw)
        request.descriptors = (
            stdin.reading.raw, standardOutput, stderrEnd == nil ? standardOutput : stderrEnd.raw,
            readyEnd.raw
        )
        if case .descriptor(let number) = settings.ready { request.extraNumber = number }
        request.limits = settings.resourceLimits
        request.directory = childDirectory.raw
        // Where a keeper may be followed by another one, its child outlives it.
        if !resilience.isOn { request.deathSignal = SIGTERM }
        let entrance = childGroup?.openEntrance()
        request.controlGroup = entrance.raw
        resilience.childWillStart()
        request.takesTerminal = settings.terminalSize != nil
        let handle: ProcessHandle
        do throws(SystemError) {
            handle = try environment.list.withPointer { environment throws(SystemError) in
                request.environment = environment
                return try spawn(request, meanwhile: meanwhile)
            }
        } catch {
            throw LaunchError(1, error.text, execError: error.code)
        }
        // Without it, one that closes its terminal can't open it again: better than no child.
        let peer = settings.terminalSize == nil ? nil : try? stdin.reading.duplicate()
        input.attach(stdin.takeWriting(), peer: peer)
        return handle
    }

    /// The socket for the child's notes, made once: it goes on from child to child.
    private func prepareNotes() throws(LaunchError) {
        guard usesNotes, notes == nil else { return }
        notes = try system { () throws(SystemError) in
            let notes = try NotifySocket(instance: recorder.status.instance)
            try poller.add(notes.socket, .input, token: Token.notify)
            return notes
        }
    }

    /// - Returns: the child's end of the pipe on which it says that it is ready, where it does that.
    private func connectReadyPipe() throws(LaunchError) -> FileDescriptor? {
        closeReadyPipe()
        guard case .descriptor = settings.ready else { return nil }
        let pipe = try system(makePipe)
        do throws(SystemError) {
            let end = try pipe.writing.duplicate()
            let reading = pipe.takeReading()
            try reading.setNonBlocking()
            try poller.add(reading, .input, token: Token.readyPipe)
            readyPipe = consume reading
            return end
        } catch {
            throw LaunchError(error)
        }
    }

    /// One pipe for both: as asked for, or because both go to the log.
    private var isMerged: Bool {
        if case .log = settings.output { return true }
        return settings.mergesStreams
    }

    /// Makes a pipe from the child into a stream. All that can fail is done before there is a child.
    ///
    /// - Returns: the child's end; nil where the stream has none of its own.
    private func connect(_ name: StreamName) throws(LaunchError) -> FileDescriptor? {
        if case .discard = settings.output { return nil }
        if name == .stderr, isMerged { return nil }
        let stream = try stream(name)
        let pipe = try system(makePipe)
        do throws(SystemError) {
            let end = try pipe.writing.duplicate()
            try stream.attach(pipe.takeReading())
            return end
        } catch {
            throw LaunchError(error)
        }
    }

    /// The stream of that name: it goes on, with its positions, from child to child.
    private func stream(_ name: StreamName) throws(LaunchError) -> OutputStream {
        if let stream = outputs.first(where: { $0.name == name }) { return stream }
        let sink: OutputSink
        switch settings.output {
        case .journals(let bound):
            sink = .journal(JournalWriter(name, bound: bound, in: place.folder))
        case .log, .discard: sink = .log
        }
        let stage = try system { () throws(SystemError) in try resilience.makeStage(name) }
        let stream = OutputStream(name, sink: sink, stage: stage, poller: poller)
        outputs.append(stream)
        return stream
    }

    /// Ends a child whose session could not be put in place.
    func abandonChild() {
        guard let pid = childPID else { return }
        // It may have ended by itself.
        try? signalGroup(pid, SIGKILL)
        var record = csys_ended()
        while csys_waitid(P_PID, id_t(pid), WEXITED, &record) < 0, csys_errno() == EINTR {}
        child = nil
    }
}
