import CSystem
import KeeperShared

/// The sessions of a directory, noticed as they come, end, and come again under the same id, and what reads them.
///
/// One inotify instance for the directory and all folders. A subclass says which sessions are wanted, what reads
/// them, and where that goes.
class SessionRoster {
    /// A folder that was there at the last look.
    private final class Known {
        let id: SessionID
        let folder: FolderIdentity
        /// The one that was there before.
        let previous: FolderIdentity
        var isOver: Bool

        init(_ id: SessionID, _ folder: FolderIdentity, previous: FolderIdentity, isOver: Bool) {
            self.id = id
            self.folder = folder
            self.previous = previous
            self.isOver = isOver
        }
    }

    final let directory: FileDescriptor
    /// In the order in which they came.
    private(set) final var tails: [EventTail] = []
    /// Whether what is found was there before following began.
    private(set) final var isStarting = true
    /// Empty for all.
    private final let ids: [SessionID]
    /// In the order of their ids.
    private final var known: [Known] = []
    private final var changes: FolderWatch?
    /// Whether the directory is looked at, not only the folders of the first tails.
    private final var looks = false
    /// Mostly the next change is of the same one.
    private final var lastChanged: EventTail?
    private final let startedAt = Timestamp.now()

    /// How often to look for sessions where the kernel won't tell, in milliseconds, and how often into folders.
    private static let interval: Int32 = 1000
    private static let shortInterval: Int32 = 200

    init(_ directory: borrowing FileDescriptor, _ ids: [SessionID]) throws(SystemError) {
        self.directory = try directory.duplicate()
        self.ids = ids
    }

    // MARK: For subclasses

    /// What reads a folder; nil when nobody wants that.
    func makeTail(_ id: SessionID, _ folder: consuming FileDescriptor, isOver: Bool) throws(SystemError)
        -> EventTail?
    {
        nil
    }

    /// A session can't be read.
    func failed(_ id: SessionID, _ error: SystemError) {}

    /// All have had their turn: passes on what they read.
    func flush() throws(FollowFailure) {}

    /// Adds what else is waited for to a turn.
    func prepare(_ set: PollSet) {}

    /// Takes in what has become ready of that.
    func takeReady(_ set: PollSet) throws(SystemError) {}

    // MARK: The loop

    /// Watches folders of tails that are added, and nothing else.
    final func watchFolders() { changes = try? FolderWatch.make() }

    /// Watches the directory too, and finds the sessions that are there.
    final func watchDirectory() throws(SystemError) {
        looks = true
        // Before the first look, so that nothing is missed between the two.
        changes = FolderWatch.open(directory, deletions: true)
        try refresh()
        isStarting = false
    }

    /// Reads what there is and what comes, until nobody reads that, or no tail is left and no other may come.
    final func follow(_ target: OutputTarget) throws(FollowFailure) {
        let set = PollSet()
        while true {
            set.clear()
            if try turn() { set.limit(milliseconds: 0) }
            if tails.isEmpty && !looks { return }
            target.waitForHangUp(in: set)
            do throws(SystemError) { try wait(set) } catch { throw .journal(error) }
            if target.readerHasGone(in: set) { throw .readerGone }
        }
    }

    /// Gives each tail its turn.
    ///
    /// - Returns: whether there is more that can be read at once.
    final func turn() throws(FollowFailure) -> Bool {
        var hasMore = false
        let now = monotonicNow()
        for tail in tails where tail.hasChanged || tail.deadline <= now {
            if let before = tail.predecessor {
                if !before.isFinished { continue }
                tail.predecessor = nil
            }
            if try tail.turn() {
                tail.hasChanged = true
                hasMore = true
            }
        }
        try flush()
        var kept = 0
        for index in tails.indices {
            let tail = tails[index]
            // While an id is looked at, its folder is kept open: its inode would be another's otherwise.
            if tail.isFinished && (tail.isOver || !looks) {
                unwatch(tail)
                lastChanged = nil
            } else {
                tails[kept] = tail
                kept += 1
            }
        }
        tails.removeLast(tails.count - kept)
        return hasMore
    }

    private final func wait(_ set: PollSet) throws(SystemError) {
        var isBlind = false
        for tail in tails {
            if tail.deadline != Int64.max { set.limit(deadline: tail.deadline) }
            if tail.watch < 0 && !tail.isOver && !tail.isFinished { isBlind = true }
        }
        if isBlind { set.limit(milliseconds: SessionRoster.shortInterval) }
        switch changes {
        case .some(let watch): set.add(watch.descriptor, .input)
        case .none: if looks { set.limit(milliseconds: SessionRoster.interval) }
        }
        prepare(set)
        try set.wait()
        if isBlind {
            for tail in tails where tail.watch < 0 { tail.hasChanged = true }
        }
        try takeChanges(set)
        try takeReady(set)
    }

    private final func takeChanges(_ set: PollSet) throws(SystemError) {
        var isBehind = false
        switch changes {
        case .some(let watch):
            if set.readiness(of: watch.descriptor).isEmpty { return }
            let first = watch.first
            watch.drain { event in
                if event.isOverflow {
                    isBehind = true
                } else if event.watch == first {
                    if let id = Census.id(of: event.name), isWanted(id) { look(id, hasSidecar: nil) }
                } else {
                    noteChange(event.watch)
                }
            }
        case .none: isBehind = true
        }
        if !isBehind { return }
        for tail in tails { tail.hasChanged = true }
        if looks { try refresh() }
    }

    private final func noteChange(_ watch: Int32) {
        if let last = lastChanged, last.watch == watch { return last.hasChanged = true }
        for tail in tails where tail.watch == watch {
            tail.hasChanged = true
            lastChanged = tail
        }
    }

    // MARK: Looking

