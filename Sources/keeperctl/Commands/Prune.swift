import CSystem
import KeeperShared

let pruneCommand = Command("prune", run: runPrune) {
    CommandSpec(
        $0, summary: "Remove the files of ended sessions",
        description: [
            "Removes journals, events, status and logs of sessions that have ended, and logs of sessions that "
                + "left nothing else; never anything of a live one. Prints each ID and the bytes it freed."
        ],
        groups: [
            OptionGroup("Options", [PruneOptions.older, PruneOptions.keep, PruneOptions.dryRun])
        ],
        examples: [
            ExampleSpec("keeperctl prune --older 7d", "Removes what ended more than a week ago."),
            ExampleSpec(
                "keeperctl prune --keep 20 --dry-run", "Shows what could go if the last twenty stay."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "Something could not be removed."),
            ExitStatusSpec("5", "Another process is busy with a session."),
        ])
}

/// The options of `prune`.
enum PruneOptions {
    static let older: Option<Int64> = Option(
        "older", .duration, "DURATION", help: "Only those that ended longer ago than this")
    static let keep: Option<Int> = Option(
        "keep", .integer(min: 0, max: 1_000_000), "N", help: "Keep this many of those that ended last")
    static let dryRun = Flag("dry-run", help: "Print what would be removed, and remove nothing")
}

/// Removes the files of sessions that have ended.
func runPrune(_ context: Context) throws(CommandFailure) -> Int32 {
    guard let directory = try context.openDirectory() else { return ExitStatus.done }
    let isDry = context.arguments[PruneOptions.dryRun]
    var remains: [Remains] = []
    do throws(SystemError) {
        let census = try Census(of: directory.descriptor, [.sidecar, .folder, .previousFolder, .log])
        for index in census.indices where !census.traces(index).contains(.sidecar) {
            if let found = try Remains(census.id(index), in: directory.descriptor) { remains.append(found) }
        }
    } catch {
        throw CommandFailure(directory.text, error)
    }
    choose(&remains, context.arguments)

    let failures = FailureRecord()
    var sum = 0
    for found in remains {
        do throws(SystemError) {
            if isDry {
                sum += found.size
            } else {
                guard let lock = try IDLock.take(found.names.id, in: directory.descriptor) else {
                    let text = concat(found.names.id.string, ": another process is busy with it")
                    failures.add(CommandFailure(ExitStatus.conflict, text))
                    continue
                }
                guard let freed = try found.remove(in: directory.descriptor, holding: lock) else { continue }
                sum += freed
            }
            context.output.write(concat(found.names.id.string, " ", String(found.size), "\n"))
        } catch {
            failures.add(CommandFailure(concat("can't remove ", found.names.id.string), error))
        }
    }
    context.output.flush()
    if !remains.isEmpty {
        printError(concat(isDry ? "would free " : "freed ", String(sum), " bytes"))
    }
    return failures.status
}

/// Leaves those that the options name, in the order of their ids.
private func choose(_ remains: inout [Remains], _ arguments: ParsedArguments) {
    if let count = arguments[PruneOptions.keep] {
        // What is only a log counts for nothing.
        var keys: [SortKey] = []
        for (index, found) in remains.enumerated() where found.hasFolder {
            keys.append(SortKey(-found.endedAt, index))
        }
        SortKey.sort(&keys)
        for key in keys.prefix(count) { remains[key.index].isKept = true }
        remains.removeAll { $0.isKept }
    }
    if let age = arguments[PruneOptions.older] {
        let last = Timestamp.now().nanoseconds - age
        remains.removeAll { $0.endedAt > last }
    }
}

/// What a session that has ended has left.
private struct Remains {
    let names: SessionNames
    /// When it ended, in ns since 1970; as its files tell when it could not say so itself.
    private(set) var endedAt: Int64 = 0
    private(set) var hasFolder = false
    private(set) var size = 0
    var isKept = false
    /// The folder's file, which tells one session under an id from the next.
    private var folder: FileMetadata?
    /// All that is there, in the order in which it is removed.
    private var folders: [String] = []
    private var files: [String] = []

    /// Looks at the names of an id; nil when there is nothing to be removed.
    init?(_ id: SessionID, in directory: borrowing FileDescriptor) throws(SystemError) {
        names = SessionNames(id)
        folder = try directory.metadata(of: names.folder)
        for name in [names.previousFolder, names.folder] {
            // What else ends in `.d` is not ours.
            guard let bytes = try Remains.size(of: name, in: directory) else { continue }
            size += bytes
            folders.append(name)
            hasFolder = true
        }
        for name in [names.log, names.launchLog] {
            guard let file = try directory.metadata(of: name), file.isRegular else { continue }
            size += file.size
            files.append(name)
            endedAt = max(endedAt, .seconds(Int64(file.modified)))
        }
        if folders.isEmpty && files.isEmpty { return nil }
        // A keeper that is about to start may have its log already.
        if folders.isEmpty && time(nil) - Int(endedAt / 1_000_000_000) <= Remains.settlingTime { return nil }
        if let status = SessionStatus.read(names.folder, in: directory) {
            endedAt = (status.exit?.at ?? status.keeper.startedAt).nanoseconds
        } else if let folder {
            endedAt = max(endedAt, .seconds(Int64(folder.modified)))
        }
    }

    private static let settlingTime = 10

    /// Bytes in a session's folder; nil when it is none.
    private static func size(of name: String, in directory: borrowing FileDescriptor) throws(SystemError)
        -> Int?
    {
        guard let metadata = try directory.metadata(of: name), metadata.isDirectory else { return nil }
        let folder = try directory.openDirectory(name)
        var entries: [String] = []
        var isOurs = true
        try folder.forEachEntry { entry, isDirectory in
            entries.append(entry)
            if isDirectory || !SessionNames.isInFolder(entry) { isOurs = false }
        }
        if !isOurs && SessionStatus.read(name, in: directory) == nil { return nil }
        var size = 0
        for entry in entries {
            // The second name of a segment.
            if equalUTF8(entry, StreamName.stdout.linkName) || equalUTF8(entry, StreamName.stderr.linkName) {
                continue
            }
            size += try folder.metadata(of: entry)?.size ?? 0
        }
        return size
    }

    /// Removes it all.
    ///
    /// - Returns: the bytes that this freed; nil when the id has a new owner, or had one in between.
    func remove(
        in directory: borrowing FileDescriptor, holding lock: borrowing IDLock
    ) throws(SystemError) -> Int? {
        guard case .nobody = try Ownership.of(names, in: directory) else { return nil }
        let there = try directory.metadata(of: names.folder)
        if let there, let folder {
            if !there.isSameFile(as: folder) { return nil }
        } else if (there == nil) != (folder == nil) {
            return nil
        }
        for name in folders {
            // Out of sight at once. If this is killed, the next start or discover removes the rest.
            if (try? directory.rename(name, to: names.newFolder)) != nil {
                try directory.removeTree(names.newFolder)
            } else {
                try directory.removeTree(name)
            }
        }
        for name in files { try directory.remove(name) }
        return size
    }
}
