import CSystem
import KeeperShared

/// `logs --json`: tells what sessions have written, as stream events.
func runLogEvents(_ context: Context) throws(CommandFailure) -> Int32 {
    let request = try LogEventRequest(context)
    let isOfPrevious = context.arguments.flag("previous")
    let ids = try context.sessionIDs()
    let directory = try context.directory(of: ids[0])
    if ids.count > 1 { _ = raiseDescriptorLimit() }
    let feed: StreamFeed
    do throws(SystemError) {
        feed = try StreamFeed(directory.descriptor, ids, request)
    } catch {
        throw CommandFailure("logs", error)
    }
    if request.follows { feed.watchFolders() }
    // All must be there before anything is printed.
    for id in ids {
        let names = SessionNames(id)
        let folder = try openFolder(names, isOfPrevious: isOfPrevious, in: directory)
        if (try? folder.metadata(of: SessionNames.status)) == nil {
            throw CommandFailure(
                ExitStatus.failed,
                concat("logs of ", id.string, ": it has no status, and so no events; leave out --json"))
        }
        do throws(SystemError) {
            // Without --follow one after the other.
            try feed.add(names, folder, isOver: isOfPrevious, inTurn: !request.follows)
        } catch {
            throw CommandFailure(concat("logs of ", id.string), error)
        }
    }
    do throws(FollowFailure) {
        try feed.follow(feed.sink.output.target)
    } catch {
        return try error.status("read journal")
    }
    return feed.sink.hasFailed ? ExitStatus.failed : ExitStatus.done
}

private final class LogEventRequest: StreamRequest {
    private let range: LogRange

    init(_ context: Context) throws(CommandFailure) {
        range = try LogRange(context)
        super.init(
            context.arguments.flag("stderr") ? [.stderr] : [.stdout, .stderr],
            follows: context.arguments.flag("follow"))
    }

    override func place(
        _ streams: [FollowedStream], of id: SessionID, _ instance: String, isFresh: Bool,
        in folder: borrowing FileDescriptor, _ place: inout StreamEventLines.Place
    ) throws(SystemError) -> Bool {
        let isRight = try range.apply(to: streams, in: folder)
        if isRight, let cursor = range.cursor {
            place = StreamEventLines.Place(stdout: cursor.stdout, stderr: cursor.stderr)
        }
        for stream in streams { place.set(stream.name, stream.position) }
        return isRight
    }
}