    private final func isWanted(_ id: SessionID) -> Bool { ids.isEmpty || ids.contains { $0 == id } }

    /// Whether the id has a folder.
    final func knows(_ id: SessionID) -> Bool {
        let place = place(of: id)
        return place < known.count && known[place].id == id
    }

    private final func place(of id: SessionID) -> Int {
        var low = 0
        var high = known.count
        while low < high {
            let middle = (low + high) / 2
            if known[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Looks at all names.
    final func refresh() throws(SystemError) {
        let census = try Census(of: directory, [.sidecar, .folder, .unfinished])
        let before = known
        var next = 0
        for index in census.indices {
            let id = census.id(index)
            while next < before.count, before[next].id < id {
                look(before[next].id, hasSidecar: nil)
                next += 1
            }
            if next < before.count, before[next].id == id { next += 1 }
            if isWanted(id) { look(id, hasSidecar: census.traces(index).contains(.sidecar)) }
        }
        for entry in before[next...] { look(entry.id, hasSidecar: nil) }
    }

    private final func look(_ id: SessionID, hasSidecar: Bool?) {
        let names = SessionNames(id)
        do throws(SystemError) {
            var isThere = false
            if let hasSidecar {
                isThere = hasSidecar
            } else {
                isThere = try directory.metadata(of: names.sidecar) != nil
            }
            try lookAtFolder(names, hasSidecar: isThere)
            if isThere && looks { try lookForStart(names) }
        } catch {
            failed(id, error)
        }
    }

    private final func lookAtFolder(_ names: SessionNames, hasSidecar: Bool) throws(SystemError) {
        let id = names.id
        let place = place(of: id)
        let old = place < known.count && known[place].id == id ? known[place] : nil
        let folder = try FolderIdentity(names.folder, in: directory)
        if folder.isNone {
            if old != nil { forget(place) }
            if !hasSidecar { end(id) }
            return
        }
        if old == nil || old!.folder != folder || (old!.isOver && hasSidecar && isOfLiveKeeper(names)) {
            // Another session under this id; that it has come means that those before it are over.
            end(id, but: folder)
            if let old { try openMissed(names, old) }
            let new = Known(id, folder, previous: old?.folder ?? FolderIdentity(), isOver: !hasSidecar)
            if old == nil { insert(new, at: place) } else { known[place] = new }
            if let tail = tail(of: folder) {
                tail.isStarting = false
                tail.hasChanged = true
            } else {
                try open(id, names.folder, isOver: !hasSidecar)
            }
        }
        known[place].isOver = !hasSidecar
        if !hasSidecar { end(id) }
    }

    private final func insert(_ new: Known, at place: Int) {
        known.append(new)
        var index = known.count - 1
        while index > place {
            known[index] = known[index - 1]
            index -= 1
        }
        known[place] = new
    }

    private final func forget(_ place: Int) {
        for index in (place + 1)..<known.count { known[index - 1] = known[index] }
        known.removeLast()
    }

    /// Whether the folder is that of the keeper that lives now.
    private final func isOfLiveKeeper(_ names: SessionNames) -> Bool {
        guard case .some(.live(let keeper)) = try? SidecarState.read(names.sidecar, in: directory) else {
            return false
        }
        return SessionStatus.of(names, keeper: keeper, in: directory) != nil
    }

    /// Opens a session that came and ended between two looks.
    private final func openMissed(_ names: SessionNames, _ old: Known) throws(SystemError) {
        let folder = try FolderIdentity(names.previousFolder, in: directory)
        if folder.isNone || folder == old.folder || folder == old.previous || tail(of: folder) != nil {
            return
        }
        guard let status = SessionStatus.read(names.previousFolder, in: directory),
            status.keeper.startedAt.nanoseconds >= startedAt.nanoseconds
        else { return }
        try open(names.id, names.previousFolder, isOver: true)
    }

    /// Opens the folder of a session that is being started: it may be gone before it gets its name.
    private final func lookForStart(_ names: SessionNames) throws(SystemError) {
        let folder = try FolderIdentity(names.newFolder, in: directory)
        if folder.isNone || tail(of: folder) != nil { return }
        // With a status it may be the one that is being replaced.
        if knows(names.id) {
            let status = concat(names.newFolder, "/", SessionNames.status)
            if try directory.metadata(of: status) != nil { return }
        }
        try open(names.id, names.newFolder, isOver: false)
        tail(of: folder)?.isStarting = true
    }

    private final func tail(of folder: FolderIdentity) -> EventTail? {
        for tail in tails where tail.identity == folder { return tail }
        return nil
    }

    private final func open(_ id: SessionID, _ name: String, isOver: Bool) throws(SystemError) {
        let folder: FileDescriptor
        do throws(SystemError) {
            folder = try directory.openDirectory(name)
        } catch {
            if error.code == ENOENT { return }
            throw error
        }
        if let tail = try makeTail(id, folder, isOver: isOver) {
            tail.isOver = isOver
            add(tail)
        }
    }

    /// Reads with another tail from now on.
    final func add(_ tail: EventTail) {
        for other in tails where other.id == tail.id { tail.predecessor = other }
        switch changes {
        case .some(let watch): if !tail.isOver { tail.watch = watch.add(tail.folder) ?? -1 }
        case .none: break
        }
        tails.append(tail)
    }

    /// Nothing more comes of an id's sessions, but of the one in this folder.
    private final func end(_ id: SessionID, but folder: FolderIdentity = FolderIdentity()) {
        for tail in tails where !tail.isOver && tail.id == id && tail.identity != folder {
            tail.isOver = true
            tail.hasChanged = true
        }
    }

    private final func unwatch(_ tail: EventTail) {
        switch changes {
        case .some(let watch): if tail.watch >= 0 { watch.remove(tail.watch) }
        case .none: break
        }
    }
}
