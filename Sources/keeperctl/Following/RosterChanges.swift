import CSystem
import KeeperShared

/// Tells a roster what changes in the sessions directory and in the folders that are followed.
///
/// One inotify instance, and a place where sessions leave their folders that remove them. Where the kernel won't tell,
/// that is said once, and everything is looked at again and again.
final class RosterChanges {
    private var watch: FolderWatch?
    private var sessions: [Int32: FollowedSession] = [:]
    /// Where sessions leave their folders, locked; nil when it can't be had.
    private var leaving: FileDescriptor?
    private var leavingWatch: Int32 = -1
    private var directoryWatch: Int32 = -1
    /// Folders there, and when to remove them, on the monotonic clock.
    private var leavers: [(path: String, due: Int64)] = []
    /// Keepers that are just ending: their locks go a moment after their files are closed.
    private var doubts: [(id: SessionID, due: Int64, pause: Int64)] = []
    private var hasBegun = false
    /// Whether some folders are not watched.
    private var isBlind = false
    private var nextLook: Int64 = 0
    private var hasSaidWhy = false

    /// How often to look where the kernel won't tell, in milliseconds.
    private static let interval: Int32 = 1000
    /// The same into folders, in ns.
    private static let pause: Int64 = .milliseconds(200)
    /// How often at most to look whether a keeper has ended, in ns.
    private static let longestPause: Int64 = .milliseconds(500)

    private static let inDirectory = UInt32(
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE)

    /// Begins to watch; before the first look, so that nothing is missed between the two.
    func begin(in directory: borrowing FileDescriptor) {
        hasBegun = true
        do throws(SystemError) {
            leaving = try RemovedFolders.begin(in: directory)
        } catch {
            // In a directory that can't be written to. What is removed before it is read is told of as gone.
        }
        do throws(SystemError) {
            let watch = try FolderWatch()
            directoryWatch = try watch.add(directory, events: RosterChanges.inDirectory)
            try leaving.use { place throws(SystemError) in
                leavingWatch = try watch.add(place, events: UInt32(IN_MOVED_TO))
            }
            self.watch = watch
        } catch {
            say(error)
        }
        for path in present() { leavers.append((path, monotonicNow() + RemovedFolders.patience)) }
    }

    /// Gives up the place where folders are left.
    func end(in directory: borrowing FileDescriptor) {
        guard hasBegun, let place = leaving.take() else { return }
        RemovedFolders.end(place, in: directory)
    }

    private func say(_ error: SystemError) {
        if hasSaidWhy { return }
        hasSaidWhy = true
        printError(
            concat(
                "inotify: ", error.reason,
                error.code == ENOSPC
                    ? " (fs.inotify.max_user_watches)"
                    : error.code == EMFILE ? " (fs.inotify.max_user_instances)" : "",
                "; sessions are looked at again and again instead"))
    }

    func add(_ folder: borrowing FileDescriptor, for session: FollowedSession) {
        if !hasBegun { return }
        guard let watch else { return isBlind = true }
        do throws(SystemError) {
            session.watch = try watch.add(folder, events: FolderWatch.writes)
            sessions[session.watch] = session
        } catch {
            say(error)
            isBlind = true
        }
    }

    func remove(_ session: FollowedSession) {
        if session.watch < 0 { return }
        watch?.remove(session.watch)
        sessions[session.watch] = nil
        session.watch = -1
    }

    func prepare(_ set: PollSet, hasSessions: Bool) {
        if let watch {
            set.add(watch.descriptor, .input)
        } else {
            set.limit(milliseconds: RosterChanges.interval)
        }
        if isBlind && hasSessions { set.limit(deadline: nextLook) }
        if let first = leavers.first { set.limit(deadline: first.due) }
        for doubt in doubts { set.limit(deadline: doubt.due) }
    }

    /// Takes in what has changed.
    ///
    /// - Returns: whether more may have changed than could be told.
    func take(_ set: PollSet, in directory: borrowing FileDescriptor, _ roster: SessionRoster) -> Bool {
        var isBehind = watch == nil
        if let watch, !set.readiness(of: watch.descriptor).isEmpty {
            watch.drain { event in
                if event.isOverflow {
                    isBehind = true
                } else if event.watch == directoryWatch {
                    lookAtName(event, roster)
                } else if event.watch == leavingWatch {
                    lookAtLeaver(event, roster)
                } else if let session = sessions[event.watch] {
                    if event.has(UInt32(IN_IGNORED)) {
                        sessions[event.watch] = nil
                        roster.noteRemoval(session)
                    } else {
                        roster.wake(session)
                    }
                }
            }
        }
        if isBlind && monotonicNow() >= nextLook {
            nextLook = monotonicNow() + RosterChanges.pause
            roster.wakeUnwatched()
        }
        if isBehind {
            for path in present() where !leavers.contains(where: { equalUTF8($0.path, path) }) {
                add(path, roster)
            }
        }
        settleDoubts(roster)
        removeLeavers(in: directory)
        return isBehind
    }

    private func lookAtName(_ event: FolderWatch.Event, _ roster: SessionRoster) {
        guard let id = Census.id(of: event.name) else { return }
        let isLive = roster.look(id)
        // A keeper that was killed has left its sidecar, and its lock goes a moment later than the file is closed.
        if isLive && event.has(UInt32(IN_CLOSE_WRITE)) {
            let pause: Int64 = .milliseconds(1)
            doubts.append((id, monotonicNow() + pause, pause))
        }
    }

    private func settleDoubts(_ roster: SessionRoster) {
        let now = monotonicNow()
        for index in doubts.indices.reversed() where doubts[index].due <= now {
            let doubt = doubts.remove(at: index)
            if roster.look(doubt.id), doubt.pause < RosterChanges.longestPause {
                doubts.append((doubt.id, now + doubt.pause * 2, doubt.pause * 2))
            }
        }
    }

    // MARK: Folders that sessions have left

    private func lookAtLeaver(_ event: FolderWatch.Event, _ roster: SessionRoster) {
        if !event.has(UInt32(IN_MOVED_TO)) { return }
        add(concat(RemovedFolders.place, "/", String(decoding: event.name, as: UTF8.self)), roster)
    }

    private func add(_ path: String, _ roster: SessionRoster) {
        leavers.append((path, monotonicNow() + RemovedFolders.patience))
        let name = Array(path.utf8.dropFirst(RemovedFolders.place.utf8.count + 1))
        guard let id = name.withUnsafeBytes({ RemovedFolders.id(of: $0) }) else { return }
        roster.lookAtLeaving(id, path)
    }

    private func present() -> [String] {
        var paths: [String] = []
        leaving.use { place in
            // They are looked for again when the next one comes.
            for name in (try? RemovedFolders.names(in: place)) ?? [] {
                paths.append(concat(RemovedFolders.place, "/", name))
            }
        }
        return paths
    }

    private func removeLeavers(in directory: borrowing FileDescriptor) {
        let now = monotonicNow()
        while let first = leavers.first, first.due <= now {
            leavers.removeFirst()
            // Another follower may be at it; keepers remove what is left.
            try? directory.removeTree(first.path)
        }
    }
}
