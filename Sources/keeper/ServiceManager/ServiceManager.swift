import CSystem
import KeeperShared

/// The service manager whose unit's main process this keeper is, if there is one and it wants to be told:
/// the protocol of sd_notify(3), a few lines in one datagram.
///
/// What it needs is in the environment; where nobody set `NOTIFY_SOCKET`, nothing is done and nothing is held.
final class ServiceManager {
    let queue = ManagerQueue()
    /// Whether the manager has been told that the session is ready.
    private var isReady = false
    /// Nanoseconds between two signs of life; 0 for none.
    let watchdogInterval: Int64

    init() {
        var interval: Int64 = 0
        if ServiceManager.isMain, ServiceManager.number("WATCHDOG_PID") ?? Int(getpid()) == Int(getpid()),
            let microseconds = ServiceManager.number("WATCHDOG_USEC")
        {
            // As sd_watchdog_enabled(3) recommends. Below a millisecond it would only spin.
            interval = max(Int64(min(microseconds, 1 << 50)) * 1000 / 2, .milliseconds(1))
        }
        watchdogInterval = interval
    }

    /// Tells what the session has come to.
    ///
    /// - Parameter isStarted: the manager need not wait until the session is ready: the starter does.
    func tell(_ status: SessionStatus, isStarted: Bool = false) {
        guard ServiceManager.isMain else { return }
        let wasReady = isReady
        var text = concat("STATUS=", "\(status.state.name)")
        if let reason = status.reason {
            // One line, whatever it quotes.
            text = concat(text, ": ", String(decoding: reason.utf8.map { $0 < 32 ? 32 : $0 }, as: UTF8.self))
        } else if let child = status.child, status.exit == nil {
            text = concat(text, ", child PID ", String(child.identity.pid))
        }
        switch status.state {
        case .running, .paused, .exited: text = concat(text, announce())
        case .starting, .failed, .stopping, .stuck, .lost, .backoff:
            if isStarted { text = concat(text, announce()) }
        }
        queue.send(isReady && !wasReady ? .announcement : .status, text)
    }

    /// The keeper is about to end. Not earlier: who has said so once is sent no signal any more, and a session that
    /// stops its child may only start it again.
    func tellEnd() { if ServiceManager.isMain { queue.send(.announcement, "STOPPING=1") } }

    /// The keeper is about to end, and has told nothing so far: to end now is no failure to start.
    func tellOver() { if ServiceManager.isMain { queue.send(.announcement, "READY=1\nSTOPPING=1") } }

    func feedWatchdog() { queue.send(.watchdog, "WATCHDOG=1") }

    /// Notes where the keeper lives, when a service manager has started it or its starter.
    static func locate(_ keeper: inout SessionStatus.Keeper) {
        guard getenv("INVOCATION_ID") != nil || getenv("SYSTEMD_EXEC_PID") != nil,
            let group = ControlGroup(of: "self")
        else { return }
        keeper.cgroup = String(decoding: group.path, as: UTF8.self)
        if number("SYSTEMD_EXEC_PID") == Int(getpid()) { keeper.unit = group.unit }
    }

    private func announce() -> String {
        if isReady { return "" }
        isReady = true
        // A manager that doesn't say whom it has executed doesn't know this one from a wrapper either.
        return getenv("SYSTEMD_EXEC_PID") == nil
            ? concat("\nREADY=1\nMAINPID=", String(getpid())) : "\nREADY=1"
    }

    /// Whether the socket in the environment is for this process: a keeper that a service has started inherits the
    /// service's, and must not speak for it.
    static var isMain: Bool {
        getenv("NOTIFY_SOCKET") != nil && number("SYSTEMD_EXEC_PID") ?? Int(getpid()) == Int(getpid())
    }

    private static func number(_ name: String) -> Int? {
        environment(name).flatMap { decimal(Array($0.utf8)) }
    }
}
