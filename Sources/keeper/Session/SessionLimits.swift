import KeeperShared

// Limits on how long a child may run, be idle or be silent. Activity stores a time; expiry looks and re-arms.
extension Session {
    func watchLimits() {
        let limits = settings.limits
        supervision.lastActivity = run.startedAt
        supervision.unansweredSince = 0
        if let runtime = limits.maximumRuntime { deadlines.set(.runtime, in: runtime) }
        if let idle = limits.idleTimeout { deadlines.set(.idleLimit, in: idle) }
        if limits.areSampled { deadlines.set(.sample, in: Session.sampleInterval) }
    }

    private var isTimed: Bool { settings.limits.idleTimeout != nil || settings.limits.silenceTimeout != nil }

    /// Part of a line, or several, went into the child's stdin.
    func inputWasDelivered() {
        guard isTimed else { return }
        supervision.lastActivity = monotonicNow()
        guard let silence = settings.limits.silenceTimeout, supervision.unansweredSince == 0 else { return }
        supervision.unansweredSince = supervision.lastActivity
        deadlines.setIfUnset(.silence, in: silence)
    }

    /// The child, or a process that it left behind, wrote something.
    func outputHasCome() {
        if child == nil { keepDraining() }
        guard isTimed else { return }
        supervision.lastActivity = monotonicNow()
        supervision.unansweredSince = 0
    }

    /// Time in which the child was stopped doesn't count against it.
    func forgivePause() {
        let now = monotonicNow()
        supervision.lastActivity = now
        supervision.lastWatchdog = now
        if supervision.unansweredSince != 0 { supervision.unansweredSince = now }
    }

    /// A limit's time may be up.
    func checkLimit(_ kind: DeadlineKind) {
        guard child != nil else { return }
        let limits = settings.limits
        switch kind {
        case .start:
            if !life.isReady {
                exceed("start-timeout: not ready within \(formatDuration(limits.startTimeout))")
            }
        case .runtime:
            exceed("max-runtime: it has run for \(formatDuration(limits.maximumRuntime ?? 0))")
        case .idleLimit:
            guard let limit = limits.idleTimeout, !isLater(supervision.lastActivity, limit, kind) else {
                return
            }
            exceed("idle-timeout: no input and no output for \(formatDuration(limit))")
        case .silence:
            guard let limit = limits.silenceTimeout, supervision.unansweredSince != 0,
                !isLater(supervision.unansweredSince, limit, kind)
            else { return }
            exceed("silence-timeout: no output for \(formatDuration(limit)) after input")
        case .watchdog:
            guard let limit = limits.watchdog, !isLater(supervision.lastWatchdog, limit, kind) else { return }
            exceed("watchdog: no WATCHDOG=1 for \(formatDuration(limit))")
        case .ready, .stopStep, .leftovers, .drain, .disk, .accept, .idle, .logSize, .serviceWatchdog,
            .restart, .stuck, .upgrade,
            .sample,
            .note:
            break
        }
    }

    /// Re-arms a limit that counts from a time that has moved since.
    private func isLater(_ start: Int64, _ limit: Int64, _ kind: DeadlineKind) -> Bool {
        var rest = limit - (monotonicNow() - start)
        if case .paused = recorder.status.state { rest = limit }
        if rest > 0 { deadlines.set(kind, in: rest) }
        return rest > 0
    }

    /// Ends the child because of a limit; the policy says what follows.
    func exceed(_ reason: String, endsSession: Bool = false) {
        happen(.limitExceeded(reason, endsSession: endsSession))
    }
}
