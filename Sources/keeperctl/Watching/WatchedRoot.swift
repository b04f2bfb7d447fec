import CSystem
import KeeperShared

/// A file or a directory that is watched, with all that is in it.
final class WatchedRoot {
    /// As it was named; for messages.
    let name: [UInt8]
    /// From the root of the file system.
    let path: [UInt8]
    let filter: TreeFilter
    /// Only the names in the directory itself, not those further down.
    let isShallow: Bool
    /// Whether the path leads anywhere.
    fileprivate(set) var isPresent = false
    /// The directory that is watched; nil when the path leads to a file, or nowhere.
    var top: TreeNode?
    /// What the path led to when it was followed last.
    fileprivate var target: FileMetadata?
    /// The watches on the names that lead there.
    fileprivate var steps: [Int32] = []
    /// Counts how often the path was followed.
    fileprivate(set) var round = 0
    /// Whether a name on the way has changed.
    var isStale = false
    /// What changed last, below the root, and was not taken yet.
    private var news: [UInt8]?
    /// Whether something has changed that was not settled yet.
    private(set) var isDirty = false
    /// Changes from before this time count no more: ns since 1970.
    private var settledAt = Timestamp.now().nanoseconds

    init(_ name: [UInt8], _ filter: TreeFilter, isShallow: Bool = false) {
        self.name = name
        self.filter = filter
        self.isShallow = isShallow
        path = absolutePath(name)
    }

    /// The name of something below, as it is shown.
    func displayName(of below: [UInt8]) -> [UInt8] { joinedPath(name, below) }

    /// Something has changed.
    ///
    /// - Parameter isClosing: whether a file was only closed that was open for writing. Programs do that without having
    ///   written, and then it is no change; but what is written through memory shows by nothing else.
    func note(_ below: [UInt8], isClosing: Bool = false) {
        if isClosing && !isDirty {
            guard let metadata = fileMetadata(joinedPath(path, below)), metadata.modifiedTime > settledAt
            else { return }
        }
        news = below
        isDirty = true
    }

    /// What has changed since the last time.
    func takeNews() -> [UInt8]? {
        defer { news = nil }
        return news
    }

    /// All changes so far are dealt with.
    func settle() {
        isDirty = false
        settledAt = Timestamp.now().nanoseconds
    }
}

/// A directory of a watched tree.
final class TreeNode {
    let root: WatchedRoot
    /// Empty at the top.
    let name: [UInt8]
    /// Let go of when the node is dropped; the two would keep each other otherwise.
    var parent: TreeNode?
    var children: [TreeNode] = []
    var watch: Int32 = -1
    /// Whether a file that counts was seen in it.
    var hasFiles = false

    init(_ root: WatchedRoot, _ name: [UInt8], parent: TreeNode?) {
        self.root = root
        self.name = name
        self.parent = parent
    }

    /// Below the root; empty at the top.
    var path: [UInt8] {
        guard let parent else { return name }
        return parent.path(of: name)
    }

    /// The path of a name in here.
    func path(of name: [UInt8]) -> [UInt8] {
        joinedPath(path, name)
    }
}

extension TreeWatch {
    private static let slash = UInt8(ascii: "/")
    /// As many as the kernel follows (path_resolution(7)).
    private static let mostLinks = 40
    /// When something moves all the time.
    private static let mostAttempts = 100

    /// Follows a path anew, links included, and watches what may make it lead elsewhere. What was there before and is not
    /// any more counts as a change, and so does what is there now.
    func follow(_ root: WatchedRoot) {
        root.isStale = false
        root.round += 1
        let before = root.steps
        root.steps = []
        var target: FileMetadata?
        for _ in 0..<TreeWatch.mostAttempts {
            target = lookUp(root, isMissing: false)
            if target == nil { target = lookUp(root, isMissing: true) }
            // Something may have moved while it was not watched yet.
            let now = fileMetadata(root.path)
            if let target, let now {
                if target.isSameFile(as: now) { break }
            } else if target == nil && now == nil {
                break
            }
        }
        for watch in before { forgetSteps(of: root, watch) }

        let isSame =
            if let target, let old = root.target {
                target.isSameFile(as: old) && target.isDirectory == (root.top != nil)
            } else {
                target == nil && root.target == nil
            }
        root.target = target
        root.isPresent = target != nil
        if isSame { return }
        if let top = root.top {
            drop(top)
            root.top = nil
        }
        if let target, target.isDirectory {
            let top = TreeNode(root, [], parent: nil)
            root.top = top
            scan(top, isNew: false)
        }
        if root.round > 1 { root.note([]) }
    }

