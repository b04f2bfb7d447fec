import CSystem

/// The environment variables by which a service manager and the processes of a unit talk (systemd.exec(5)).
package enum ManagerVariables {
    /// Whether an entry of the environment, `NAME=VALUE`, belongs to a protocol between the manager and one process:
    /// another process must not get it.
    package static func isOfProcess(_ entry: UnsafePointer<CChar>) -> Bool {
        hasName(entry, "NOTIFY_SOCKET=") || hasName(entry, "WATCHDOG_") || hasName(entry, "LISTEN_")
            || hasName(entry, "SYSTEMD_EXEC_PID=")
    }

    /// Whether an entry is about one unit: a process of another unit must not get it.
    package static func isOfUnit(_ entry: UnsafePointer<CChar>) -> Bool {
        isOfProcess(entry) || hasName(entry, "INVOCATION_ID=") || hasName(entry, "MANAGERPID")
            || hasName(entry, "JOURNAL_STREAM=") || hasName(entry, "MEMORY_PRESSURE_")
            || hasName(entry, "CREDENTIALS_DIRECTORY=")
    }
}

/// Whether an entry of the environment begins with these characters.
package func hasName(_ entry: UnsafePointer<CChar>, _ start: StaticString) -> Bool {
    let text = UnsafeRawPointer(start.utf8Start).assumingMemoryBound(to: CChar.self)
    return strncmp(entry, text, start.utf8CodeUnitCount) == 0
}
