import CSystem

/// How a keeper is started by a service manager on somebody's behalf.
///
/// A manager passes on neither secrets nor bytes that aren't UTF-8, and gives a process limits, a directory and a mask
/// of its own. So all that a process inherits travels in a file with mode 0600 in the sessions directory. The keeper
/// reads it, claims it by removing its name, and executes itself with what it says.
///
/// The file: three numbers of four bytes (format, mask, count of arguments), the limits as the kernel has them, and
/// strings, each ended by NUL: the working directory, the FIFO for reports and the file for errors (names beside it,
/// or nothing), the arguments and the environment.
package enum StartFile {
    /// The one option of a keeper that is started like this; the file's path follows.
    package static let option: StaticString = "--start-file"
    package static let format: UInt32 = 1
    package static let limitCount = 16
    package static let stringsOffset = 12 + limitCount * MemoryLayout<rlimit>.size

    /// The names of a file and of its FIFO, by a number that nobody else has.
    package static func name(_ number: String) -> String { concat(".", number, ".start") }
    package static func reportName(_ number: String) -> String { concat(".", number, ".report") }

    /// The beginning of a file: this process's mask, limits and directory. Arguments and environment follow.
    package static func header(report: String, errors: String, arguments: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        let mask = umask(0)
        umask(mask)
        for number in [format, UInt32(mask), UInt32(arguments)] {
            withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
        }
        for resource in 0..<Int32(limitCount) {
            var limit = rlimit()
            _ = csys_get_limit(resource, &limit)
            withUnsafeBytes(of: limit) { bytes.append(contentsOf: $0) }
        }
        for text in [processLink("self/cwd") ?? "/", report, errors] {
            bytes.append(contentsOf: text.utf8)
            bytes.append(0)
        }
        return bytes
    }

    /// Whether a variable is between a service manager and one unit: another unit's keeper must not have it.
    package static func isOfUnit(_ entry: UnsafePointer<CChar>) -> Bool {
        for name in [
            "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "INVOCATION_ID=", "SYSTEMD_EXEC_PID=", "MANAGERPID",
            "JOURNAL_STREAM=", "MEMORY_PRESSURE_", "CREDENTIALS_DIRECTORY=",
        ] as [StaticString] {
            let start = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
            if strncmp(entry, start, name.utf8CodeUnitCount) == 0 { return true }
        }
        return false
    }
}
