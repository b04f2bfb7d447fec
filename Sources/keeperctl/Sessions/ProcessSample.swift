import CSystem
import KeeperShared

/// What a process, or a tree of them, uses.
struct ResourceUsage {
    var processes = 0
    var threads = 0
    /// Nanoseconds, with those of descendants that have ended.
    var userTime: Int64 = 0
    var systemTime: Int64 = 0
    /// Bytes in memory. Pages that several processes share are in it several times.
    var resident = 0
    // nil when not asked for, or when the kernel doesn't let this user look at any of the processes.
    /// Bytes in memory, with each process's share of what it shares.
    var proportional: Int?
    var descriptors: Int?
    /// Bytes that passed through read and write calls, files, pipes and terminals alike.
    var bytesRead: Int?
    var bytesWritten: Int?

    init() {}

    var cpuTime: Int64 { userTime + systemTime }

    mutating func add(_ other: ResourceUsage) {
        processes += other.processes
        threads += other.threads
        userTime += other.userTime
        systemTime += other.systemTime
        resident += other.resident
        proportional = sum(proportional, other.proportional)
        descriptors = sum(descriptors, other.descriptors)
        bytesRead = sum(bytesRead, other.bytesRead)
        bytesWritten = sum(bytesWritten, other.bytesWritten)
    }
}

private func sum(_ left: Int?, _ right: Int?) -> Int? {
    guard let left else { return right }
    return left + (right ?? 0)
}

/// What is to be found out beyond a process's `stat`: each is a file or a directory more to read.
struct UsageDetail: OptionSet {
    let rawValue: UInt8
    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The kernel walks all of a process's pages for it: milliseconds for a large one.
    static var memory: UsageDetail { UsageDetail(rawValue: 1) }
    static var descriptors: UsageDetail { UsageDetail(rawValue: 2) }
    static var transfer: UsageDetail { UsageDetail(rawValue: 4) }
}

/// Measures trees of processes, again and again: one pass over /proc serves all of them.
final class ProcessSampler {
    // Whether a process is a keeper. As bytes: arrays of few types are less code.
    private static let unknown: UInt8 = 0
    private static let plain: UInt8 = 1
    private static let keeper: UInt8 = 2

    /// In the order of their PIDs, as /proc lists them.
    private var records: [ProcessStat] = []
    private var verdicts: [UInt8] = []
    // The tree, as indices into ``records``; -1 is none.
    private var firstChild: [Int32] = []
    private var nextSibling: [Int32] = []
    private let ticksPerSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private let pageSize = Int(getpagesize())

    init() {}

    /// Looks at all processes there are now.
    ///
    /// - Parameter keepers: processes that are known to be keepers.
    func scan(keepers: [pid_t]) {
        let old = records
        let oldVerdicts = verdicts
        records.removeAll(keepingCapacity: true)
        for pid in processNumbers(in: "") {
            if let record = ProcessStat(pid: pid) { records.append(record) }
        }
        verdicts = [UInt8](repeating: ProcessSampler.unknown, count: records.count)
        var next = 0
        for index in records.indices {
            while next < old.count, old[next].pid < records[index].pid { next += 1 }
            if next < old.count, old[next].pid == records[index].pid,
                old[next].startTime == records[index].startTime
            {
                verdicts[index] = oldVerdicts[next]
            }
        }
        for pid in keepers {
            if let index = index(of: pid) { verdicts[index] = ProcessSampler.keeper }
        }
        linkTree()
    }

    private func linkTree() {
        firstChild = [Int32](repeating: -1, count: records.count)
        nextSibling = firstChild
        for child in records.indices {
            guard let parent = index(of: records[child].parent) else { continue }
            nextSibling[child] = firstChild[parent]
            firstChild[parent] = Int32(child)
        }
    }

    private func index(of pid: pid_t) -> Int? {
        let index = firstIndex(in: records.count) { records[$0].pid < pid }
        return index < records.count && records[index].pid == pid ? index : nil
    }

