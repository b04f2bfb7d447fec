import Glibc
import Testing

/// What the kernel says about a process.
enum Proc {
    /// The fields of `/proc/PID/stat` after the name, which may hold anything.
    private static func fields(_ pid: Int) -> [Substring]? {
        guard let bytes = readFile("/proc/\(pid)/stat"), let close = bytes.lastIndex(of: 41) else {
            return nil
        }
        return String(decoding: bytes[(close + 1)...], as: UTF8.self).split(separator: " ")
    }

    static func state(_ pid: Int) -> Character? { fields(pid)?.first?.first }
    static func parent(_ pid: Int) -> Int? { fields(pid).flatMap { Int($0[1]) } }
    static func group(_ pid: Int) -> Int? { fields(pid).flatMap { Int($0[2]) } }
    static func session(_ pid: Int) -> Int? { fields(pid).flatMap { Int($0[3]) } }
    static func startTime(_ pid: Int) -> Int? { fields(pid).flatMap { Int($0[19]) } }
    /// Processor time of the process itself, in hundredths of a second.
    static func ticks(_ pid: Int) -> Int? {
        fields(pid).flatMap { fields in Int(fields[11]).flatMap { user in Int(fields[12]).map { user + $0 } }
        }
    }

    /// A zombie no longer runs.
    static func alive(_ pid: Int) -> Bool {
        guard pid > 0, let state = state(pid) else { return false }
        return state != "Z" && state != "X"
    }

    static var all: [Int] { directoryEntries("/proc").compactMap { Int($0) } }
    static func children(_ pid: Int) -> [Int] { all.filter { parent($0) == pid } }
    static func environment(_ pid: Int) -> [String] {
        (readFile("/proc/\(pid)/environ") ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
    /// The same of a process that has just been started: there is none for a moment within exec.
    static func startedEnvironment(_ pid: Int) throws -> [String] {
        try eventual("the environment of \(pid)") {
            let variables = environment(pid)
            return variables.isEmpty ? nil : variables
        }
    }
    static func arguments(_ pid: Int) -> [String] {
        (readFile("/proc/\(pid)/cmdline") ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
    static func descriptors(_ pid: Int) -> Int { directoryEntries("/proc/\(pid)/fd").count }
    static func threads(_ pid: Int) -> Int { directoryEntries("/proc/\(pid)/task").count }

    /// A line `Name: 123 kB` of a file such as `status` or `smaps_rollup`.
    static func value(_ pid: Int, _ file: String, _ name: String) -> Int? {
        let text = String(decoding: readFile("/proc/\(pid)/\(file)") ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("\(name):") {
            return line.dropFirst(name.utf8.count + 1).split(whereSeparator: { " \t".contains($0) }).first
                .flatMap { Int($0) }
        }
        return nil
    }

    /// Resident memory in KiB.
    static func resident(_ pid: Int) -> Int? { value(pid, "status", "VmRSS") }
    static func privateDirty(_ pid: Int) -> Int? { value(pid, "smaps_rollup", "Private_Dirty") }
    static func contextSwitches(_ pid: Int) -> Int? { value(pid, "status", "voluntary_ctxt_switches") }

    /// The system calls that processes make in a number of seconds, each with its PID in front. Watching is
    /// the one wait that the tests can't do without. An interrupted call that strace itself caused does
    /// not count, and neither does the one in which a process is blocked.
    static func systemCalls(_ pids: [Int], seconds: Double, in box: Sandbox) throws -> [String] {
        let report = box.root + "/strace-\(monotonicNow()).txt"
        let tracer = try box.start(["strace", "-f", "-o", report] + pids.flatMap { ["-p", "\($0)"] })
        try eventually("strace to attach: \(tracer.errorText)") {
            try #require(!tracer.hasEnded, "\(tracer.errorText)")
            return pids.allSatisfy { tracer.errorText.contains("Process \($0) attached") }
        }
        try box.pass(seconds: seconds)
        tracer.kill(SIGINT)
        try tracer.wait()
        let lines = String(decoding: readFile(report) ?? [], as: UTF8.self).split(separator: "\n")
        return lines.filter { line in
            line.contains("(") && !line.contains("<detached") && !line.contains("= -1 EINTR")
                && !line.contains("ERESTART") && !line.contains("<unfinished")
        }.map(String.init)
    }
}
