import CSystem
import KeeperShared

/// The sessions of a directory that are followed, noticed as they come, end, and come again under the same id.
///
/// One inotify instance for the directory and all folders. A session costs descriptors only while it is read, and a
/// moment after.
final class SessionRoster {
    let directory: FileDescriptor
    let purpose: any FollowPurpose
    /// Whether the directory is looked at for sessions, not only for the end of those that were added.
    private(set) var finds = false
    private let known: KnownSessions
    private let changes: RosterChanges
    /// Those that have changed or have files open; those that were read last come last.
    private var active: [FollowedSession] = []
    /// How many of them may have files open.
    private let most: Int
    private var isStarting = true
    private var isWanted = true
    private let startedAt = Timestamp.now()

    /// What a session needs at most while it is read: its folder, events, and for each stream a segment and two indexes.
    private static let descriptorsEach = 8
    /// Reading a few hundred files again costs less than the time in which they would be needed.
    private static let usuallyOpen = 64
    /// How long the files of a session stay open that is at rest, in ns.
    private static let restTime: Int64 = .seconds(1)

    /// - Parameter ids: those that are wanted; empty for all.
    init(
        _ directory: borrowing FileDescriptor, _ ids: [SessionID], _ purpose: any FollowPurpose
    ) throws(SystemError) {
        self.directory = try directory.duplicate()
        self.purpose = purpose
        known = KnownSessions(ids)
        most = max(2, min(SessionRoster.usuallyOpen, raiseDescriptorLimit() / SessionRoster.descriptorsEach))
        changes = RosterChanges()
    }

    // MARK: Beginning

    /// Watches sessions that are added, and nothing else.
    func watchAdded() { changes.begin(in: directory) }

    /// Watches the directory too, and finds the sessions that are there.
    func watchAll() throws(SystemError) {
        changes.begin(in: directory)
        try findAll()
    }

    /// Finds the sessions that are there.
    func findAll() throws(SystemError) {
        finds = true
        try refresh()
        isStarting = false
    }

    /// Reads another session from now on.
    ///
    /// - Parameter predecessor: what is to be read to its end before.
    func add(_ session: FollowedSession, after predecessor: FollowedSession? = nil) {
        let entry = known.entry(of: session.id, makes: true)!
        session.predecessor = predecessor ?? entry.sessions.last
        entry.sessions.append(session)
        known.count += 1
        if !session.isOver { session.withFolder { changes.add($0, for: session) } }
        wake(session)
        // There may be thousands.
        if active.count > most { session.rest() }
        // It may have ended before it was watched.
        if !finds && !session.isOver { look(session.id) }
    }

    /// Whether the id has a folder.
    func knows(_ id: SessionID) -> Bool { !(known.entry(of: id)?.folder.isNone ?? true) }

    /// Whether no session is followed.
    var isEmpty: Bool { known.count == 0 }

    /// The ids of those that are followed.
    var followedIDs: [SessionID] { known.ids.filter { !sessions(of: $0).isEmpty } }

    /// Those that are followed under an id.
    func sessions(of id: SessionID) -> [FollowedSession] { known.entry(of: id)?.sessions ?? [] }

    // MARK: The loop

    /// Reads what there is and what comes, until nobody reads that, or no session is left and no other may come.
    func follow(_ targets: [OutputTarget]) throws(FollowFailure) {
        let set = PollSet()
        while true {
            set.clear()
            if try turn() { set.limit(milliseconds: 0) }
            if !isWanted { break }
            for target in targets { target.waitForHangUp(in: set) }
            do throws(SystemError) { try wait(set) } catch { throw .journal(error) }
            for target in targets where target.readerHasGone(in: set) { throw .readerGone }
        }
    }

    /// Gives up what followers have in the directory, however following ends.
    deinit { changes.end(in: directory) }

    /// Gives each session its turn.
    ///
    /// - Returns: whether there is more that can be read at once.
    @discardableResult
    func turn() throws(FollowFailure) -> Bool {
        var hasMore = false
        var isBlocked = false
        var hasFinished = false
        let now = monotonicNow()
        var index = 0
        var open = 0
        for session in active where session.isOpen { open += 1 }
        while index < active.count {
            let session = active[index]
            index += 1
            if !session.hasChanged && session.reader.deadline > now { continue }
            if let before = session.predecessor {
                isBlocked = isBlocked || !before.reader.isThrough
                if !before.reader.isThrough { continue }
                session.predecessor = nil
            }
            if !session.isOpen { open += 1 }
            if try read(session) {
                session.hasChanged = true
                hasMore = true
            }
            hasFinished = hasFinished || session.reader.isThrough
            if open > most {
                session.rest()
                open -= 1
            }
        }
        settle(now)
        isWanted = try purpose.flush(self)
        return hasMore || (hasFinished && isBlocked)
    }

