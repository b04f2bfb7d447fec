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
    let feed: EventFeed
    let target: OutputTarget
    do throws(SystemError) {
        feed = try EventFeed(directory.descriptor, ids, batch, context.output)
        target = try OutputTarget(STDOUT_FILENO, waiting: true)
        if follows { try feed.watchDirectory() } else { try feed.refresh() }
    } catch {
        throw CommandFailure("events", error)
    }
    do throws(FollowFailure) {
        if follows { try feed.follow(target) } else { _ = try feed.turn() }
    } catch {
        return try error.status("events")
    }
    var status = ExitStatus.done
    for id in ids where !feed.knows(id) {
        printError(CommandFailure.noSession(id, in: directory.path).text)
        status = ExitStatus.noSession
    }
    return status
}

/// Brings together the events of the sessions in a directory.
private final class EventFeed: SessionRoster {
    private let batch: EventBatch
    private let output: StandardOutput

    init(
        _ directory: borrowing FileDescriptor, _ ids: [SessionID], _ batch: EventBatch,
        _ output: StandardOutput
    ) throws(SystemError) {
        self.batch = batch
        self.output = output
        try super.init(directory, ids)
    }

    override func makeTail(
        _ id: SessionID, _ folder: consuming FileDescriptor, isOver: Bool
    ) -> EventTail? {
        let tail = BatchTail(id, folder: folder, batch)
        // At once: with thousands of sessions only those that live are worth a descriptor each.
        if isOver { tail.readEvents() }
        return isOver ? nil : tail
    }

    override func flush() { batch.write(to: output) }
}
