/// Where a session is in its life.
package enum SessionState: CaseIterable {
    /// The child has not been ready yet.
    case starting
    case running
    case paused
    /// The child ended and will be started again.
    case backoff
    case stopping
    /// The child ended after it had been ready, or with status 0.
    case exited
    /// The child ended before it was ever ready.
    case failed
    /// Something survived SIGKILL.
    case stuck
    /// The keeper died; recorded by the process that found out.
    case lost

    /// The name in files and tables.
    package var name: StaticString {
        switch self {
        case .starting: "starting"
        case .running: "running"
        case .paused: "paused"
        case .backoff: "backoff"
        case .stopping: "stopping"
        case .exited: "exited"
        case .failed: "failed"
        case .stuck: "stuck"
        case .lost: "lost"
        }
    }

    package init?(_ text: String) {
        for state in SessionState.allCases where equalUTF8(text, "\(state.name)") {
            self = state
            return
        }
        return nil
    }

    /// Whether the session is over.
    package var isFinal: Bool {
        switch self {
        case .exited, .failed, .lost: true
        case .starting, .running, .paused, .backoff, .stopping, .stuck: false
        }
    }
}

/// A process that can be told from every other, now and later.
package struct ProcessIdentity {
    package var pid: Int32
    /// Clock ticks since boot.
    package var startTime: UInt64

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }
}

/// How far a stream's journal goes: positions in bytes since the session began.
package struct StreamExtent {
    /// The oldest byte that is kept.
    package var first: Int
    /// The byte that comes next.
    package var next: Int

    package init(first: Int = 0, next: Int = 0) {
        self.first = first
        self.next = next
    }
}

/// The content of `status.json` and of the `status` result.
package struct SessionStatus {
    /// The keeper as it describes itself.
    package struct Keeper {
        package var identity: ProcessIdentity
        package var bootID: String
        package var pidNamespace: String
        package var version: String
        package var startedAt: Timestamp
        /// The service whose main process the keeper is, if any.
        package var unit: String?
        /// Its control group; only below a service manager.
        package var cgroup: String?
        /// The keeper that this one has followed: the sidecar may name that one for a moment yet.
        package var previousPID: Int32?

        /// Whether a sidecar that names this PID is this session's.
        package func isNamed(by pid: Int32) -> Bool { identity.pid == pid || previousPID == pid }

        package init(
            identity: ProcessIdentity, bootID: String, pidNamespace: String, version: String,
            startedAt: Timestamp
        ) {
            self.identity = identity
            self.bootID = bootID
            self.pidNamespace = pidNamespace
            self.version = version
            self.startedAt = startedAt
        }
    }

    /// The child that runs, or the last one that did.
    package struct Child {
        package var identity: ProcessIdentity
        package var startedAt: Timestamp
        package var readyAt: Timestamp?
        package var restarts = 0

        package init(identity: ProcessIdentity, startedAt: Timestamp) {
            self.identity = identity
            self.startedAt = startedAt
        }
    }

    /// How the child ended, and when.
    package struct Exit {
        package var end: ProcessEnd
        package var at: Timestamp

        package init(end: ProcessEnd, at: Timestamp) {
            self.end = end
            self.at = at
        }
    }

    package var sessionID: String
    /// 16 hex digits, another for every session under the same id.
    package var instance: String
    package var state: SessionState
    package var reason: String?
    package var keeper: Keeper
    package var child: Child?
    /// Arguments as they are: they need not be UTF-8.
    package var command: [[UInt8]]
    package var workingDirectory: [UInt8]
    package var labels: [Label]
    package var isTerminal = false
    /// How large the terminal is; nil without one, and of keepers that don't tell.
    package var terminalSize: TerminalSize?
    package var exit: Exit?
    package var stdout = StreamExtent()
    package var stderr = StreamExtent()
    /// When a child that is away is started again.
    package var nextStartAt: Timestamp?
    /// What the child says of itself (`STATUS=` of sd_notify(3)).
    package var note: [UInt8]?
    /// The end of stderr, only after a failure.
    package var stderrTail: [UInt8]?

    /// Whether the child that runs has been ready. One that is being ended, or has ended, may be followed by one that
    /// has not.
    package var isReady: Bool {
        switch state {
        case .running, .paused: true
        case .starting, .backoff, .stopping, .exited, .failed, .stuck, .lost: false
        }
    }

    package init(
        sessionID: String, instance: String, state: SessionState, keeper: Keeper, command: [[UInt8]],
        workingDirectory: [UInt8], labels: [Label]
    ) {
        self.sessionID = sessionID
        self.instance = instance
        self.state = state
        self.keeper = keeper
        self.command = command
        self.workingDirectory = workingDirectory
        self.labels = labels
    }
}

/// A name and a value that the user gave a session.
package struct Label {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