    private func read(_ session: FollowedSession) throws(FollowFailure) -> Bool {
        do throws(FollowFailure) {
            return try session.read(in: directory)
        } catch {
            // Of many sessions the others go on.
            guard case .journal(let reason) = error else { throw error }
            if reason.code == EMFILE || reason.code == ENFILE, restAll(but: session) { return true }
            try session.reader.giveUp(reason)
            purpose.report(session.id, reason)
            return false
        }
    }

    /// - Returns: whether any had files open.
    private func restAll(but session: FollowedSession) -> Bool {
        var hasOpen = false
        for other in active where other !== session && other.isOpen {
            other.rest()
            hasOpen = true
        }
        return hasOpen
    }

    /// Closes what is at rest, and forgets what is over.
    private func settle(_ now: Int64) {
        let before = active
        active = []
        var last: [FollowedSession] = []
        var open = 0
        for session in before where session.isOpen { open += 1 }
        for session in before {
            if session.reader.isThrough { session.rest() }
            // What is being removed may still be found under its new name.
            if session.reader.isThrough
                && (!finds || (session.isOver && (!session.isLeaving || session.watch < 0)))
            {
                forget(session)
                continue
            }
            if !session.hasChanged {
                let isDue = session.readAt + SessionRoster.restTime <= monotonicNow()
                if session.isOpen && (isDue || open > most) {
                    session.rest()
                    open -= 1
                }
                if !session.isOpen && session.reader.deadline == Int64.max {
                    session.isActive = false
                    continue
                }
            }
            if session.readAt < now { active.append(session) } else { last.append(session) }
        }
        active += last
    }

    private func wait(_ set: PollSet) throws(SystemError) {
        for session in active {
            if session.reader.deadline != Int64.max { set.limit(deadline: session.reader.deadline) }
            if session.isOpen && !session.hasChanged {
                set.limit(deadline: session.readAt + SessionRoster.restTime)
            }
        }
        purpose.prepare(set)
        changes.prepare(set, hasSessions: known.count > 0)
        try set.wait()
        if changes.take(set, in: directory, self) {
            known.forEach { wake($0) }
            try refresh()
        }
    }

    /// Lets all be read that nothing watches.
    func wakeUnwatched() {
        known.forEach { if $0.watch < 0 { wake($0) } }
    }

    /// A folder is removed; another may get its inode.
    func noteRemoval(_ session: FollowedSession) {
        if let entry = known.entry(of: session.id), entry.folder == session.identity {
            entry.folder = FolderIdentity()
        }
        session.noteRemoval()
        wake(session)
    }

    /// Lets a session be read in the next turn.
    func wake(_ session: FollowedSession) {
        session.hasChanged = true
        if session.isActive { return }
        session.isActive = true
        active.append(session)
    }

    private func forget(_ session: FollowedSession) {
        changes.remove(session)
        known.remove(session)
    }

    // MARK: Looking

    /// Looks at all names.
    private func refresh() throws(SystemError) {
        if !finds {
            for id in known.ids { look(id) }
            return
        }
        let census = try Census(of: directory, [.sidecar, .folder, .unfinished])
        var there: [SessionID] = []
        for index in census.indices { there.append(census.id(index)) }
        var next = 0
        for id in known.ids {
            while next < there.count, there[next] < id {
                look(there[next])
                next += 1
            }
            if next < there.count, there[next] == id { next += 1 }
            look(id)
        }
        for id in there[next...] { look(id) }
    }

    /// Looks whether a session has come under an id, or has ended.
    ///
    /// - Returns: whether a keeper owns the id.
    @discardableResult
    func look(_ id: SessionID) -> Bool {
        if !known.wants(id) || (!finds && known.entry(of: id) == nil) { return false }
        let names = SessionNames(id)
        do throws(SystemError) {
            var isLive = false
            if case .live = try SidecarState.read(names.sidecar, in: directory) { isLive = true }
            try lookAtFolder(names, isLive: isLive)
            if isLive && finds { try lookForStart(names) }
            return isLive
        } catch {
            purpose.report(id, error)
            return false
        }
    }

