import CSystem
import KeeperShared

/// Tells rosters what changes in the sessions directory and in the folders that are followed.
///
/// One inotify instance, and a place where sessions leave their folders that remove them. Where the kernel won't tell,
/// that is said once, and everything is looked at again and again.
final class RosterChanges {
    private var watch: FolderWatch?
    /// Whom to tell. A roster leaves when it ends, so none here is gone.
    private var rosters: [Unmanaged<SessionRoster>] = []
    private var sessions: [Int32: [(session: FollowedSession, roster: Unmanaged<SessionRoster>)]] = [:]
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
    private var nextLookAround: Int64 = 0
    private var hasSaidWhy = false

    /// How often to look where the kernel won't tell, in ns.
    private static let interval: Int64 = .seconds(1)
    /// The same into folders, in ns.
    private static let pause: Int64 = .milliseconds(200)
    /// How often at most to look whether a keeper has ended, in ns.
    private static let longestPause: Int64 = .milliseconds(500)

    private static let inDirectory = UInt32(
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE)

    /// Tells a roster too, from now until ``leave(_:_:)``; before its first look, so that nothing is missed between the
    /// two.
    func join(_ roster: SessionRoster, _ directory: borrowing FileDescriptor) {
        rosters.append(Unmanaged.passUnretained(roster))
        if !hasBegun { begin(in: directory) } else if rosters.count == 1 { beginAgain(in: directory) }
    }

    /// The place where folders are left was given up with the last roster.
    private func beginAgain(in directory: borrowing FileDescriptor) {
        makePlace(in: directory)
        guard let watch else { return }
        leaving.use { place in
            // Without memory for it, what is removed before it is read is told of as gone.
            leavingWatch = (try? watch.add(place, events: UInt32(IN_MOVED_TO))) ?? -1
        }
        leavers = []
        for path in present() { leavers.append((path, monotonicNow() + RemovedFolders.patience)) }
    }

    private func makePlace(in directory: borrowing FileDescriptor) {
        do throws(SystemError) {
            leaving = try RemovedFolders.begin(in: directory)
        } catch {
            // In a directory that can't be written to. What is removed before it is read is told of as gone.
        }
    }

