import CSystem
import KeeperShared

/// What the last looks at the session's processes showed.
struct HealthRecord {
    /// Looks in a row that showed too much.
    var memoryCount = 0
    var processorCount = 0
    /// Processor time of all processes in ns, at a time on the monotonic clock; 0 before the first look.
    var processorTime: Int64 = 0
    var lookedAt: Int64 = 0
}

// Memory and processor time of all the session's processes, looked at only when somebody set a limit.
extension Session {
    static var sampleInterval: Int64 { Faults.paced(.seconds(5)) }
    /// This many looks in a row are more than a passing peak.
    private static var patience: Int { 3 }

    func sample() {
        guard child != nil else { return }
        if !processesAreVisible { return noteHiddenProcesses() }
        deadlines.set(.sample, in: Session.sampleInterval)
        let usage = measureTree()
        if let bound = settings.limits.maximumMemory, usage.memory > bound {
            let text = "memory-max: \(formatSize(usage.memory)) in use, \(formatSize(bound)) allowed"
            return exceed(text, endsSession: true)
        }
        if let warning = settings.limits.memoryWarning {
            note(usage.memory, over: warning, "memory", unit: "bytes", &supervision.health.memoryCount)
        }
        if let warning = settings.limits.processorWarning {
            let now = monotonicNow()
            let before = supervision.health
            supervision.health.processorTime = usage.processorTime
            supervision.health.lookedAt = now
            // The time of a process that its own parent has reaped is not counted here: such a look says nothing.
            if before.lookedAt != 0, usage.processorTime >= before.processorTime, now > before.lookedAt {
                let percent = Int(
                    (usage.processorTime - before.processorTime) * 100 / (now - before.lookedAt))
                note(percent, over: warning, "cpu", unit: "percent", &supervision.health.processorCount)
            }
        }
    }

    /// Counts looks above a threshold: the third in a row is an event, and so is the first below it again.
    private func note(
        _ value: Int, over threshold: Int, _ kind: StaticString, unit: StaticString, _ count: inout Int
    ) {
        let wasHigh = count >= Session.patience
        count = value > threshold ? min(count + 1, Session.patience) : 0
        let isHigh = count >= Session.patience
        if isHigh == wasHigh { return }
        log.line("\(kind) is \(isHigh ? "high" : "normal again"): \(value) \(unit), threshold \(threshold)")
        recorder.record(.health(kind: kind, isHigh: isHigh, value: value, threshold: threshold))
    }

    /// Resident bytes, shared pages counted once for each process, and processor time in ns, of all descendants but
    /// those of keepers below this one.
    private func measureTree() -> (memory: Int, processorTime: Int64) {
        var pages = 0
        var ticks: UInt64 = 0
        if let own = ProcessStat(pid: getpid()) { ticks = own.endedUserTicks + own.endedSystemTicks }
        var open = children(of: getpid())
        if run.isInherited, let pid = childPID { open.append(pid) }
        while let pid = open.popLast() {
            guard let stat = ProcessStat(pid: pid), pid == childPID || !isKeeper(pid) else { continue }
            ticks += stat.userTicks + stat.systemTicks + stat.endedUserTicks + stat.endedSystemTicks
            if !stat.isZombie { pages += stat.residentPages }
            open += children(of: pid)
        }
        let perSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return (pages * Int(getpagesize()), Int64(truncatingIfNeeded: ticks) * (1_000_000_000 / perSecond))
    }
}