    private func lookAtFolder(_ names: SessionNames, isLive: Bool) throws(SystemError) {
        let folder = try FolderIdentity(names.folder, in: directory)
        if folder.isNone {
            if let entry = known.entry(of: names.id) {
                for session in entry.sessions where entry.folder == session.identity {
                    session.isLeaving = true
                }
                entry.folder = folder
                if !isLive { end(entry) }
                known.dropIfEmpty(entry)
            }
            return
        }
        guard let entry = known.entry(of: names.id, makes: finds) else { return }
        if entry.folder != folder || (entry.isOver && isLive && isOfLiveKeeper(names)) {
            // Another session under this id; that it has come means that those before it are over.
            let isAnother = !entry.folder.isNone
            // A session that is being started may be known before the folder of the one before it.
            end(entry, but: folder, sparesStarting: isLive && !isAnother)
            if isAnother && finds { try openMissed(names, entry) }
            entry.previous = entry.folder
            entry.folder = folder
            if let session = session(entry, folder) {
                session.isStarting = false
                wake(session)
            } else if finds {
                try open(names.id, names.folder, isOver: !isLive)
            }
        }
        entry.isOver = !isLive
        if !isLive { end(entry) }
    }

    /// Whether the folder is that of the keeper that lives now.
    private func isOfLiveKeeper(_ names: SessionNames) -> Bool {
        // One that can't be read now is looked at again with its next change.
        guard case .some(.live(let keeper)) = try? SidecarState.read(names.sidecar, in: directory) else {
            return false
        }
        return SessionStatus.of(names, keeper: keeper, in: directory) != nil
    }

    /// Opens a session that came and ended between two looks.
    private func openMissed(_ names: SessionNames, _ entry: KnownSessions.Entry) throws(SystemError) {
        let folder = try FolderIdentity(names.previousFolder, in: directory)
        if folder.isNone || folder == entry.folder || folder == entry.previous
            || session(entry, folder) != nil
        {
            return
        }
        guard let status = SessionStatus.read(names.previousFolder, in: directory),
            status.keeper.startedAt.nanoseconds >= startedAt.nanoseconds
        else { return }
        try open(names.id, names.previousFolder, isOver: true)
    }

    /// Opens the folder of a session that is being started: it may be gone before it gets its name.
    private func lookForStart(_ names: SessionNames) throws(SystemError) {
        let folder = try FolderIdentity(names.newFolder, in: directory)
        if folder.isNone { return }
        if let entry = known.entry(of: names.id) {
            if session(entry, folder) != nil { return }
            // With a status it may be the one that is being replaced.
            if !entry.folder.isNone {
                let status = concat(names.newFolder, "/", SessionNames.status)
                if try directory.metadata(of: status) != nil { return }
            }
        }
        try open(names.id, names.newFolder, isOver: false)
        if let entry = known.entry(of: names.id) { session(entry, folder)?.isStarting = true }
    }

    /// Looks at a folder that a session has left to be removed.
    func lookAtLeaving(_ id: SessionID, _ path: String) {
        if !known.wants(id) { return }
        do throws(SystemError) {
            let folder = try FolderIdentity(path, in: directory)
            if folder.isNone { return }
            if let entry = known.entry(of: id), let session = session(entry, folder) {
                session.leavingName = path
                session.isLeaving = true
                session.isStarting = false
                session.isOver = true
                wake(session)
            } else if finds {
                // It came and went between two looks.
                try open(id, path, isOver: true)
                if let entry = known.entry(of: id) { session(entry, folder)?.leavingName = path }
            }
        } catch {
            purpose.report(id, error)
        }
    }

    private func session(_ entry: KnownSessions.Entry, _ folder: FolderIdentity) -> FollowedSession? {
        entry.sessions.first { $0.identity == folder }
    }

    private func open(_ id: SessionID, _ name: String, isOver: Bool) throws(SystemError) {
        guard let reader = try purpose.reader(of: id, isOver: isOver, isFresh: !isStarting) else { return }
        Faults.pause("follow")
        do throws(SystemError) {
            add(try FollowedSession(id, directory.openDirectory(name), reader, isOver: isOver))
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    /// Nothing more comes of an id's sessions, but of the one in this folder.
    private func end(
        _ entry: KnownSessions.Entry, but folder: FolderIdentity = FolderIdentity(),
        sparesStarting: Bool = false
    ) {
        for session in entry.sessions where !session.isOver && session.identity != folder {
            if sparesStarting && session.isStarting { continue }
            session.isOver = true
            wake(session)
        }
    }
}
