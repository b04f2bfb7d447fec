import CSystem
import KeeperShared

/// Whether a new session gets a unit of its own: `--isolate`.
struct Isolation {
    /// Starts the session; nil when it stays where the caller is.
    private(set) var manager: UnitManager?
    /// Whether a session without a unit is a failure.
    let insists: Bool
    /// The service that the session would end with.
    private let service: String?
    private let isForbidden: Bool

    init(_ arguments: ParsedArguments) throws(CommandFailure) {
        let wish = arguments.value("isolate") ?? Argument("auto")
        isForbidden = wish.equals("none")
        var needs = ""
        for option in ["memory-max", "cpu-quota", "tasks-max", "property"] where arguments.flag(option) { needs = option }
        if isForbidden, !needs.isEmpty {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat("options '--isolate none' and '--", needs, "' can't be given together: it is for a unit"))
        }
        insists = wish.equals("systemd") || !needs.isEmpty
        // One look where systemd doesn't run, one more read where it does.
        guard insists || access("/run/systemd/system", F_OK) == 0 else {
            service = nil
            return
        }
        let group = ControlGroup(of: "self")
        service = group.flatMap { $0.isService ? $0.unit : nil }
        if isForbidden || (service == nil && !insists) { return }
        manager = UnitManager.find(for: group)
        if manager == nil && insists {
            throw CommandFailure(
                ExitStatus.failed,
                "no service manager answers; 'loginctl enable-linger' starts yours, 'keeperctl doctor' says more")
        }
    }

    /// Says what will happen to a session that stays in the caller's service.
    ///
    /// - Parameter failure: why it could not get a unit; nil when nothing was tried.
    func warn(_ id: SessionID, _ failure: String? = nil) {
        guard let service else { return }
        let reason =
            failure
            ?? (isForbidden ? "--isolate none" : "no service manager answers, 'keeperctl doctor' says more")
        printError(
            concat(
                "warning: session ", id.string, " is part of ", service,
                " and ends when that stops or is restarted (", reason, ")"))
    }

}
