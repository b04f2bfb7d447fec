import CSystem
import KeeperShared

/// Prints what happened to sessions, and what happens.
func runEvents(_ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.sessionIDs()
    let follows = context.arguments.flag("follow")
    let since = try moment("since", context.arguments, Timestamp.now()) ?? Int64.min
    let batch = EventBatch(since: since, isJSON: context.arguments.flag("json"))
    let opened = follows ? try context.makeDirectory() : try context.openDirectory()
    guard let directory = opened else {
        for id in ids { throw CommandFailure.noSession(id, in: try context.directoryPath()) }
        return ExitStatus.done
    }
    do throws(SystemError) {
        let feed = try EventFeed(directory.descriptor, ids, batch)
        if follows { return try feed.follow(to: context.output) }
        try feed.refresh()
        batch.write(to: context.output)
        var status = ExitStatus.done
        for id in ids where !feed.knows(id) {
            printError(CommandFailure.noSession(id, in: directory.path).text)
            status = ExitStatus.noSession
        }
        return status
    } catch {
        throw CommandFailure("events", error)
    }
}

/// Brings together the events of the sessions in a directory.
private final class EventFeed {
    /// A folder that has been read to its end, or is being followed.
    private struct Known {
        let id: SessionID
        let folder: FileMetadata
    }

    private let directory: FileDescriptor
    /// Empty for all.
    private let ids: [SessionID]
    private let batch: EventBatch
    /// In the order of their ids.
    private var known: [Known] = []
    /// Of sessions that live, or have died without its having been recorded.
    private var tails: [EventTail] = []
    private var changes: FolderWatch?

    init(
        _ directory: borrowing FileDescriptor, _ ids: [SessionID], _ batch: EventBatch
    ) throws(SystemError) {
        self.directory = try directory.duplicate()
        self.ids = ids
        self.batch = batch
    }

    func knows(_ id: SessionID) -> Bool { known.contains { $0.id == id } }

    /// Prints what there is and what comes, until nobody reads it.
    func follow(to output: StandardOutput) throws(SystemError) -> Int32 {
        let target = try OutputTarget(STDOUT_FILENO, waiting: true)
        // Before the first look, so that nothing is missed between the two.
        changes = FolderWatch.open(directory, deletions: true)
        try refresh()
        let set = PollSet()
        while true {
            batch.write(to: output)
            set.clear()
            target.waitForHangUp(in: set)
            // Where the kernel won't tell, look.
            var isPolling = tails.contains { $0.watch < 0 }
            switch changes {
            case .some(let watch): set.add(watch.descriptor, .input)
            case .none: isPolling = true
            }
            if isPolling { set.limit(milliseconds: 1000) }
            try set.wait()
            if target.readerHasGone(in: set) { return 128 + SIGPIPE }
            try turn()
        }
    }

    private func turn() throws(SystemError) {
        var needsRefresh = false
        var changed: [Int32] = [-1]
        switch changes {
        case .some(let watch):
            let folder = watch.first
            watch.drain { event in
                if event.watch == folder || event.isOverflow {
                    needsRefresh = true
                } else if changed.last != event.watch {
                    changed.append(event.watch)
                }
                if event.isOverflow { changed += tails.map { $0.watch } }
            }
        case .none: needsRefresh = true
        }
        for tail in tails where changed.contains(tail.watch) { tail.read(into: batch) }
        if needsRefresh { try refresh() }
    }

    /// Finds new sessions, and lets go of those that are over.
    func refresh() throws(SystemError) {
        let census = try Census(of: directory, [.sidecar, .folder])
        var found: [Known] = []
        var next = 0
        for index in census.indices where census.traces(index).contains(.folder) {
            let id = census.id(index)
            if !ids.isEmpty && !ids.contains(where: { $0 == id }) { continue }
            let name = SessionNames(id).folder
            guard let metadata = try directory.metadata(of: name), metadata.isDirectory else { continue }
            while next < known.count, known[next].id < id { next += 1 }
            let isSame =
                next < known.count && known[next].id == id && known[next].folder.isSameFile(as: metadata)
            found.append(Known(id: id, folder: metadata))
            let hasSidecar = census.traces(index).contains(.sidecar)
            if isSame && hasSidecar { continue }
            // The end of a session, or of the one before it.
            finish(id)
            if !isSame { begin(id, name, staysOpen: hasSidecar) }
        }
        known = found
    }

    private func begin(_ id: SessionID, _ name: String, staysOpen: Bool) {
        guard let folder = try? directory.openDirectory(name) else { return }
        let tail = EventTail(id, folder: folder)
        switch changes {
        case .some(let watch): if staysOpen { tail.watch(with: watch) }
        case .none: break
        }
        tail.read(into: batch)
        if staysOpen { tails.append(tail) }
    }

    private func finish(_ id: SessionID) {
        guard let index = tails.firstIndex(where: { $0.id == id }) else { return }
        let tail = tails.remove(at: index)
        tail.read(into: batch)
        switch changes {
        case .some(let watch): if tail.watch >= 0 { watch.remove(tail.watch) }
        case .none: break
        }
    }
}