    /// What a session uses: all descendants of its keeper, also those that left the group, but neither the keeper
    /// itself nor the sessions of keepers below it. nil when there is no such process.
    ///
    /// - Parameter child: the session's child, if any. One that another keeper had started is not below this one.
    func usage(
        below keeper: pid_t, startTime: UInt64?, child: ProcessIdentity?, _ detail: UsageDetail
    ) -> ResourceUsage? {
        guard let root = index(of: keeper), startTime == nil || records[root].startTime == startTime
        else { return nil }
        var total = ResourceUsage()
        // What the keeper has reaped: children of earlier starts, and descendants that lost their parents.
        total.userTime = nanoseconds(records[root].endedUserTicks)
        total.systemTime = nanoseconds(records[root].endedSystemTicks)
        var waiting = [firstChild[root]]
        if let child, let index = index(of: child.pid), records[index].startTime == child.startTime,
            records[index].parent != keeper
        {
            total.add(usage(at: index, detail))
            waiting.append(firstChild[index])
        }
        while let next = waiting.popLast() {
            if next < 0 { continue }
            let index = Int(next)
            waiting.append(nextSibling[index])
            if isKeeper(at: index) { continue }
            total.add(usage(at: index, detail))
            waiting.append(firstChild[index])
        }
        return total
    }

    /// What one process uses, with no descendants; nil when there is none.
    func usage(of pid: pid_t, _ detail: UsageDetail) -> ResourceUsage? {
        index(of: pid).map { usage(at: $0, detail) }
    }

    /// Keepers of other directories are known only by the lock they hold, so each process is asked once. It may
    /// become a keeper right after its start, so a young one is asked again.
    private func isKeeper(at index: Int) -> Bool {
        if verdicts[index] != ProcessSampler.unknown { return verdicts[index] == ProcessSampler.keeper }
        if KeeperShared.isKeeper(records[index].pid) {
            verdicts[index] = ProcessSampler.keeper
            return true
        }
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        if Int64(now.tv_sec) * ticksPerSecond > Int64(records[index].startTime) + 5 * ticksPerSecond {
            verdicts[index] = ProcessSampler.plain
        }
        return false
    }

    private func usage(at index: Int, _ detail: UsageDetail) -> ResourceUsage {
        let record = records[index]
        var usage = ResourceUsage()
        usage.userTime = nanoseconds(record.userTicks + record.endedUserTicks)
        usage.systemTime = nanoseconds(record.systemTicks + record.endedSystemTicks)
        // It has only its times left.
        if record.isZombie { return usage }
        usage.processes = 1
        usage.threads = record.threads
        usage.resident = record.residentPages * pageSize
        let pid = String(record.pid)
        if detail.contains(.memory), let text = processFile(concat(pid, "/smaps_rollup"), limit: 4096) {
            if let size = number(in: text, after: "Rss:") { usage.resident = size << 10 }
            usage.proportional = number(in: text, after: "Pss:").map { $0 << 10 }
        }
        if detail.contains(.descriptors) {
            usage.descriptors = entryCount(concat("/proc/", pid, "/fd"))
        }
        if detail.contains(.transfer), let text = processFile(concat(pid, "/io"), limit: 1024) {
            usage.bytesRead = number(in: text, after: "rchar:")
            usage.bytesWritten = number(in: text, after: "wchar:")
        }
        return usage
    }

    private func nanoseconds(_ ticks: UInt64) -> Int64 {
        Int64(truncatingIfNeeded: ticks) * (1_000_000_000 / ticksPerSecond)
    }
}

private func entryCount(_ path: String) -> Int? {
    var total = 0
    do throws(SystemError) {
        try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY).forEachRawEntry { _, _, _ in total += 1 }
        return total
    } catch {
        return nil
    }
}

/// The number after the first `name` in a text of lines such as `Rss:   123 kB`.
private func number(in text: [UInt8], after name: StaticString) -> Int? {
    text.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress,
            let found = memmem(base, bytes.count, name.utf8Start, name.utf8CodeUnitCount)
        else { return nil }
        var position = UnsafeRawPointer(found) - base + name.utf8CodeUnitCount
        while position < bytes.count, bytes[position] == 32 || bytes[position] == 9 { position += 1 }
        var value: Int?
        while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 {
            value = (value ?? 0) &* 10 &+ Int(bytes[position] - 48)
            position += 1
        }
        return value
    }
}
