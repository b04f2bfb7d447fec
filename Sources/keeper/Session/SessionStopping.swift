import CSystem
import KeeperShared

/// What a session's end leaves to be said.
struct Ending {
    /// What was lost because the disk took no more and the session was to end all the same.
    var lost: String?
    /// Requests that are answered at the end.
    var replies: [Reply] = []
}

// Ending a child by steps, and the session with it.
extension Session {
    /// Ends the child by steps, and the session with it. More urgent steps replace those that are under way.
    func stop(_ steps: [StopStep], _ urgency: Life.Urgency) {
        happen(.stopRequested(steps, urgency, outputIsBlocked: outputIsBlocked))
    }

    /// What is done when the keeper itself is told to end.
    var terminationSteps: [StopStep] {
        [
            StopStep(settings.terminalSize != nil ? .signal(SIGHUP) : .closeInput, wait: 0),
            StopStep(.signal(SIGTERM), wait: .milliseconds(500)),
            StopStep(.signal(SIGKILL), wait: .seconds(2)),
        ]
    }

    func take(_ step: StopStep.Action) {
        switch step {
        case .closeInput:
            input.endTerminalInput()
            if life.willRestart { input.detach() } else { input.closeNow("the session is stopping") }
        case .signal(let signal):
            signalChild(signal, settings.killScope, orLog: "cannot signal the child")
            // A stopped process acts on nothing but SIGKILL until it goes on.
            if signal != SIGKILL, signal != SIGSTOP {
                signalChild(SIGCONT, settings.killScope, orLog: "cannot continue the child")
            }
            recorder.record(.signalled(signal))
        }
    }

    /// Which processes pausing stops: all of the group at least, whichever the stop steps signal.
    var pauseScope: KillScope {
        switch settings.killScope {
        case .group, .process: .group
        case .tree: .tree
        }
    }

    func signalChild(_ signal: Int32, _ scope: KillScope) throws(SystemError) {
        guard let pid = childPID else { return }
        switch scope {
        case .group: try signalGroup(pid, signal)
        case .process: try child.use { child throws(SystemError) in try child.signal(signal) }
        case .tree:
            try signalGroup(pid, signal)
            for pid in leftovers() ?? [] where ProcessStat(pid: pid)?.group != childPID {
                signalLeftover(pid, signal)
            }
        }
    }

    func signalChild(_ signal: Int32, _ scope: KillScope, orLog failure: StaticString) {
        do throws(SystemError) { try signalChild(signal, scope) } catch {
            log.line("\(failure): \(error.text)")
        }
    }

    var childPID: pid_t? { child.use { $0.pid } }

    /// Whether the child is about to be found ended.
    var childIsEnding: Bool {
        guard let pid = childPID else { return run.isInherited }
        if let stat = ProcessStat(pid: pid) { return stat.isEnding }
        // Without /proc: whether it can be reaped.
        var ended = csys_ended()
        return run.isInherited
            || (csys_waitid(P_PID, id_t(pid), WEXITED | WNOHANG | WNOWAIT, &ended) == 0 && ended.pid == pid)
    }

    func answerStops(survivors: [pid_t]) {
        for reply in exchange(&ending.replies, with: []) {
            control.answer(reply) { json in
                if let end = life.end { end.write(codeKey: "exitCode", to: &json) }
                json.member("state", text: recorder.status.state.name)
                json.member("survivors", survivors)
                if let lost = ending.lost { json.member("lost", lost) }
            }
        }
    }
}
