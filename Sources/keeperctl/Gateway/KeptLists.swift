import CSystem
import KeeperShared

/// Lists of sessions that were asked for, kept for as long as nothing has changed.
///
/// Nothing is done as long as nobody asks: the kernel collects what happens in the directory, and only the next question
/// looks at it.
final class KeptLists {
    private let path: String
    private let make: ([String]) throws(CommandFailure) -> [UInt8]
    private var kept: [(line: [String], list: [UInt8])] = []
    private var watch: FolderWatch?
    private var root: Int32 = -1
    private var lastChange = Int64.min

    /// As many different questions are remembered.
    private static let most = 4
    /// What is asked for so soon after a change, in ns, is looked at once more: a keeper that ends closes its files a
    /// moment before it gives up their locks.
    private static let settlingTime: Int64 = .milliseconds(200)
    /// A status is replaced, sidecars come and go, and a keeper's end, whatever it is, closes its own.
    private static let events = UInt32(
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB)
    private static let folderEvents = UInt32(IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE)

    /// - Parameter path: of the sessions directory.
    /// - Parameter make: looks, and returns a line of JSON for each session.
    init(of path: String, _ make: @escaping ([String]) throws(CommandFailure) -> [UInt8]) {
        self.path = path
        self.make = make
    }

    /// What `ls` with these arguments prints, as a JSON array.
    func list(_ line: [String]) throws(CommandFailure) -> [UInt8] {
        let hasChanged = hasChanged()
        if hasChanged { kept = [] }
        for entry in kept where entry.line == line { return entry.list }
        let list = jsonArray(ofLines: try make(line))
        let isSettled = monotonicNow() - KeptLists.settlingTime > lastChange
        if isSettled, watch != nil, !KeptLists.namesForeign(list) {
            if kept.count == KeptLists.most { kept.removeFirst() }
            kept.append((line, list))
        }
        return list
    }

    /// Whether something may be different from the last time.
    private func hasChanged() -> Bool {
        if watch == nil {
            begin()
            lastChange = monotonicNow()
            return true
        }
        var isLost = false
        var hasChanged = false
        var folders: [String] = []
        switch watch {
        case .some(let watch):
            watch.drain { event in
                hasChanged = true
                isLost = isLost || event.isOverflow || (event.watch == root && event.has(UInt32(IN_IGNORED)))
                if event.watch == root, event.has(UInt32(IN_ISDIR)),
                    event.has(UInt32(IN_CREATE | IN_MOVED_TO))
                {
                    folders.append(String(decoding: event.name, as: UTF8.self))
                }
            }
        case .none: break
        }
        if isLost { watch = nil }
        for folder in folders { add(folder) }
        if hasChanged { lastChange = monotonicNow() }
        return hasChanged
    }

    /// Watches the directory and the folders of its sessions. Without enough watches nothing is kept.
    private func begin() {
        do throws(SystemError) {
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            let watch = try FolderWatch()
            root = try watch.add(directory, events: KeptLists.events)
            self.watch = watch
            var folders: [String] = []
            try directory.forEachEntry { name, isDirectory in if isDirectory { folders.append(name) } }
            for folder in folders { add(folder) }
        } catch {
            watch = nil
        }
    }

    /// Watches a folder, if it is a session's.
    private func add(_ name: String) {
        if !name.utf8.suffix(2).elementsEqual(".d".utf8) { return }
        guard let watch else { return }
        do throws(SystemError) {
            let folder = try FileDescriptor.open(concat(path, "/", name), O_PATH | O_DIRECTORY)
            _ = try watch.add(folder, events: KeptLists.folderEvents)
        } catch {
            // One that is gone already needs no watch.
            if error.code != ENOENT { self.watch = nil }
        }
    }

    /// Whether there may be sessions of another make, about whose end no file tells.
    private static func namesForeign(_ list: [UInt8]) -> Bool {
        let word = Array("\"foreign\"".utf8)
        return list.withUnsafeBytes { bytes in
            word.withUnsafeBytes {
                memmem(bytes.baseAddress!, bytes.count, $0.baseAddress!, $0.count) != nil
            }
        }
    }
}
