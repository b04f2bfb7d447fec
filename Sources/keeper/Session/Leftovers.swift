import CSystem
import KeeperShared

// Leftovers: processes that are there after the child's end.
extension Session {
    /// The session's processes besides the child: its descendants, which become ours as their parents end.
    ///
    /// A detached keeper and all below it belong to another session.
    ///
    /// - Returns: nil when it could not be found out.
    func leftovers() -> [pid_t]? {
        var found: [pid_t] = []
        guard processesAreVisible, var open = readChildren(of: getpid()) else {
            // A subreaper that has no child has no descendant either.
            return hasNoChildren ? [] : nil
        }
        while let pid = open.popLast() {
            if pid == childPID {
                open += children(of: pid)
                continue
            }
            guard let stat = ProcessStat(pid: pid), !isKeeper(pid), pid != upgrade?.helperPID else {
                continue
            }
            if !stat.isZombie { found.append(pid) }
            open += children(of: pid)
        }
        if run.isInherited { addStrays(to: &found) }
        addMembers(to: &found)
        return found
    }

    func lookForLeftovers() -> Life.Leftovers {
        if let left = leftovers() { return left.isEmpty ? .none : .found(left) }
        // A shortage of descriptors passes.
        return processesAreVisible ? .unknown : .hidden
    }

    private var hasNoChildren: Bool {
        var record = csys_ended()
        return csys_waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, &record) < 0 && csys_errno() == ECHILD
    }

    /// Where /proc shows none of the session's processes, the child's group is all that is known of what it left.
    func killRestOfGroup() {
        guard let group = recorder.status.child?.identity.pid else { return }
        var record = csys_ended()
        // While a child of this process is in it, the number is the group's.
        if csys_waitid(P_PGID, id_t(group), WEXITED | WNOHANG | WNOWAIT, &record) == 0 {
            // One of them may just have ended.
            try? signalGroup(group, SIGKILL)
        }
    }

    /// Says it once.
    func noteHiddenProcesses() {
        if processesAreHidden { return }
        processesAreHidden = true
        log.line(
            "/proc does not show this session's processes: what leaves the child's group is left alone, none is measured"
        )
    }

    func signalLeftover(_ pid: pid_t, _ signal: Int32) {
        // Opened first and then looked at: a descendant that ended may have left its PID to a stranger.
        guard let handle = ProcessHandle.open(pid: pid),
            descends(pid) || isStray(pid) || childGroup?.members.contains(pid) == true
        else { return }
        // It may have ended meanwhile; another look tells.
        try? handle.signal(signal)
        if signal != SIGKILL, signal != SIGSTOP { try? handle.signal(SIGCONT) }
    }

    /// Tells them to end.
    ///
    /// - Parameter processes: nil when they are not known.
    func endLeftovers(_ processes: [pid_t]?) {
        log.line(
            "ending processes that the child left behind: \(processes.map { "\($0.count)" } ?? "unknown")")
        for pid in processes ?? [] { signalLeftover(pid, SIGTERM) }
        if run.isInherited { watch(processes ?? []) }
    }

    func killLeftovers(_ processes: [pid_t]) {
        if killGroupAtOnce() { return }
        for pid in processes { signalLeftover(pid, SIGKILL) }
    }

    /// What survived SIGKILL gets another, and who knows when it can act on it.
    func strikeSurvivors() {
        for pid in leftovers() ?? [] { signalLeftover(pid, SIGKILL) }
        signalChild(SIGKILL, settings.killScope, orLog: "cannot kill the child")
        reap()
    }

    private func descends(_ pid: pid_t) -> Bool {
        let me = getpid()
        var next = pid
        for _ in 0..<1024 {
            if next == me { return true }
            guard next > 1, let stat = ProcessStat(pid: next) else { return false }
            next = stat.parent
        }
        return false
    }

    // MARK: The child's control group

    /// Adds those of the child's control group that are not below this process any more.
    func addMembers(to found: inout [pid_t]) {
        guard let childGroup else { return }
        let members = childGroup.members
        for pid in members where pid != childPID && !found.contains(pid) {
            if let stat = ProcessStat(pid: pid), !stat.isZombie, !isAnotherSessions(pid, members) {
                found.append(pid)
            }
        }
    }

    /// Kills the child's control group at once, if nobody in it belongs to another session.
    ///
    /// - Returns: whether that is done; else each process has to be killed by itself.
    func killGroupAtOnce() -> Bool {
        guard let childGroup else { return false }
        for pid in childGroup.members where isKeeper(pid) { return false }
        return childGroup.kill()
    }

    /// Whether a member is another session's keeper, or below one.
    private func isAnotherSessions(_ pid: pid_t, _ members: [pid_t]) -> Bool {
        var next = pid
        // No further than the group reaches: a keeper above it, this one for instance, is no other session's.
        for _ in 0..<1024 where members.contains(next) {
            if isKeeper(next) { return true }
            guard let stat = ProcessStat(pid: next) else { return false }
            next = stat.parent
        }
        return false
    }
}
