import CSystem
import KeeperShared

// What follows when a child has ended: another one, or the end of the session.
extension Session {
    /// Whether another child follows the one that has ended or is being ended.
    var willRestart: Bool {
        if ending.wasStopped { return false }
        switch run.cause {
        case .restart: return true
        case .stop: return false
        case .limit(let endsSession):
            return !endsSession && supervision.hasBeenReady
                && settings.restart.wantsRestart(failed: true)
        case .none:
            guard let end = run.end else { return false }
            return supervision.hasBeenReady
                && settings.restart.wantsRestart(failed: end != .exited(0))
        }
    }

    /// All that a run left is dealt with: the session waits for the next, or is over.
    func settle() {
        guard willRestart, let end = run.end else { return finish() }
        if run.wasReady, run.endedAt - run.readyAt >= Backoff.recovery { supervision.backoff.attempt = 0 }
        if mayRestart() { awaitRestart(after: end) } else { finish() }
    }

    /// Counts the restart where the policy asks for it.
    private func mayRestart() -> Bool {
        if case .restart = run.cause { return true }
        if supervision.backoff.count(now: monotonicNow(), limit: settings.restartLimit) { return true }
        if let limit = settings.restartLimit {
            supervision.givenUp =
                "restart limit: \(limit.count) restarts in \(formatDuration(limit.duration))"
        }
        return false
    }

    private func awaitRestart(after end: ProcessEnd) {
        flushIndexes()
        run.isSettled = true
        var delay: Int64 = 0
        if case .restart = run.cause {
            supervision.backoff = Backoff()
        } else {
            delay = nextDelay()
            if recorder.status.reason == nil { recorder.status.reason = "the child ended: \(end.text)" }
            if end != .exited(0) { recorder.status.stderrTail = stderrTail() }
        }
        recorder.status.nextStartAt = Timestamp(nanoseconds: Timestamp.now().nanoseconds + delay)
        recorder.transition(to: .backoff, .exited(end))
        recorder.record(.restarting(delay: delay, restarts: (recorder.status.child?.restarts ?? 0) + 1))
        if delay == 0 { return startAgain() }
        log.line("starting the command again in \(delay / 1_000_000) ms")
        deadlines.set(.restart, in: delay)
        scheduleRetry()
    }

    private func nextDelay() -> Int64 {
        supervision.backoff.nextDelay(random: UInt32(truncatingIfNeeded: randomNumber()))
    }

    /// Starts the next child.
    func startAgain() {
        deadlines.clear(.restart)
        // Of whoever was there before.
        readNotes()
        do throws(LaunchError) {
            try startChild()
        } catch {
            return cannotStart(error)
        }
        resilience?.keepChild(self)
        recordChild()
        recorder.transition(
            to: .starting, .started(pid: childPID ?? 0, restarts: recorder.status.child?.restarts ?? 0))
        answerRestarts()
        scheduleRetry()
    }

    /// Puts the PID of the child that runs now beside the keeper's.
    func recordChild() {
        do throws(SystemError) {
            if let pid = childPID { try place.recordChild(pid) }
        } catch {
            // Whoever finds this session dead finds the child in its status. The child before must not be found there.
            place.removeChildSidecar()
            log.line("cannot record the child's PID: \(error.text)")
        }
    }

    /// The command ran before and can't be executed now: one more failure, if the policy tries again.
    private func cannotStart(_ error: LaunchError) {
        log.line("cannot start the command again: \(error.text)")
        let replies = supervision.replies
        supervision.replies = []
        let failure =
            error.execError == 0
            ? ControlError.refused(error.text)
            : .failed(SystemError("exec", String(cString: settings.command.file), error.execError))
        for reply in replies { control.answer(reply, failure) }
        recorder.status.reason = "cannot start the command again: \(error.text)"
        run.cause = .none
        run.end = run.end ?? .unknown
        guard settings.restart.wantsRestart(failed: true), mayRestart() else {
            supervision.givenUp = recorder.status.reason
            return finish()
        }
        let delay = nextDelay()
        recorder.status.nextStartAt = Timestamp(nanoseconds: Timestamp.now().nanoseconds + delay)
        recorder.writeStatus()
        recorder.record(.restarting(delay: delay, message: error.text))
        deadlines.set(.restart, in: delay)
        scheduleRetry()
    }

    // MARK: Requests

    /// Ends the child by the session's steps and starts it again at once.
    func restart(_ reply: Reply) throws(ControlError) {
        switch recorder.status.state {
        case .starting, .running, .paused:
            supervision.replies.append(reply)
            if run.isBeingEnded { return }
            run.cause = .restart
            input.forgetClosing()
            endRun(settings.stopSteps)
        case .stopping where !ending.wasStopped:
            // It is being ended for a restart, or for a limit that may have ended the session.
            run.cause = .restart
            resilience?.note(run.cause)
            input.forgetClosing()
            supervision.replies.append(reply)
        case .backoff:
            supervision.replies.append(reply)
            supervision.backoff = Backoff()
            input.forgetClosing()
            startAgain()
        case .stopping, .stuck, .exited, .failed, .lost:
            throw .wrongState(recorder.status.state, wanted: "starting, running, paused or backoff")
        }
    }

    func answerRestarts() {
        let replies = supervision.replies
        supervision.replies = []
        for reply in replies {
            control.answer(reply) { json in writeState(to: &json) }
        }
    }

    /// Tells those who wait for a restart that there will be none.
    func refuseRestarts() {
        let replies = supervision.replies
        supervision.replies = []
        for reply in replies {
            control.answer(reply, .wrongState(recorder.status.state, wanted: "backoff"))
        }
    }

    func writeState(to json: inout JSONWriter) {
        json.beginObject()
        json.member("state", text: recorder.status.state.name)
        json.endObject()
    }

    // MARK: Pausing

    /// Stops all of the child's processes where they are; its input waits.
    func pause(_ reply: Reply) throws(ControlError) {
        guard case .running = recorder.status.state else {
            throw .wrongState(recorder.status.state, wanted: "running")
        }
        // It has ended, and what it left behind is being ended.
        if child == nil { throw .childAway }
        do throws(SystemError) { try signalChild(SIGSTOP, pauseScope) } catch { throw .failed(error) }
        input.hold(true)
        log.line("paused")
        recorder.transition(to: .paused, .paused)
        control.answer(reply) { json in writeState(to: &json) }
        scheduleRetry()
    }

    func resume(_ reply: Reply) throws(ControlError) {
        guard case .paused = recorder.status.state else {
            throw .wrongState(recorder.status.state, wanted: "paused")
        }
        if child == nil { throw .childAway }
        do throws(SystemError) { try signalChild(SIGCONT, pauseScope) } catch { throw .failed(error) }
        input.hold(false)
        forgivePause()
        log.line("resumed")
        recorder.transition(to: .running, .resumed)
        control.answer(reply) { json in writeState(to: &json) }
        scheduleRetry()
    }
}
