import CSystem
import KeeperShared

/// Notices that one session's files change and that the session is over, without asking its keeper: for clients that
/// stay with it. Where many sessions are followed, or some that are yet to come, ``SessionRoster`` does it with fewer
/// descriptors.
///
/// It is over when its status says so or its keeper is dead: what is in its folder then is all there will be.
final class SessionWatch {
    /// Set before the last bytes are read: who reads to the end after seeing it has read everything.
    private(set) var isOver = false
    /// What the session said last.
    private(set) var status: SessionStatus?
    /// Open, whatever its name becomes.
    let folder: FileDescriptor
    private let names: SessionNames
    private let directory: FileDescriptor
    /// Nil when the user's watches are used up, or can't be had for another reason.
    private let files: FolderWatch?
    private var keeper: ProcessHandle?

    /// How often to look where the kernel won't tell, in milliseconds.
    private static let interval: Int32 = 200
    private static let slowInterval: Int32 = 1000

    /// Begins to watch the session that has this name now.
    init(_ names: SessionNames, in directory: borrowing FileDescriptor) throws(SystemError) {
        self.names = names
        self.directory = try directory.duplicate()
        folder = try directory.openDirectory(names.folder)
        // Before the first look, so that nothing is missed between the two.
        files = try? FolderWatch(folder, events: FolderWatch.writes)
        try look()
    }

    /// Reads the status, and looks who is its keeper.
    func look() throws(SystemError) {
        try readStatus()
        if !isOver { try findKeeper() }
        // A keeper that ended in between has left its last words.
        if isOver { try readStatus() }
    }

    /// Adds what this waits for to a turn.
    func prepare(_ set: PollSet) {
        if isOver { return }
        if let files {
            set.add(files.descriptor, .input)
        } else {
            set.limit(milliseconds: SessionWatch.interval)
        }
        switch keeper {
        case .some(let process): set.add(process.descriptor, .input)
        case .none: set.limit(milliseconds: SessionWatch.slowInterval)
        }
    }

    /// Takes in what happened.
    func turn(_ set: PollSet) throws(SystemError) {
        if isOver { return }
        var hasChanged = files == nil
        if let files, !set.readiness(of: files.descriptor).isEmpty {
            files.drain { event in
                // Some were dropped, or the folder is gone.
                if event.has(UInt32(IN_Q_OVERFLOW | IN_IGNORED))
                    || (event.has(UInt32(IN_MOVED_TO)) && event.isNamed(SessionNames.status))
                {
                    hasChanged = true
                }
            }
        }
        let lives = keeper.use { set.readiness(of: $0.descriptor).isEmpty }
        if lives != true {
            // Where the lock has outlived its keeper, another one will go on.
            keeper = nil
            try findKeeper()
        }
        if hasChanged || isOver { try readStatus() }
    }

    private func readStatus() throws(SystemError) {
        do throws(SystemError) {
            if let status = SessionStatus(bytes: try folder.contents(of: SessionNames.status)) {
                take(status)
            }
        } catch {
            // A session that is over may have removed it.
            if error.code != ENOENT { throw error }
        }
    }

    private func take(_ status: SessionStatus) {
        self.status = status
        if status.state.isFinal { isOver = true }
    }

    /// Looks for the keeper by its lock, and then for a descriptor that tells of its end.
    private func findKeeper() throws(SystemError) {
        guard case .live(let pid) = try SidecarState.read(names.sidecar, in: directory) else {
            return isOver = true
        }
        guard var known = status else { return keeper = ProcessHandle.open(pid: pid) }
        if !known.keeper.isNamed(by: pid) {
            // That keeper has just taken over, or the id has a new owner, and this folder is of the session before.
            guard let now = SessionStatus.of(names, keeper: pid, in: directory),
                equalUTF8(now.instance, known.instance)
            else { return isOver = true }
            known = now
            take(now)
        }
        // PIDs of another namespace mean nothing here; its lock does, and is looked at again and again.
        if !equalUTF8(known.keeper.pidNamespace, pidNamespace()) { return }
        keeper = ProcessHandle.open(pid: pid, startTime: known.keeper.identity.startTime)
    }
}
