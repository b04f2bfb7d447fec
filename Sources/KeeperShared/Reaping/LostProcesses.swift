import CSystem

/// What is left of a session whose keeper died, for its processes to be found by.
struct LostSession {
    /// The session's child, which leads a kernel session of its own; nil when the keeper died before it could
    /// write down which process that is.
    var child: ProcessIdentity?
    /// The value of `KEEPER_INSTANCE` in the environment of all its descendants.
    var instance: [UInt8]

    /// nil when there is nothing to find, or when it is not for this process to look: after a reboot, or for
    /// another PID namespace, the numbers mean nothing.
    init?(_ status: SessionStatus, bootID: String, pidNamespace: String) {
        guard !status.instance.isEmpty, equalUTF8(status.keeper.bootID, bootID),
            equalUTF8(status.keeper.pidNamespace, pidNamespace)
        else { return nil }
        child = status.child?.identity
        instance = Array(status.instance.utf8)
    }

    /// The same for a session of this process's own, whose numbers mean what they say.
    init?(own status: SessionStatus) {
        self.init(status, bootID: status.keeper.bootID, pidNamespace: status.keeper.pidNamespace)
    }
}

/// Ends the processes that dead keepers have left, of many sessions at once.
///
/// Every signal goes through a pidfd that was opened before the process was identified, so that a PID
/// that was used again is never hit. Keepers are spared, for sessions that were started inside a session outlive
/// it; so are this process and its ancestors, for `discover` may be run inside a lost session.
struct LostProcesses {
    private final class Member {
        let handle: ProcessHandle
        let owner: Int
        var hasEnded = false

        init(_ handle: consuming ProcessHandle, owner: Int) {
            self.handle = handle
            self.owner = owner
        }
    }

    private let sessions: [LostSession]
    /// Those that were started earlier, in clock ticks since boot, are let be.
    private var startedSince: UInt64 = 0
    private let spared: [pid_t]
    private var members: [Member] = []
    private static let wait: Int64 = .seconds(2)
    /// Bounds the hunt for processes that fork faster than they are ended.
    private static let maximumRounds = 10

    /// Ends them all: SIGTERM, and SIGKILL for what is left two seconds later.
    ///
    /// - Returns: for each session the processes that survived.
    static func end(_ sessions: [LostSession], startedSince: UInt64 = 0) -> [[pid_t]] {
        var survivors = [[pid_t]](repeating: [], count: sessions.count)
        if sessions.isEmpty { return survivors }
        var processes = LostProcesses(sessions)
        processes.startedSince = startedSince
        for round in 0..<maximumRounds {
            processes.find()
            if processes.members.isEmpty { break }
            processes.signal(round == 0 ? [SIGTERM, SIGCONT] : [SIGKILL])
            processes.waitForEnds()
        }
        for member in processes.members { survivors[member.owner].append(member.handle.pid) }
        return survivors
    }

    /// A session's processes but for its child, wherever they have ended up in the tree of processes.
    static func others(than child: pid_t?, of session: LostSession) -> [pid_t] {
        var processes = LostProcesses([session])
        processes.find()
        var found: [pid_t] = []
        for member in processes.members where member.handle.pid != child { found.append(member.handle.pid) }
        return found
    }

    /// Whether a process is one of a session's; looks at that one alone.
    static func isOne(_ pid: pid_t, of session: LostSession) -> Bool {
        let processes = LostProcesses([session])
        return !processes.spared.contains(pid) && processes.owner(of: pid, processes.children()) != nil
            && !isKeeper(pid)
    }

    private init(_ sessions: [LostSession]) {
        self.sessions = sessions
        var line = [getpid()]
        while let stat = ProcessStat(pid: line[line.count - 1]), stat.parent > 0 { line.append(stat.parent) }
        spared = line
    }

    /// Each session's child; its number stands for its kernel session only as long as it is that child's.
    private func children() -> [pid_t?] {
        sessions.map { session -> pid_t? in
            guard let child = session.child, ProcessStat(pid: child.pid)?.startTime == child.startTime
            else { return nil }
            return child.pid
        }
    }

    /// Adds the processes that are not known yet.
    private mutating func find() {
        let children = children()
        for pid in processNumbers(in: "") {
            if spared.contains(pid) || members.contains(where: { $0.handle.pid == pid }) { continue }
            guard let owner = owner(of: pid, children), let handle = ProcessHandle.open(pid: pid),
                self.owner(of: pid, children) == owner, !isKeeper(pid)
            else { continue }
            members.append(Member(handle, owner: owner))
        }
    }

    /// The session that a process belongs to, by its place in the child's kernel session or by its environment.
    private func owner(of pid: pid_t, _ children: [pid_t?]) -> Int? {
        guard let stat = ProcessStat(pid: pid), !stat.isZombie, stat.startTime >= startedSince else {
            return nil
        }
        for (index, child) in children.enumerated() where child == stat.session { return index }
        guard let environment = processFile("\(pid)/environ", limit: 8 << 20),
            let instance = instance(in: environment)
        else { return nil }
        return sessions.firstIndex { instance.elementsEqual($0.instance) }
    }

    private func instance(in environment: [UInt8]) -> ArraySlice<UInt8>? {
        // Most processes on a machine have never heard of a keeper.
        guard contains(environment, "KEEPER_INSTANCE=") else { return nil }
        let name = Array("KEEPER_INSTANCE=".utf8)
        for entry in environment.split(separator: 0) where entry.starts(with: name) {
            return entry.dropFirst(name.count)
        }
        return nil
    }

    private func signal(_ signals: [Int32]) {
        for member in members {
            // What has ended meanwhile is found out next; what may not be signalled survives and is named.
            for signal in signals { try? member.handle.signal(signal) }
        }
    }

    /// Waits until all have ended, for at most two seconds, and forgets those that have.
    private mutating func waitForEnds() {
        let deadline = monotonicNow() + LostProcesses.wait
        while !members.isEmpty {
            let rest = max(0, deadline - monotonicNow())
            var entries = members.map {
                pollfd(fd: $0.handle.descriptor.raw, events: Int16(POLLIN), revents: 0)
            }
            let count = poll(&entries, nfds_t(entries.count), Int32((rest + 999_999) / 1_000_000))
            if count > 0 {
                for index in members.indices { members[index].hasEnded = entries[index].revents != 0 }
                members.removeAll { $0.hasEnded }
            }
            if rest == 0 { return }
        }
    }
}

/// The processes besides its child of a session that is not, or no longer, below its keeper.
///
/// They are known by the child's kernel session and by `KEEPER_INSTANCE` in their environment, as those of a lost
/// session are.
package func strayProcesses(of status: SessionStatus) -> [pid_t] {
    guard let session = LostSession(own: status) else { return [] }
    return LostProcesses.others(than: status.child?.identity.pid, of: session)
}

/// Whether a process is one of those. Reads nothing of other processes.
package func isStrayProcess(_ pid: pid_t, of status: SessionStatus) -> Bool {
    guard pid != status.child?.identity.pid, let session = LostSession(own: status) else { return false }
    return LostProcesses.isOne(pid, of: session)
}

/// Ends the processes of a session that were started since a time in clock ticks since boot, by a keeper that died
/// before it could tell which they are: SIGTERM, and SIGKILL two seconds later.
package func endStrayProcesses(of status: SessionStatus, startedSince ticks: UInt64) {
    guard var session = LostSession(own: status) else { return }
    session.child = nil
    _ = LostProcesses.end([session], startedSince: ticks)
}
