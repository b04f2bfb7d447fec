import CSystem
import KeeperShared

// A session as what one binary hands to the next.
extension Session {
    /// All that the next binary needs, as it is between two turns of the loop.
    ///
    /// - Parameter isCheckpoint: for a keeper that goes on after this one was killed: without connections, which end
    ///   then.
    func save(isCheckpoint: Bool = false) -> SavedState {
        flushIndexes()
        var state = SavedState()
        state.version = "\(keeperVersion)"
        place.save(into: &state)
        recorder.save(into: &state)
        state.log = log.number
        state.childDirectory = childDirectory.raw
        state.childMask = Int(childMask)
        state.child = child.use { $0.descriptor.raw } ?? -1
        state.notes = notes?.socket.raw ?? -1
        state.readyPipe = readyPipe.raw
        state.report = report.number
        state.run = run
        state.isSettled = life.isSettled
        state.hasBeenReady = life.hasBeenReady
        state.backoff = supervision.backoff
        state.lastActivity = supervision.lastActivity
        state.unansweredSince = supervision.unansweredSince
        state.lastWatchdog = supervision.lastWatchdog
        if let match = supervision.match {
            state.isMatching = true
            state.isMatchArmed = match.isArmed
            state.matchTails = match.tails
        }
        for kind in DeadlineKind.allCases {
            if let time = deadlines.time(of: kind) {
                state.deadlines.append((kind: kind.rawValue, time: time))
            }
        }
        state.streams = outputs.map { $0.save() }
        state.lastOutputWasStderr = lastOutput == .stderr
        state.input = input.save(keys: keys, isCheckpoint: isCheckpoint)
        if !isCheckpoint { control.save(into: &state) }
        state.page = resilience.number
        return state
    }

    /// Goes on where another binary was, and owns its descriptors.
    ///
    /// - Parameter problem: why it can't. What is owned by then stays open: the old binary needs it again.
    func restore(_ state: SavedState, _ problem: inout SystemError?) {
        if let descriptor = FileDescriptor(owningIfOpen: state.child) {
            child = ProcessHandle(pid: recorder.status.child?.identity.pid ?? 0, owning: descriptor)
        }
        run = state.run
        life.restore(
            isSettled: state.isSettled, isReady: run.readyAt != 0, hasBeenReady: state.hasBeenReady,
            end: recorder.status.exit?.end)
        supervision.backoff = state.backoff
        supervision.lastActivity = state.lastActivity
        supervision.unansweredSince = state.unansweredSince
        supervision.lastWatchdog = state.lastWatchdog
        if state.isMatching { resumeMatching(isArmed: state.isMatchArmed, state.matchTails) }
        for deadline in state.deadlines {
            if let kind = DeadlineKind(rawValue: deadline.kind) { deadlines.set(kind, at: deadline.time) }
        }
        do throws(SystemError) { if run.isInherited { try watchInheritedChild() } } catch {
            problem = error
        }
        var bound = 0
        if case .journals(let size) = settings.output { bound = size }
        for stream in state.streams {
            var stage: OutputStage?
            do throws(SystemError) {
                stage = try resilience.restoreStage(
                    stream.isStderr ? .stderr : .stdout, owning: stream.stage)
            } catch { problem = error }
            outputs.append(
                OutputStream(
                    restoring: stream, bound: bound, folder: place.folder, stage: stage, poller: poller,
                    &problem))
        }
        if !outputs.isEmpty { lastOutput = state.lastOutputWasStderr ? .stderr : .stdout }
        if let socket = FileDescriptor(owningIfOpen: state.notes) {
            notes = NotifySocket(instance: recorder.status.instance, owning: socket)
        }
        readyPipe = FileDescriptor(owningIfOpen: state.readyPipe)
        input.restore(state.input, keys: &keys, &problem)
        control.restore(state)
        do throws(SystemError) {
            try watch()
            if let notes { try poller.add(notes.socket, .input, token: Token.notify) }
            try readyPipe.use { pipe throws(SystemError) in
                try poller.add(pipe, .input, token: Token.readyPipe)
            }
        } catch {
            problem = error
        }
    }

    // MARK: For a keeper that follows this one when it is killed

    /// Stores what belongs to the session, and then its child's. From here on the session survives.
    func keep() {
        if !resilience.isOn { return }
        resilience.begin()
        resilience.keep(place.sidecar.number, .sidecar)
        resilience.keep(place.inputListener.raw, .input)
        resilience.keep(place.controlListener.raw, .control)
        for stream in outputs {
            resilience.keep(stream.stage?.number ?? -1, stream.name == .stdout ? .stdoutStage : .stderrStage)
        }
        if let notes { resilience.keep(notes.socket.raw, .notes) }
        keepChild()
        resilience.mark(.isStored)
    }

    func keepChild() {
        if !resilience.isOn { return }
        resilience.keep(input.stdin.raw, .stdin)
        for stream in outputs {
            resilience.keep(stream.pipeNumber, stream.name == .stdout ? .stdout : .stderr)
        }
        resilience.keep(readyPipe.raw, .ready)
        child.use { resilience.keep($0.descriptor.raw, .child) }
        resilience.noteChild(childPID ?? 0, startTime: recorder.status.child?.identity.startTime ?? 0)
        checkpoint()
        resilience.mark(.hasChild)
    }

    /// Stores the state as it is now.
    func checkpoint() { if resilience.isOn { resilience.store(save(isCheckpoint: true)) } }

    /// Another keeper could go on from here: between two turns of the loop.
    func secure() {
        resilience.noteTurn()
        if recorder.hasChanged { checkpoint() }
        recorder.hasChanged = false
    }

    // MARK: After an upgrade

    /// The session goes on in this binary: says so.
    ///
    /// - Parameter failure: why the binary that was asked for does not.
    func finishUpgrade(_ state: SavedState, failure: String?) {
        recorder.status.keeper.version = "\(keeperVersion)"
        if let failure {
            log.line("not upgraded: \(failure)")
            control.answer(state.request, .refused(failure))
        } else {
            log.line("upgraded from \(state.version) to \(keeperVersion)")
            recorder.record(.upgraded(previousVersion: state.version))
            control.answer(state.request) { $0.member("version", text: keeperVersion) }
        }
        if state.binary >= 0 { close(state.binary) }
        recorder.writeStatus()
        scheduleRetry()
        // A signal that came meanwhile is pending; a child that ended is found by looking.
        reap()
        deadlines.setIfUnset(.idle, in: .milliseconds(100))
    }
}
