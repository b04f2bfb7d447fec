import CSystem
import KeeperShared

// What follows when a child has ended: another one, or the end of the session.
extension Session {
    /// Counts a restart that nobody asked for.
    ///
    /// - Parameter afterRun: whether a child has run; a start that failed says nothing about the child before.
    /// - Returns: why there is none; nil where the limit allows it.
    func countRestart(afterRun: Bool = true) -> String? {
        if afterRun, life.isReady, run.endedAt - run.readyAt >= Backoff.recovery {
            supervision.backoff.attempt = 0
        }
        let isAllowed = supervision.backoff.count(now: monotonicNow(), limit: settings.restartLimit)
        guard !isAllowed, let limit = settings.restartLimit else { return nil }
        return "restart limit: \(limit.count) restarts in \(formatDuration(limit.duration))"
    }

    /// The child has ended, and another follows.
    func awaitRestart() {
        guard let end = life.end else { return }
        flushIndexes()
        var delay: Int64 = 0
        if case .restart = life.cause {
            supervision.backoff = Backoff()
        } else {
            delay = nextDelay()
            if recorder.status.reason == nil { recorder.status.reason = "the child ended: \(end.text)" }
            if end != .exited(0) { recorder.status.stderrTail = stderrTail() }
        }
        recorder.status.nextStartAt = Timestamp(nanoseconds: Timestamp.now().nanoseconds + delay)
        recorder.transition(to: life.state, .exited(end))
        recorder.record(.restarting(delay: delay, restarts: (recorder.status.child?.restarts ?? 0) + 1))
        if delay == 0 { return startAgain() }
        log.line("starting the command again in \(delay / 1_000_000) ms")
        deadlines.set(.restart, in: delay)
        scheduleRetry()
    }

    private func nextDelay() -> Int64 {
        supervision.backoff.nextDelay(random: UInt32(truncatingIfNeeded: randomNumber()))
    }

    func startAgain() {
        deadlines.clear(.restart)
        // Notes of the child before.
        readNotes()
        do throws(LaunchError) {
            try startChild()
        } catch {
            return cannotStart(error)
        }
        keepChild()
        recordChild()
        happen(.started)
        answerRestarts()
        scheduleRetry()
    }

    func recordStart() {
        let restarts = recorder.status.child?.restarts ?? 0
        recorder.transition(to: life.state, .started(pid: childPID ?? 0, restarts: restarts))
    }

    /// Puts the PID of the child that runs now beside the keeper's.
    func recordChild() {
        do throws(SystemError) {
            if let pid = childPID { try place.recordChild(pid) }
        } catch {
            // The status names the child as well. The sidecar must not name the one before; if it can't be removed either,
            // its reader finds that PID gone.
            try? place.removeChildSidecar()
            log.line("cannot record the child's PID: \(error.text)")
        }
    }

    /// The command ran before and can't be executed now: one more failure, if the policy tries again.
    private func cannotStart(_ error: LaunchError) {
        log.line("cannot start the command again: \(error.text)")
        let failure =
            error.execError == 0
            ? ControlError.refused(error.text)
            : .failed(SystemError("exec", String(cString: settings.command.file), error.execError))
        for reply in takeRestartReplies() { control.answer(reply, failure) }
        recorder.status.reason = "cannot start the command again: \(error.text)"
        let isTriedAgain = settings.restart.wantsRestart(failed: true) && countRestart(afterRun: false) == nil
        happen(.startFailed(error.text, isTriedAgain: isTriedAgain))
    }

    /// The command could not be started, and is tried again.
    func awaitNextTry(after failure: String) {
        let delay = nextDelay()
        recorder.status.nextStartAt = Timestamp(nanoseconds: Timestamp.now().nanoseconds + delay)
        recorder.writeStatus()
        recorder.record(.restarting(delay: delay, message: failure))
        deadlines.set(.restart, in: delay)
        scheduleRetry()
    }

    // MARK: Requests

    /// Ends the child by the session's steps and starts it again at once.
    func restart(_ reply: Reply) throws(ControlError) {
        guard life.takesRestart else {
            throw .wrongState(life.state, wanted: "starting, running, paused or backoff")
        }
        supervision.replies.append(reply)
        happen(.restartRequested)
    }

    private func answerRestarts() { for reply in takeRestartReplies() { answerState(reply) } }

    /// Tells those who wait for a restart that there will be none.
    func refuseRestarts() {
        for reply in takeRestartReplies() {
            control.answer(reply, .wrongState(recorder.status.state, wanted: "backoff"))
        }
    }

    private func takeRestartReplies() -> [Reply] { exchange(&supervision.replies, with: []) }

    private func answerState(_ reply: Reply) {
        control.answer(reply) { $0.member("state", text: recorder.status.state.name) }
    }

    // MARK: Pausing

    /// Stops all of the child's processes where they are, or lets them go on; meanwhile its input waits.
    func setPaused(_ isPaused: Bool, _ reply: Reply) throws(ControlError) {
        guard life.state.after(isPaused ? .paused : .resumed) != nil else {
            throw .wrongState(life.state, wanted: isPaused ? "running" : "paused")
        }
        // It has ended, and its leftovers are being ended.
        if child == nil { throw .childAway }
        do throws(SystemError) { try signalChild(isPaused ? SIGSTOP : SIGCONT, pauseScope) } catch {
            throw .failed(error)
        }
        input.hold(isPaused)
        if !isPaused { forgivePause() }
        happen(isPaused ? .paused : .resumed)
        answerState(reply)
    }
}
