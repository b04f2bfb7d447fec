import CSystem
import KeeperShared

/// The environment of a child: the keeper's own, less what was meant for the keeper, and where its session is.
struct ChildEnvironment: ~Copyable {
    private(set) var list = ArgumentList()

    init(settings: Settings, directoryPath: String, instance: String, isFirstStart: Bool, notes: String?) {
        for entry in environmentEntries()
        where !ChildEnvironment.isWithheld(entry, isDropIn: settings.isDropIn, isFirstStart: isFirstStart) {
            list.append(borrowing: entry)
        }
        list.append("KEEPER_SESSION=\(settings.id.string)")
        list.append("KEEPER_SESSIONS_DIR=\(directoryPath)")
        list.append("KEEPER_SOCKET=\(directoryPath)/\(settings.id.string).rpc.sock")
        list.append("KEEPER_INSTANCE=\(instance)")
        if settings.isDropIn { list.append("PI_DASHBOARD_SPAWNED=1") }
        // Nothing is known of the terminals that will show it; all of them understand this.
        if settings.terminalSize != nil, getenv("TERM") == nil { list.append("TERM=xterm") }
        if let notes { list.append("NOTIFY_SOCKET=\(notes)") }
        if let watchdog = settings.limits.watchdog { list.append("WATCHDOG_USEC=\(watchdog / 1000)") }
    }

    private static func isWithheld(_ entry: UnsafePointer<CChar>, isDropIn: Bool, isFirstStart: Bool) -> Bool
    {
        // A service manager's protocols are between it and the keeper.
        if ManagerVariables.isOfProcess(entry) { return true }
        // An outer session's.
        if hasName(entry, "KEEPER_SESSION=") || hasName(entry, "KEEPER_SESSIONS_DIR=")
            || hasName(entry, "KEEPER_SOCKET=")
            || hasName(entry, "KEEPER_INSTANCE=")
        {
            return true
        }
        if !isDropIn { return false }
        return hasName(entry, "PI_KEEPER_") || hasName(entry, "PI_DASHBOARD_SPAWNED=")
            || (!isFirstStart && hasName(entry, "PI_DASHBOARD_SPAWN_TOKEN="))
    }
}
