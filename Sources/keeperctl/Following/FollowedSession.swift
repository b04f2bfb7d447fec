import CSystem
import KeeperShared

/// Reads what a session writes into its folder, and passes it on.
protocol SessionReader: AnyObject {
    /// Everything is passed on, and no more will come.
    var isThrough: Bool { get }
    /// When to read even if nothing changes, on the monotonic clock.
    var deadline: Int64 { get }
    /// Whether it passes events on among the output: then none may be overlooked when there is output.
    var ordersEvents: Bool { get }
    /// Takes an event, which may be torn. Valid only during the call.
    func receive(_ event: Bytes)
    /// Reads what is new, after the events.
    ///
    /// - Returns: whether there is more that can be read at once.
    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool
    /// Closes all that is open; ``read(_:in:)`` goes on where it was.
    func rest()
    /// The session can't be read. This is the last call.
    func giveUp(_ reason: SystemError) throws(FollowFailure)
}

extension SessionReader {
    var deadline: Int64 { Int64.max }
    var ordersEvents: Bool { true }
    func rest() {}
    func giveUp(_ reason: SystemError) throws(FollowFailure) {}
}

/// One session that is followed, with its files open only while they are read.
final class FollowedSession {
    let id: SessionID
    let reader: any SessionReader
    /// Which folder it is, whatever its name; none once it is removed.
    private(set) var identity: FolderIdentity
    /// What its folder's changes are known by; -1 when nothing watches it.
    var watch: Int32 = -1
    /// The folder may have something new.
    var hasChanged = true
    /// There may be new events: output alone is no reason to look for them.
    var hasEvents = true
    /// The folder is not in its place yet: without an event its session has not begun.
    var isStarting = false
    /// Nothing more comes to the folder.
    var isOver: Bool
    /// The folder is no longer in its place, and is being removed.
    var isLeaving = false
    /// The session before this one under the same id, as long as it isn't read to its end.
    var predecessor: FollowedSession?
    /// Whether the roster has it in its list of those that are open.
    var isActive = false
    /// When it was read last, on the monotonic clock.
    private(set) var readAt: Int64 = 0
    /// The folder's name among those that are being removed.
    var leavingName = ""
    private var hasGivenUp = false
    private var folder: FileDescriptor?
    private var events = EventFile()

    init(
        _ id: SessionID, _ folder: consuming FileDescriptor, _ reader: any SessionReader, isOver: Bool
    ) throws(SystemError) {
        self.id = id
        self.reader = reader
        self.isOver = isOver
        identity = FolderIdentity(try folder.metadata())
        self.folder = consume folder
    }

    /// Everything is read and passed on, or can't be.
    var isThrough: Bool { hasGivenUp || reader.isThrough }

    /// It can't be read.
    func giveUp(_ reason: SystemError) throws(FollowFailure) {
        hasGivenUp = true
        try reader.giveUp(reason)
    }

    /// Reads what is new.
    ///
    /// - Returns: whether there is more that can be read at once.
    func read(in directory: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        hasChanged = false
        readAt = monotonicNow()
        if isThrough { return false }
        do throws(SystemError) {
            if !isOpen { folder = try find(in: directory) }
            try folder.use { folder throws(SystemError) in
                if !hasEvents && !reader.ordersEvents { return }
                try events.read(in: folder) { reader.receive($0) }
                hasEvents = false
            }
            if !isOpen { isOver = true }
        } catch {
            throw .journal(error)
        }
        let hasMore = try folder.use { folder throws(FollowFailure) in try reader.read(self, in: folder) }
        // It is removed. What the reader looks for isn't in the sessions directory either.
        if let hasMore { return hasMore }
        return try reader.read(self, in: directory)
    }

    /// Whether its folder is open.
    var isOpen: Bool { folder.raw >= 0 }

    /// Runs `body` on the folder while it is open.
    func withFolder(_ body: (borrowing FileDescriptor) -> Void) { folder.use(body) }

    /// Closes all that is open.
    func rest() {
        reader.rest()
        events.rest()
        folder = nil
    }

    /// The folder is removed; another may get its inode.
    func noteRemoval() {
        identity = FolderIdentity()
        watch = -1
        isOver = true
    }

    /// Opens the folder under the name that it has now; nil when it has none.
    private func find(in directory: borrowing FileDescriptor) throws(SystemError) -> FileDescriptor? {
        if identity.isNone { return nil }
        let names = SessionNames(id)
        // It may get another name just then, so that it has to be looked for once more.
        for _ in 0..<2 {
            if !leavingName.isEmpty, let folder = try open(leavingName, in: directory) { return folder }
            if let folder = try open(names.folder, in: directory) { return folder }
            if isStarting, let folder = try open(names.newFolder, in: directory) { return folder }
            if let folder = try open(names.previousFolder, in: directory) { return folder }
            // Only while there are followers there is such a place.
            guard let place = try? directory.openDirectory(RemovedFolders.place) else { continue }
            for name in try RemovedFolders.names(in: place) where name.utf8.starts(with: id.string.utf8) {
                let path = concat(RemovedFolders.place, "/", name)
                if let folder = try open(path, in: directory) { return folder }
            }
        }
        return nil
    }

    private func open(_ name: String, in directory: borrowing FileDescriptor) throws(SystemError)
        -> FileDescriptor?
    {
        do throws(SystemError) {
            let folder = try directory.openDirectory(name)
            if FolderIdentity(try folder.metadata()) == identity { return folder }
        } catch {
            if error.code != ENOENT { throw error }
        }
        return nil
    }
}
