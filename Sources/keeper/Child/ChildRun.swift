import KeeperShared

/// One run of the command: from the child's start until its end is dealt with.
struct ChildRun {
    /// What happens to processes that the child left behind.
    enum LeftoverPhase {
        case untouched
        /// They were asked to end.
        case terminating
        /// They were killed.
        case killing
        /// None is left, or they are left alone.
        case done
    }

    /// Why the child is being ended, if anybody does that.
    enum Cause {
        case none
        /// The session is to end.
        case stop
        /// Somebody asked for a restart.
        case restart
        /// A limit was exceeded. What happens then is up to the policy, unless the limit is the session's own.
        case limit(endsSession: Bool)
    }

    /// On the monotonic clock; 0 before that.
    var startedAt: Int64 = 0
    var readyAt: Int64 = 0
    var wasReady: Bool { readyAt != 0 }
    var endedAt: Int64 = 0
    var cause = Cause.none
    var steps: [StopStep] = []
    var nextStep = 0
    var end: ProcessEnd?
    /// How long leftovers are given after the child's end, in ns.
    var leftoverGrace: Int64 = .seconds(2)
    var phase = LeftoverPhase.untouched
    /// The child is not this process's own: another keeper started it, and how it ends can't be known.
    var isAdopted = false
    /// Nothing of it is left: the next one is waited for, or the session is over.
    var isSettled = false

    var isBeingEnded: Bool {
        if case .none = cause { false } else { true }
    }
}

/// How a session goes on from run to run.
struct Supervision {
    /// One that has never been ready is not tried again.
    var hasBeenReady = false
    var backoff = Backoff()
    /// Why it is not tried again although the policy would.
    var givenUp: String?
    /// Requests for a restart, answered when the new child runs.
    var replies: [Reply] = []
    /// Looks for the output that means ready; nil when nothing is looked for.
    var match: OutputMatch?
    /// When something last went in or out, on the monotonic clock.
    var lastActivity: Int64 = 0
    /// Since when input has not been answered; 0 when it has.
    var unansweredSince: Int64 = 0
    /// When the child last sent its watchdog message.
    var lastWatchdog: Int64 = 0
    var health = HealthRecord()
}