    /// Follows the path once.
    ///
    /// A directory on the way is watched for being moved; that it is removed shows by what was in it. So what else happens
    /// beside it, in `/tmp` say, is no reason to wake up. Only the last name, links, and all names while the path leads
    /// nowhere, are watched for in the directories that hold them.
    ///
    /// - Returns: what the path leads to.
    private func lookUp(_ root: WatchedRoot, isMissing: Bool) -> FileMetadata? {
        var names: [[UInt8]] = []
        TreeWatch.push(root.path, to: &names)
        var links = 0
        do throws(SystemError) {
            var directory = try FileDescriptor.open("/", O_PATH | O_DIRECTORY)
            var target = try directory.metadata()
            while let name = names.popLast() {
                let isLast = names.isEmpty
                if isMissing || isLast {
                    // First watched and then looked at, so that nothing is missed in between.
                    try addStep(of: root, name, in: directory, TreeWatch.nameEvents)
                }
                guard let found = directory.metadata(bytes: name) else { return nil }
                target = found
                if found.isLink {
                    try addStep(of: root, name, in: directory, TreeWatch.nameEvents)
                    links += 1
                    if links > TreeWatch.mostLinks { return nil }
                    let text = directory.link(bytes: name)
                    if text.first == TreeWatch.slash {
                        directory = try FileDescriptor.open("/", O_PATH | O_DIRECTORY)
                    }
                    TreeWatch.push(text, to: &names)
                } else if found.isDirectory {
                    directory = try directory.open(bytes: name, O_PATH | O_DIRECTORY | O_NOFOLLOW)
                    if !isLast { try addStep(of: root, [], in: directory, UInt32(IN_MOVE_SELF)) }
                } else {
                    if !isLast { return nil }
                    // Its directory tells of its changes, whatever an editor replaces it by.
                    try addStep(of: root, name, in: directory, TreeWatch.fileEvents)
                }
            }
            return target
        } catch {
            return nil
        }
    }

    /// Puts the names of a path on the stack, the first on top.
    private static func push(_ path: [UInt8], to names: inout [[UInt8]]) {
        var end = path.count
        while end > 0 {
            var start = end
            while start > 0, path[start - 1] != slash { start -= 1 }
            if end > start, !(end == start + 1 && path[start] == UInt8(ascii: ".")) {
                names.append(Array(path[start..<end]))
            }
            end = start - 1
        }
    }

    /// - Parameter name: what is watched in the directory; empty for itself.
    private func addStep(
        of root: WatchedRoot, _ name: [UInt8], in directory: borrowing FileDescriptor, _ events: UInt32
    ) throws(SystemError) {
        let isFile = events == TreeWatch.fileEvents
        let watch: Int32
        do throws(SystemError) {
            watch = try add(directory, events)
        } catch {
            // A directory on the way that may not be read changes unnoticed.
            if error.code == EACCES && !isFile { return }
            note(error, root.name, isPart: false)
            throw error
        }
        let folder = folder(adding: watch)
        if let step = folder.steps.first(where: { $0.root === root && $0.name == name }) {
            step.round = root.round
            step.isFile = isFile
        } else {
            folder.steps.append(WatchedFolder.Step(root, name, isFile: isFile))
        }
        root.steps.append(watch)
    }

    /// Forgets the way to a root that was not there: it was watched more closely than the new one needs to be.
    func forgetWay(to root: WatchedRoot) {
        root.round += 1
        for watch in root.steps { forgetSteps(of: root, watch) }
        root.steps = []
    }

    /// Forgets what leads nowhere any more.
    private func forgetSteps(of root: WatchedRoot, _ watch: Int32) {
        guard let folder = folder(watch) else { return }
        folder.steps.removeAll { $0.root === root && $0.round != root.round }
        releaseIfUnused(folder)
    }

    // MARK: Trees

    /// Watches a directory of a tree and all in it.
    ///
    /// - Parameter isNew: whether it came into being after the watch began, so that its files are news.
    func scan(_ node: TreeNode, isNew: Bool) {
        let root = node.root
        guard let rootFolder = openPath(root.path) else { return }
        var waiting = [node]
        var news: [UInt8]?
        while let node = waiting.popLast() {
            let path = node.path
            do throws(SystemError) {
                let directory = try rootFolder.openBelow(bytes: path)
                if let hidden, try directory.metadata().isSameFile(as: hidden) { continue }
                node.watch = try add(directory, TreeWatch.fileEvents)
                folder(adding: node.watch).nodes.append(node)
                try directory.forEachRawEntry { name, count, type in
                    let name = Array(UnsafeRawBufferPointer(start: name, count: count))
                    let isDirectory =
                        type == UInt8(DT_DIR)
                        || type == UInt8(DT_UNKNOWN) && directory.metadata(bytes: name)?.isDirectory ?? false
                    if isDirectory ? root.isShallow : node.hasFiles { return }
                    let below = joinedPath(path, name)
                    if isDirectory {
                        if root.filter.skips(below) { return }
                        let child = TreeNode(root, name, parent: node)
                        node.children.append(child)
                        waiting.append(child)
                    } else if root.filter.accepts(below) {
                        node.hasFiles = true
                        if isNew { news = below }
                    }
                }
            } catch {
                note(error, root.displayName(of: path), isPart: !path.isEmpty)
            }
        }
        if let news { root.note(news) }
    }

    /// Looks anew at a directory of a tree that has come, gone or been replaced.
    func refresh(_ name: [UInt8], in parent: TreeNode) {
        let path = parent.path(of: name)
        if let index = parent.children.firstIndex(where: { $0.name == name }) {
            if drop(parent.children.remove(at: index)) { parent.root.note(path) }
        }
        if parent.root.isShallow || parent.root.filter.skips(path) { return }
        let child = TreeNode(parent.root, name, parent: parent)
        scan(child, isNew: true)
        if child.watch >= 0 { parent.children.append(child) } else { child.parent = nil }
    }

    /// Watches a directory and all below no more.
    ///
    /// - Returns: whether there were files in it that count.
    @discardableResult
    func drop(_ node: TreeNode) -> Bool {
        var hadFiles = false
        var waiting = [node]
        while let node = waiting.popLast() {
            if node.hasFiles { hadFiles = true }
            if let folder = folder(node.watch) {
                folder.nodes.removeAll { $0 === node }
                releaseIfUnused(folder)
            }
            waiting += node.children
            node.children = []
            node.parent = nil
        }
        return hadFiles
    }
}
