import CSystem
import KeeperShared

/// Reads what is new in a session's folder; here its events, across the change to a new file.
///
/// A subclass says what becomes of them, and may read more.
class EventTail {
    let id: SessionID
    let folder: FileDescriptor
    /// Which folder it is, whatever its name.
    let identity: FolderIdentity
    /// What its folder's events are known by; -1 when nothing watches it.
    var watch: Int32 = -1
    /// The folder may have something new.
    var hasChanged = true
    /// The folder is not in its place yet: without an event its session has not begun.
    var isStarting = false
    /// Nothing more comes to the folder.
    var isOver = false
    /// The session before this one under the same id, as long as it isn't finished.
    var predecessor: EventTail?
    private var file: FileDescriptor?
    private var lines = LineSplitter(maximumLine: 1 << 20)

    init(_ id: SessionID, folder: consuming FileDescriptor) {
        self.id = id
        identity = FolderIdentity(try? folder.metadata())
        self.folder = folder
    }

    // MARK: For subclasses

    /// Takes an event, which may be torn.
    func receive(_ line: UnsafeBufferPointer<UInt8>) {}

    /// Reads what is new.
    ///
    /// - Returns: whether there is more that can be read at once.
    func turn() throws(FollowFailure) -> Bool {
        hasChanged = false
        readEvents()
        return false
    }

    /// Everything there was has been read.
    var isFinished: Bool { isOver && !hasChanged }

    /// When to take a turn even if nothing changes, on the monotonic clock.
    var deadline: Int64 { Int64.max }

    // MARK: Reading

    /// Reads new events. What can't be read is as good as not there.
    final func readEvents() {
        do throws(SystemError) {
            if file == nil { try begin() }
            while let file = try currentFile() {
                try readRest(of: file)
                // Until its name is another file's, more may come to this one.
                guard let there = try folder.metadata(of: SessionNames.events) else { return }
                if there.isSameFile(as: file) { return }
                try readRest(of: file)
                try readOlder(unless: file)
                try open()
            }
        } catch {}
    }

    /// Lets go of the file; what was not read is not wanted.
    final func closeEvents() { file = nil }

    private func currentFile() throws(SystemError) -> FileMetadata? {
        switch file {
        case .some(let file): return try file.metadata()
        case .none: return nil
        }
    }

    private func begin() throws(SystemError) {
        // In this order, a change in between is noticed by ``readEvents()``.
        try open()
        guard let file = try currentFile() else { return }
        try readOlder(unless: file)
    }

    private func open() throws(SystemError) {
        // What has no line feed was torn.
        lines = LineSplitter(maximumLine: 1 << 20)
        file = nil
        file = try folder.open(SessionNames.events, O_RDONLY | O_NONBLOCK)
    }

    /// Reads the older file, unless it is the one that has been read.
    private func readOlder(unless known: FileMetadata) throws(SystemError) {
        guard let there = try folder.metadata(of: SessionNames.olderEvents), !there.isSameFile(as: known)
        else { return }
        let older = try folder.open(SessionNames.olderEvents, O_RDONLY | O_NONBLOCK)
        var olderLines = LineSplitter(maximumLine: 1 << 20)
        take(try older.readAll(), &olderLines)
    }

    private func readRest(of known: FileMetadata) throws(SystemError) {
        switch file {
        case .some(let file): take(try file.readAll(), &lines)
        case .none: break
        }
    }

    private func take(_ bytes: [UInt8], _ lines: inout LineSplitter) {
        bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            while start < bytes.count {
                let rest = UnsafeBufferPointer(rebasing: bytes[start...])
                let outcome = lines.consume(rest) { line in
                    receive(line)
                    return .next
                }
                guard case .tooLong(let used) = outcome else { return }
                start += used
            }
        }
    }
}
