import KeeperShared

/// How a session goes on from run to run.
struct Supervision {
    var backoff = Backoff()
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
