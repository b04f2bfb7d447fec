import CSystem
import KeeperShared

/// A directory that is watched, and what for.
final class WatchedFolder {
    /// A name that a watched path leads through; empty for the directory itself.
    final class Step {
        let root: WatchedRoot
        let name: [UInt8]
        /// When the path was last seen to lead through it.
        var round: Int
        /// Whether it is the watched file itself.
        var isFile: Bool

        init(_ root: WatchedRoot, _ name: [UInt8], isFile: Bool) {
            self.root = root
            self.name = name
            self.isFile = isFile
            round = root.round
        }
    }

    let watch: Int32
    var steps: [Step] = []
    /// The places that the directory has in trees. More than one where roots overlap.
    var nodes: [TreeNode] = []

    init(_ watch: Int32) { self.watch = watch }

    var isUnused: Bool { steps.isEmpty && nodes.isEmpty }
}

/// Tells of changes in any number of files and directory trees, by one inotify instance.
///
/// Part of a loop: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``, and then the roots have their news.
final class TreeWatch {
    /// A directory whose contents never count, wherever it is met: a session would be restarted for its own output.
    let hidden: FileMetadata?
    private let inotify: FolderWatch
    /// In the order of the watches' numbers, which only grow.
    private var folders: [WatchedFolder] = []
    private var hasUnused = false
    private var roots: [WatchedRoot] = []
    /// Why something can't be watched, while the watch begins.
    private var problem: CommandFailure?
    private var isBegun = false

    /// What tells that a name has come to mean something else.
    static let nameEvents = UInt32(
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_EXCL_UNLINK)
    /// The same and what tells that a file has changed.
    static let fileEvents = nameEvents | UInt32(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)

    /// - Throws: when the user has no inotify instance left.
    init(hidden: FileMetadata? = nil) throws(CommandFailure) {
        self.hidden = hidden
        do throws(SystemError) { inotify = try FolderWatch() } catch { throw limitFailure(error) }
    }

    /// Watches this too.
    ///
    /// - Throws: when it isn't there or can't be watched.
    func add(_ root: WatchedRoot) throws(CommandFailure) {
        roots.append(root)
        follow(root)
        if let problem { throw problem }
        if !root.isPresent {
            throw CommandFailure(concat("watch ", quoted(root.name)), SystemError("open", "", ENOENT))
        }
        if root.top?.watch == -1 {
            throw CommandFailure(
                ExitStatus.failed,
                concat("watch ", quoted(root.name), ": it is the sessions directory, which never rests"))
        }
    }

    /// What can't be watched from now on is only said.
    func begin() { isBegun = true }

    /// How many directories are watched, those included that only lead to what was asked for.
    var count: Int { folders.count }

    /// Adds what this waits for to a turn.
    func prepare(_ set: PollSet) { set.add(inotify.descriptor, .input) }

    /// Takes in what happened.
    func turn(_ set: PollSet) {
        if set.readiness(of: inotify.descriptor).isEmpty { return }
        var isIncomplete = false
        inotify.drain(limit: 100) { event in
            if event.isOverflow { isIncomplete = true } else { take(event) }
        }
        if isIncomplete { lookAtAll() }
        for root in roots where root.isStale && !root.isPresent { forgetWay(to: root) }
        for root in roots where root.isStale { follow(root) }
        sweep()
    }

    /// Some events were dropped: anything may have changed.
    private func lookAtAll() {
        for root in roots {
            if let top = root.top {
                drop(top)
                root.top = nil
            }
            follow(root)
            root.note([])
        }
    }

