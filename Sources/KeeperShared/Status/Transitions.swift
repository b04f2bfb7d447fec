/// What changes a session's state, as an event of `events.jsonl`.
package enum StateChange: CaseIterable {
    case started
    case ready
    case paused
    case resumed
    case stopping
    case stuck
    /// The child has ended, and no other follows.
    case exited
    /// The same, as a failure.
    case failed
    /// The child has ended, and another follows.
    case backoff
    /// The keeper has died.
    case lost

    /// The event's name.
    package var event: StaticString {
        switch self {
        case .started: "started"
        case .ready: "ready"
        case .paused: "paused"
        case .resumed: "resumed"
        case .stopping: "stopping"
        case .stuck: "stuck"
        case .exited, .failed, .backoff: "exited"
        case .lost: "lost"
        }
    }
}

extension SessionState {
    /// The table of the changes of state: where a change leads to; nil where it does not happen.
    package func after(_ change: StateChange) -> SessionState? {
        switch (self, change) {
        case (.exited, _), (.failed, _), (.lost, _): nil
        case (_, .lost): .lost
        case (_, .failed): .failed
        case (.backoff, .started): .starting
        case (.starting, .ready): .running
        case (.running, .paused): .paused
        case (.paused, .resumed): .running
        case (.starting, .stopping), (.running, .stopping), (.paused, .stopping), (.backoff, .stopping),
            (.stuck, .stopping):
            .stopping
        case (.starting, .stuck), (.running, .stuck), (.paused, .stuck), (.stopping, .stuck): .stuck
        case (.backoff, .exited), (.backoff, .backoff): nil
        case (_, .exited): .exited
        case (_, .backoff): .backoff
        default: nil
        }
    }
}
