import CSystem
import KeeperShared

/// A process that is not below this one: its descriptor tells when it ends.
final class WatchedProcess {
    let handle: ProcessHandle

    init(_ handle: consuming ProcessHandle) { self.handle = handle }
}

// A child that another keeper started. When that keeper was killed the child became init's or the service manager's: how
// it ends can't be known here, and neither do its descendants come to this process when their parents end.
extension Session {
    func watchInheritedChild() throws(SystemError) {
        try child.use { child throws(SystemError) in
            try poller.add(child.descriptor, .input, token: Token.inherited)
        }
    }

    var inheritedChildHasEnded: Bool {
        child.use { child in
            if !child.hasEnded() { return false }
            poller.remove(child.descriptor)
            return true
        } ?? false
    }

    /// The child has ended, or something that it left behind.
    func inheritedHasEnded() {
        for process in watched where process.handle.hasEnded() { poller.remove(process.handle.descriptor) }
        watched.removeAll { $0.handle.hasEnded() }
        reap()
    }

    /// Watches what the child left behind, so that its end is noticed.
    func watch(_ leftovers: [pid_t]) {
        for pid in leftovers {
            guard let handle = ProcessHandle.open(pid: pid), isStray(pid) else { continue }
            let process = WatchedProcess(handle)
            do throws(SystemError) {
                try poller.add(process.handle.descriptor, .input, token: Token.inherited)
                watched.append(process)
            } catch {
                // The deadline finds out.
            }
        }
    }

    /// Adds the child's descendants that went elsewhere.
    func addStrays(to found: inout [pid_t]) {
        for pid in strayProcesses(of: recorder.status) where !found.contains(pid) { found.append(pid) }
    }

    /// Whether a process is the session's, though it is not below this one.
    func isStray(_ pid: pid_t) -> Bool {
        run.isInherited && isStrayProcess(pid, of: recorder.status)
    }
}
