import CSystem
import KeeperShared

/// How far a session's end has come.
struct Ending {
    /// How much of a hurry whoever wants the end is in.
    enum Urgency: Int {
        case none
        case orderly
        /// The keeper itself was told to end.
        case termination
        case now
    }

    /// What is done when the keeper itself is told to end.
    static func terminationSteps(inTerminal: Bool) -> [StopStep] {
        [
            StopStep(inTerminal ? .signal(SIGHUP) : .closeInput, wait: 0),
            StopStep(.signal(SIGTERM), wait: .milliseconds(500)),
            StopStep(.signal(SIGKILL), wait: .seconds(2)),
        ]
    }

    /// How long output is awaited after the child's end while other processes hold it, in ns.
    static var drainTime: Int64 { .seconds(2) }

    /// Whether the end was asked for.
    var wasStopped: Bool { urgency != .none }
    var urgency = Urgency.none
    var isUnrecorded = false
    var recordingIsWaived = false
    var isAwaitingReader = false
    var readerHasGone = false
    /// What was lost because the disk took no more and somebody said to end all the same.
    var lost: String?
    /// Requests that are answered at the end.
    var replies: [Reply] = []
    var exitStatus: Int32 = 0
}

// Ending a child by steps, and the session with it.
extension Session {
    /// Ends the child by steps; those in more of a hurry replace what is under way, others wait with it.
    func stop(_ steps: [StopStep], _ urgency: Ending.Urgency) {
        if ending.isAwaitingReader {
            // Over already; only its files are still there.
            return urgency == .orderly ? answerStops(survivors: []) : readerHasGone()
        }
        if ending.isUnrecorded
            || urgency.rawValue <= ending.urgency.rawValue && recorder.status.state != .stuck
        {
            return
        }
        ending.urgency = urgency
        run.cause = .stop
        switch urgency {
        case .none, .orderly: break
        case .termination: run.leftoverGrace = min(run.leftoverGrace, .milliseconds(500))
        case .now: run.leftoverGrace = 0
        }
        if run.isSettled {
            // Between two children there is nothing to wait for.
            resilience?.note(run.cause)
            deadlines.clear(.restart)
            noteStopping(reason: nil)
            return finish()
        }
        endRun(steps)
    }

    /// Ends the child of this run by steps.
    func endRun(_ steps: [StopStep], reason: String? = nil) {
        resilience?.note(run.cause)
        run.steps = steps
        run.nextStep = 0
        if child == nil { return hurryLeftovers() }
        let wasPaused = recorder.status.state == .paused
        if recorder.status.state != .stopping { noteStopping(reason: reason) }
        // A stopped child can't see the end of its stdin, nor act on a signal.
        if wasPaused {
            try? signalChild(SIGCONT, pauseScope)
            input.hold(false)
        }
        takeStopStep()
    }

    func noteStopping(reason: String?) {
        log.line("stopping")
        recorder.transition(to: .stopping, .stopping(reason: reason))
        scheduleRetry()
    }

    /// The child is gone already; what it left gets no more time than is due.
    private func hurryLeftovers() {
        switch run.phase {
        case .terminating: deadlines.set(.leftovers, in: run.leftoverGrace)
        // Killed once already: another look says who is left.
        case .killing: if recorder.status.state == .stuck { endLeftovers() }
        case .done: checkOver()
        case .untouched: break
        }
    }

    var terminationSteps: [StopStep] { Ending.terminationSteps(inTerminal: settings.terminalSize != nil) }

    func takeStopStep() {
        guard child != nil else { return }
        while run.nextStep < run.steps.count {
            let step = run.steps[run.nextStep]
            run.nextStep += 1
            switch step.action {
            case .closeInput:
                input.endTerminalInput()
                if willRestart { input.detach() } else { input.closeNow("the session is stopping") }
            case .signal(let signal): takeSignalStep(signal)
            }
            if step.wait > 0 { return deadlines.set(.stopStep, in: step.wait) }
            // Even SIGKILL takes a moment.
            if run.nextStep == run.steps.count { return deadlines.set(.stopStep, in: .seconds(1)) }
        }
        becomeStuck(survivors: (childPID.map { [$0] } ?? []) + (leftovers() ?? []))
    }

    /// Whom pausing stops: all of the group at least, whoever is told to end.
    var pauseScope: KillScope {
        switch settings.killScope {
        case .group, .process: .group
        case .tree: .tree
        }
    }

    /// Signals the child's processes.
    func signalChild(_ signal: Int32, _ scope: KillScope) throws(SystemError) {
        guard let pid = childPID else { return }
        switch scope {
        case .group: try signalGroup(pid, signal)
        case .process:
            switch child {
            case .some(let handle): try handle.signal(signal)
            case .none: break
            }
        case .tree:
            try signalGroup(pid, signal)
            for pid in leftovers() ?? [] where ProcessStat(pid: pid)?.group != childPID {
                signalLeftover(pid, signal)
            }
        }
    }

    private func takeSignalStep(_ signal: Int32) {
        if signal == SIGKILL { run.leftoverGrace = 0 }
        do throws(SystemError) {
            try signalChild(signal, settings.killScope)
            // A stopped process acts on nothing but SIGKILL until it goes on.
            if signal != SIGKILL, signal != SIGSTOP { try signalChild(SIGCONT, settings.killScope) }
        } catch {
            log.line("cannot signal the child: \(error.text)")
        }
        recorder.record(.signalled(signal))
    }

    var childPID: pid_t? {
        switch child {
        case .some(let handle): handle.pid
        case .none: nil
        }
    }

    /// Whether the child is about to be found ended.
    var childIsEnding: Bool { childPID.flatMap { ProcessStat(pid: $0) }?.isEnding ?? run.isAdopted }

    func becomeStuck(survivors: [pid_t]) {
        log.line("stuck: processes survive SIGKILL")
        // Told to end once more, with the child gone, it is what it was.
        if recorder.status.state != .stuck {
            recorder.transition(to: .stuck, .stuck(survivors: survivors))
        }
        answerStops(survivors: survivors)
        refuseRestarts()
        deadlines.set(.stuck, in: .seconds(5))
        // Told to end, the keeper has done what it can; a service manager would only kill it.
        if ending.urgency == .termination { conclude() }
    }

    /// Something survived SIGKILL: it gets another, and who knows when it can act on it.
    func lookAtStuck() {
        guard case .stuck = recorder.status.state else { return }
        for pid in leftovers() ?? [] { signalLeftover(pid, SIGKILL) }
        if child != nil { try? signalChild(SIGKILL, settings.killScope) }
        reap()
        if case .stuck = recorder.status.state, !isOver { deadlines.set(.stuck, in: .seconds(5)) }
    }

    func answerStops(survivors: [pid_t]) {
        let replies = ending.replies
        ending.replies = []
        for reply in replies {
            control.answer(reply) { json in
                json.beginObject()
                if let end = run.end { end.write(codeKey: "exitCode", to: &json) }
                json.member("state", text: recorder.status.state.name)
                json.member("survivors", survivors)
                if let lost = ending.lost { json.member("lost", lost) }
                json.endObject()
            }
        }
    }
}
