import CSystem
import KeeperShared

/// The environment of a child: the keeper's own, less what was meant for the keeper, and where its session is.
struct ChildEnvironment: ~Copyable {
    private var entries: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private var count = 0
    /// Those at the end, which this value made and frees.
    private var made = 0

    init(settings: Settings, directoryPath: String, instance: String, isFirstStart: Bool, notes: String?) {
        var room = 11
        while let place = csys_environ()?.advanced(by: room - 11), place.pointee != nil { room += 1 }
        entries = .allocate(capacity: room)
        var next = csys_environ()
        while let place = next, let entry = place.pointee {
            if !ChildEnvironment.isWithheld(entry, isDropIn: settings.isDropIn, isFirstStart: isFirstStart) {
                entries[count] = entry
                count += 1
            }
            next = place + 1
        }
        add("KEEPER_SESSION=\(settings.id.string)")
        add("KEEPER_SESSIONS_DIR=\(directoryPath)")
        add("KEEPER_SOCKET=\(directoryPath)/\(settings.id.string).rpc.sock")
        add("KEEPER_INSTANCE=\(instance)")
        if settings.isDropIn { add("PI_DASHBOARD_SPAWNED=1") }
        // Nothing is known of the terminals that will show it; all of them understand this.
        if settings.terminalSize != nil, getenv("TERM") == nil { add("TERM=xterm") }
        if let notes { add("NOTIFY_SOCKET=\(notes)") }
        if let watchdog = settings.limits.watchdog { add("WATCHDOG_USEC=\(watchdog / 1000)") }
        entries[count] = nil
    }

    deinit {
        for index in (count - made)..<count { free(entries[index]) }
        entries.deallocate()
    }

    private mutating func add(_ entry: String) {
        entries[count] = entry.withCString { strdup($0) }
        count += 1
        made += 1
    }

    /// Ended by nil, for exec. Valid as long as this value.
    var pointer: UnsafePointer<UnsafeMutablePointer<CChar>?> {
        UnsafePointer(entries)
    }

    private static func isWithheld(_ entry: UnsafePointer<CChar>, isDropIn: Bool, isFirstStart: Bool) -> Bool
    {
        // A service manager's protocols are between it and the keeper.
        if has(entry, "NOTIFY_SOCKET=") || has(entry, "LISTEN_") || has(entry, "WATCHDOG_")
            || has(entry, "SYSTEMD_EXEC_PID=")
        {
            return true
        }
        // An outer session's.
        if has(entry, "KEEPER_SESSION=") || has(entry, "KEEPER_SESSIONS_DIR=") || has(entry, "KEEPER_SOCKET=")
            || has(entry, "KEEPER_INSTANCE=")
        {
            return true
        }
        if !isDropIn { return false }
        return has(entry, "PI_KEEPER_") || has(entry, "PI_DASHBOARD_SPAWNED=")
            || (!isFirstStart && has(entry, "PI_DASHBOARD_SPAWN_TOKEN="))
    }

    private static func has(_ entry: UnsafePointer<CChar>, _ start: StaticString) -> Bool {
        strncmp(
            entry, UnsafeRawPointer(start.utf8Start).assumingMemoryBound(to: CChar.self),
            start.utf8CodeUnitCount)
            == 0
    }
}
