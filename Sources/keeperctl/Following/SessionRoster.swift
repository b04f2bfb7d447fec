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
    /// Whether a session could not be looked at or read.
    private(set) var hasFailed = false
    /// What is said of such a session: `logs of`.
    private let what: String
    private let known: KnownSessions
    private let changes: RosterChanges
    /// More may have changed than could be told.
    var isBehind = false
    private let active = ActiveSessions()
    private var isStarting = true
    private var isWanted = true
    private let startedAt = Timestamp.now()

    /// - Parameter what: what is done with each, for messages: `logs of`.
    /// - Parameter ids: those that are wanted; empty for all.
    /// - Parameter changes: may be shared by rosters of one directory.
    init(
        _ what: String, _ directory: borrowing FileDescriptor, _ ids: [SessionID],
        _ purpose: any FollowPurpose, changes: RosterChanges = RosterChanges()
    ) throws(CommandFailure) {
        self.what = what
        self.changes = changes
        self.directory = try attempt(what, try directory.duplicate())
        self.purpose = purpose
        known = KnownSessions(ids)
    }

    // MARK: Beginning

    /// Watches sessions that are added, and nothing else.
    func watchAdded() { changes.join(self, directory) }

    /// Watches the directory too, and finds the sessions that are there.
    func watchAll() throws(SystemError) {
        changes.join(self, directory)
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
        if !session.isOver { session.withFolder { changes.add($0, for: session, of: self) } }
        wake(session)
        // There may be thousands.
        if active.isFull { session.rest() }
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

    /// Reads what there is and what comes, until its reader has gone, or no session is left and no other may come.
    func follow(_ targets: [OutputTarget]) throws(FollowFailure) {
        let set = PollSet()
        while true {
            set.clear()
            if try turn() { set.limit(milliseconds: 0) }
            if !isWanted { break }
            for target in targets { target.waitForHangUp(in: set) }
            try reading(try wait(set))
            for target in targets where target.readerHasGone(in: set) { throw .readerGone }
        }
    }

    /// Gives up what followers have in the directory, however following ends.
    deinit { changes.leave(self, directory) }

    /// Gives each session its turn.
    ///
    /// - Returns: whether there is more that can be read at once.
    @discardableResult
    func turn() throws(FollowFailure) -> Bool {
        if isBehind {
            isBehind = false
            known.forEach { wake($0) }
            try reading(try refresh())
        }
        let now = monotonicNow()
        let hasMore = try active.read(now, in: directory, while: { !purpose.isFull }) { report($0.id, $1) }
        active.settle(now) { session in
            // What is being removed may still be found under its new name.
            if finds && !(session.isOver && (!session.isLeaving || session.watch < 0)) { return false }
            changes.remove(session)
            known.remove(session)
            return true
        }
        isWanted = try purpose.flush(self)
        return hasMore
    }

    private func wait(_ set: PollSet) throws(SystemError) {
        if deadline != Int64.max { set.limit(deadline: deadline) }
        purpose.prepare(set)
        changes.prepare(set)
        try set.wait()
        changes.take(set, in: directory)
    }

    /// When ``turn()`` is due even if nothing changes, on the monotonic clock.
    var deadline: Int64 { active.deadline }

    /// Whether files of any session are open: it has changed a moment ago.
    var hasOpen: Bool { active.hasOpen }

    /// Whether a turn would find something to do.
    var hasNews: Bool { isBehind || active.hasChanged }

    /// A session can't be looked at or read. The others go on.
    func report(_ id: SessionID, _ error: SystemError) {
        hasFailed = true
        printError(CommandFailure(concat(what, " ", id.string), error).text)
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
    ///
    /// - Parameter butEvents: it has no new events.
    func wake(_ session: FollowedSession, butEvents: Bool = false) {
        if !butEvents { session.hasEvents = true }
        active.wake(session)
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
            report(id, error)
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
            report(id, error)
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
