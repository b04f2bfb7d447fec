import CSystem
import KeeperShared

// What a keeper does first that goes on with another one's session.
extension Session {
    func goOn(isNewChild: Bool) throws(SystemError) {
        let before = recorder.status.keeper.identity.pid
        let now = Timestamp.now()
        recorder.status.keeper.identity = ProcessIdentity(
            pid: getpid(), startTime: ProcessStat(pid: getpid())?.startTime ?? 0)
        recorder.status.keeper.previousPID = before
        recorder.status.keeper.version = "\(keeperVersion)"
        if isNewChild { recordChild() }
        // A child that is being ended doesn't become ready, whatever it has written.
        life.restore(resilience.cause)
        // Output first: what is in the stages came before all that is recorded now.
        for stream in outputs { try recoverStage(stream) }
        resumeReadiness()
        for stream in outputs { read(stream.name) }
        for stream in outputs { if let failure = stream.failure { noteFullDisk(failure) } }
        recorder.writeStatus()
        // Only now: the status that is there by now says that the one before was this session's too.
        try place.sidecar.rewrite()
        log.line(
            "goes on with the session of keeper PID \(before), which was killed; keeper \(keeperVersion)")
        var lastTurn: Timestamp?
        if let last = resilience.lastTurn {
            lastTurn = Timestamp(nanoseconds: now.nanoseconds - (monotonicNow() - last))
        }
        recorder.record(
            .recovered(pid: getpid(), previous: before, lastTurn: lastTurn), to: recorder.status.state)
        if isNewChild {
            let restarts = recorder.status.child?.restarts ?? 0
            recorder.record(.started(pid: childPID ?? 0, restarts: restarts), to: .starting)
        }
        resumeInput()
        forgivePause()
        deadlines.clear(.drain, .leftovers, .stopStep, .accept, .idle, .logSize)
        if outputs.contains(where: { $0.failure != nil }) { deadlines.setIfUnset(.disk, in: .seconds(1)) }
        scheduleRetry()
        deadlines.setIfUnset(.idle, in: .milliseconds(100))
        checkpoint()
        recorder.manager.tell(recorder.status, isStarted: true)
        resumeRun()
    }

    private func resumeReadiness() {
        if recorder.status.child?.readyAt != nil {
            // The other keeper may have been killed right after that.
            if !life.isReady { run.readyAt = monotonicNow() }
            life.restoreReady()
            supervision.match = nil
        }
        // What was looked for may have come in part.
        guard let match = supervision.match else { return }
        if case .output(let text) = settings.ready, text.count > 1 {
            var tails: (stdout: [UInt8], stderr: [UInt8]) = ([], [])
            for stream in outputs {
                guard case .journal(let journal) = stream.sink else { continue }
                let tail = journal.tail(text.count - 1)
                if stream.name == .stdout { tails.stdout = tail } else { tails.stderr = tail }
            }
            supervision.match?.resume(isArmed: true, tails: tails)
        }
        if case .line(let line) = settings.ready, !match.isArmed {
            // A child whose input is closed is not ready before its time is up.
            try? input.send(line, isFirst: true, then: .armMatch)
        }
    }

    /// A line that was torn is ended: the child gets it as it is, and what follows is not part of it.
    private func resumeInput() {
        input.hold(recorder.status.state == .paused)
        guard resilience.lineIsOpen, input.stdin.isOpen else { return }
        log.line("a line of input may have been torn")
        recorder.record(.torn)
        // Its input is open, as has just been looked at.
        try? input.send([], isFirst: true, then: nil)
    }

    /// Takes up what was under way.
    private func resumeRun() {
        if life.isSettled {
            happen(.restored)
            recorder.status.state = life.state
            return
        }
        var end = recorder.status.exit?.end ?? resilience.childEnd
        // It is gone, and so is the descriptor that would tell.
        if child == nil { end = end ?? .unknown }
        if let end {
            // The other keeper had learned of it. The service manager holds that descriptor too: without this it would
            // go on to be watched.
            _ = inheritedChildHasEnded
            childHasEnded(end)
            return reap()
        }
        happen(.restored)
        reap()
    }
}
