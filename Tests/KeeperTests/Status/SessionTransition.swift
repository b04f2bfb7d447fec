import KeeperShared

/// One way in which a session's state changes.
///
/// The table as the manual has it; `SessionState.after` is what the keeper goes by.
struct SessionTransition {
    /// nil: there is no session yet.
    let from: SessionState?
    /// As in `events.jsonl`.
    let event: String
    let to: SessionState
    /// When it happens, as the rest of a sentence.
    let when: String

    /// All there are, in the order of a session's life.
    static var all: [SessionTransition] {
        [
            SessionTransition(nil, "started", .starting, "the first child runs"),
            SessionTransition(.starting, "ready", .running, "the child is ready"),
            SessionTransition(
                .starting, "stopping", .stopping,
                "the session or the child is told to end: stop, restart, a signal to the keeper, or a limit"),
            SessionTransition(
                .starting, "exited", .exited,
                "the child has ended with status 0, or after one before it was ready; no other follows"),
            SessionTransition(
                .starting, "exited", .failed,
                "the child has ended with a failure and none was ever ready, or the limit on restarts is reached"
            ),
            SessionTransition(
                .starting, "exited", .backoff,
                "the child has ended, one before it was ready, and another follows"
            ),
            SessionTransition(.running, "paused", .paused, "pause"),
            SessionTransition(
                .running, "stopping", .stopping,
                "the session or the child is told to end: stop, restart, a signal to the keeper, or a limit"),
            SessionTransition(.running, "exited", .exited, "the child has ended, and no other follows"),
            SessionTransition(
                .running, "exited", .failed, "the child has ended, and the limit on restarts is reached"),
            SessionTransition(.running, "exited", .backoff, "the child has ended, and another follows"),
            SessionTransition(.paused, "resumed", .running, "resume"),
            SessionTransition(
                .paused, "stopping", .stopping,
                "the session or the child is told to end; its processes are continued first"),
            SessionTransition(.paused, "exited", .exited, "the child was killed, and no other follows"),
            SessionTransition(
                .paused, "exited", .failed, "the child was killed, and the limit on restarts is reached"),
            SessionTransition(.paused, "exited", .backoff, "the child was killed, and another follows"),
            SessionTransition(.backoff, "started", .starting, "the next child runs"),
            SessionTransition(.backoff, "stopping", .stopping, "the session is told to end"),
            SessionTransition(
                .backoff, "exited", .failed, "the next child can't be started, and that is not tried again"),
            SessionTransition(.stopping, "exited", .exited, "the child has ended, and no other follows"),
            SessionTransition(
                .stopping, "exited", .failed,
                "a limit ended a child and none was ever ready, or the limit on restarts is reached"),
            SessionTransition(
                .stopping, "exited", .backoff,
                "the child has ended; a restart was asked for, or a limit was exceeded and another child follows"
            ),
            SessionTransition(.stopping, "stuck", .stuck, "processes have outlived the last step"),
            SessionTransition(
                .starting, "stuck", .stuck, "the child has ended, and what it left behind survives SIGKILL"),
            SessionTransition(
                .running, "stuck", .stuck, "the child has ended, and what it left behind survives SIGKILL"),
            SessionTransition(
                .paused, "stuck", .stuck, "the child has ended, and what it left behind survives SIGKILL"),
            SessionTransition(.stuck, "stopping", .stopping, "the session is told to end once more"),
            SessionTransition(
                .stuck, "exited", .exited, "the processes are gone, and no other child follows"),
            SessionTransition(
                .stuck, "exited", .failed,
                "the processes are gone and no child was ever ready, or the limit on restarts is reached"),
            SessionTransition(
                .stuck, "exited", .backoff, "the processes are gone, and another child follows"),
            SessionTransition(.starting, "lost", .lost, "the keeper has died"),
            SessionTransition(.running, "lost", .lost, "the keeper has died"),
            SessionTransition(.paused, "lost", .lost, "the keeper has died"),
            SessionTransition(.backoff, "lost", .lost, "the keeper has died"),
            SessionTransition(.stopping, "lost", .lost, "the keeper has died"),
            SessionTransition(.stuck, "lost", .lost, "the keeper has died"),
        ]
    }

    private init(_ from: SessionState?, _ event: String, _ to: SessionState, _ when: String) {
        self.from = from
        self.event = event
        self.to = to
        self.when = when
    }
}