    private func take(_ event: FolderWatch.Event) {
        guard let folder = folder(event.watch) else { return }
        if event.has(UInt32(IN_IGNORED | IN_MOVE_SELF | IN_UNMOUNT)) {
            for step in folder.steps { step.root.isStale = true }
            let tops = folder.nodes.filter { $0.parent == nil }
            for top in tops { top.root.isStale = true }
            if !event.has(UInt32(IN_IGNORED)) { return }
            // The directory is gone, and its watch with it. Its inode's number may be another's soon.
            folder.steps = []
            folder.nodes = []
            hasUnused = true
            for top in tops {
                top.root.top = nil
                drop(top)
            }
            return
        }
        if event.name.isEmpty { return }
        for step in folder.steps where isName(event.name, step.name) {
            if event.has(UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) {
                step.root.isStale = true
            }
            if step.isFile, !event.has(UInt32(IN_DELETE | IN_MOVED_FROM)) {
                step.root.note([], isClosing: event.has(UInt32(IN_CLOSE_WRITE)))
            }
        }
        if folder.nodes.isEmpty { return }
        let name = Array(event.name)
        // A copy: what happens may change the folder.
        for node in folder.nodes {
            if event.has(UInt32(IN_ISDIR)) {
                if event.has(UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) {
                    refresh(name, in: node)
                }
                continue
            }
            let path = node.path(of: name)
            if !node.root.filter.accepts(path) { continue }
            node.hasFiles = true
            node.root.note(path, isClosing: event.has(UInt32(IN_CLOSE_WRITE)))
        }
    }

    // MARK: Watches

    func add(_ directory: borrowing FileDescriptor, _ events: UInt32) throws(SystemError) -> Int32 {
        try inotify.add(directory, events: events)
    }

    /// Where a watch is in the list, or should be.
    private func place(of watch: Int32) -> Int {
        firstIndex(in: folders.count) { folders[$0].watch < watch }
    }

    func folder(_ watch: Int32) -> WatchedFolder? {
        let place = place(of: watch)
        return place < folders.count && folders[place].watch == watch ? folders[place] : nil
    }

    func folder(adding watch: Int32) -> WatchedFolder {
        let place = place(of: watch)
        if place < folders.count, folders[place].watch == watch { return folders[place] }
        let folder = WatchedFolder(watch)
        folders.insert(folder, at: place)
        return folder
    }

    func releaseIfUnused(_ folder: WatchedFolder) {
        if !folder.isUnused { return }
        inotify.remove(folder.watch)
        hasUnused = true
    }

    /// Takes what is watched no more out of the list, all at once.
    func sweep() {
        if !hasUnused { return }
        folders.removeAll { $0.isUnused }
        hasUnused = false
    }

    /// Something can't be watched: the end of what has not begun, unless it is only a directory among others.
    func note(_ error: SystemError, _ name: [UInt8], isPart: Bool) {
        // It has gone meanwhile, or is something else.
        if error.code == ENOENT || error.code == ENOTDIR || error.code == ELOOP { return }
        let isFull = error.code == ENOSPC
        let failure = isFull ? limitFailure(error) : CommandFailure(concat("watch ", quoted(name)), error)
        if problem != nil { return }
        if isBegun || (isPart && !isFull) { printError(failure.text) } else { problem = failure }
    }
}

/// Says which limit of inotify(7) is reached and how to raise it.
private func limitFailure(_ error: SystemError) -> CommandFailure {
    let name: String
    switch error.code {
    case ENOSPC: name = "max_user_watches"
    case EMFILE: name = "max_user_instances"
    default: return CommandFailure("watch", error)
    }
    var value = "used up"
    if let bytes = processFile(concat("sys/fs/inotify/", name), limit: 32) {
        value = concat("now ", String(decoding: bytes.dropLast(), as: UTF8.self))
    }
    return CommandFailure(
        ExitStatus.failed,
        concat(
            "watch: ", error.reason, ": the limit fs.inotify.", name, " (", value,
            ") is reached; raise it with 'sysctl fs.inotify.", name, "=NUMBER', or watch less"))
}

private func isName(_ bytes: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
    bytes.count == name.count
        && name.withUnsafeBytes { memcmp($0.baseAddress!, bytes.baseAddress!, $0.count) } == 0
}