    private func begin(in directory: borrowing FileDescriptor) {
        hasBegun = true
        makePlace(in: directory)
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

    /// Tells a roster no more. After the last one the place where folders are left is given up.
    func leave(_ roster: SessionRoster, _ directory: borrowing FileDescriptor) {
        let gone = Unmanaged.passUnretained(roster).toOpaque()
        for (number, followed) in sessions {
            let rest = followed.filter { $0.roster.toOpaque() != gone }
            if rest.count < followed.count { keep(rest, under: number) }
        }
        rosters.removeAll { $0.toOpaque() == gone }
        guard rosters.isEmpty, hasBegun, let place = leaving.take() else { return }
        RemovedFolders.end(place, in: directory)
    }

    private func keep(
        _ rest: [(session: FollowedSession, roster: Unmanaged<SessionRoster>)], under number: Int32
    ) {
        sessions[number] = rest.isEmpty ? nil : rest
        if rest.isEmpty { watch?.remove(number) }
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

    func add(_ folder: borrowing FileDescriptor, for session: FollowedSession, of roster: SessionRoster) {
        if !hasBegun { return }
        guard let watch else { return isBlind = true }
        do throws(SystemError) {
            session.watch = try watch.add(folder, events: FolderWatch.writes)
            sessions[session.watch, default: []].append((session, Unmanaged.passUnretained(roster)))
        } catch {
            say(error)
            isBlind = true
        }
    }

    func remove(_ session: FollowedSession) {
        if session.watch < 0 { return }
        keep((sessions[session.watch] ?? []).filter { $0.session !== session }, under: session.watch)
        session.watch = -1
    }

    func prepare(_ set: PollSet) {
        if let watch { set.add(watch.descriptor, .input) }
        if deadline != Int64.max { set.limit(deadline: deadline) }
    }

    /// Runs `body` on what becomes readable with changes; there is none where the kernel won't tell.
    func withDescriptor(_ body: (borrowing FileDescriptor) -> Void) {
        if let watch { body(watch.descriptor) }
    }

    /// When to look at the latest, on the monotonic clock.
    var deadline: Int64 {
        var first = Int64.max
        if watch == nil { first = nextLookAround }
        if isBlind, !sessions.isEmpty || rosters.contains(where: { !$0.takeUnretainedValue().isEmpty }) {
            first = min(first, nextLook)
        }
        if let leaver = leavers.first { first = min(first, leaver.due) }
        for doubt in doubts { first = min(first, doubt.due) }
        return first
    }

    /// Takes in what has changed, and tells the rosters.
    func take(_ set: PollSet, in directory: borrowing FileDescriptor) {
        var isReadable = false
        withDescriptor { isReadable = !set.readiness(of: $0).isEmpty }
        take(isReadable: isReadable, in: directory)
    }

    /// The same for one who knows whether the descriptor is readable.
    func take(isReadable: Bool, in directory: borrowing FileDescriptor) {
        var isBehind = watch == nil && monotonicNow() >= nextLookAround
        if let watch, isReadable {
            watch.drain { event in
                if event.isOverflow {
                    isBehind = true
                } else if event.watch == directoryWatch {
                    lookAtName(event)
                } else if event.watch == leavingWatch {
                    lookAtLeaver(event)
                } else if let followed = sessions[event.watch] {
                    let isRemoved = event.has(UInt32(IN_IGNORED))
                    if isRemoved { sessions[event.watch] = nil }
                    for (session, roster) in followed {
                        let roster = roster.takeUnretainedValue()
                        if isRemoved {
                            roster.noteRemoval(session)
                        } else {
                            roster.wake(session, butEvents: RosterChanges.isOutput(event.name))
                        }
                    }
                }
            }
        }
        if isBlind && monotonicNow() >= nextLook {
            nextLook = monotonicNow() + RosterChanges.pause
            forEachRoster { $0.wakeUnwatched() }
        }
        if isBehind {
            nextLookAround = monotonicNow() + RosterChanges.interval
            for path in present() where !leavers.contains(where: { equalUTF8($0.path, path) }) {
                add(path)
            }
            forEachRoster { $0.isBehind = true }
        }
        settleDoubts()
        removeLeavers(in: directory)
    }

    /// Whether a file holds output, or tells of it.
    private static func isOutput(_ name: UnsafeRawBufferPointer) -> Bool {
        name.starts(with: "stdout.".utf8) || name.starts(with: "stderr.".utf8)
    }

    private func forEachRoster(_ body: (SessionRoster) -> Void) {
        for roster in rosters { body(roster.takeUnretainedValue()) }
    }

    private func look(_ id: SessionID) -> Bool {
        var isLive = false
        forEachRoster { if $0.look(id) { isLive = true } }
        return isLive
    }

    private func lookAtName(_ event: FolderWatch.Event) {
        guard let id = Census.id(of: event.name) else { return }
        let isLive = look(id)
        // A keeper that was killed has left its sidecar, and its lock goes a moment later than the file is closed.
        if isLive && event.has(UInt32(IN_CLOSE_WRITE)) {
            let pause: Int64 = .milliseconds(1)
            doubts.append((id, monotonicNow() + pause, pause))
        }
    }

    private func settleDoubts() {
        let now = monotonicNow()
        for index in doubts.indices.reversed() where doubts[index].due <= now {
            let doubt = doubts.remove(at: index)
            if look(doubt.id), doubt.pause < RosterChanges.longestPause {
                doubts.append((doubt.id, now + doubt.pause * 2, doubt.pause * 2))
            }
        }
    }

    // MARK: Folders that sessions have left

    private func lookAtLeaver(_ event: FolderWatch.Event) {
        if !event.has(UInt32(IN_MOVED_TO)) { return }
        add(concat(RemovedFolders.place, "/", String(decoding: event.name, as: UTF8.self)))
    }

    private func add(_ path: String) {
        leavers.append((path, monotonicNow() + RemovedFolders.patience))
        let name = Array(path.utf8.dropFirst(RemovedFolders.place.utf8.count + 1))
        guard let id = name.withUnsafeBytes({ RemovedFolders.id(of: $0) }) else { return }
        forEachRoster { $0.lookAtLeaving(id, path) }
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
