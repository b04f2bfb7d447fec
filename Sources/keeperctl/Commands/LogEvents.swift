import CSystem
import KeeperShared

/// `logs --json`: tells what sessions have written, as stream events.
func runLogEvents(_ context: Context) throws(CommandFailure) -> Int32 {
    let range = try LogRange(context)
    let request = StreamRequest(
        streams: context.arguments[LogsOptions.stderr] ? [.stderr] : [.stdout, .stderr],
        follows: context.arguments[LogsOptions.follow], places: LogPlaces(range))
    let isOfPrevious = context.arguments[LogsOptions.previous]
    let ids = try context.distinctSessionIDs()
    let directory = try context.directory(of: ids[0])
    let sink: StreamSink
    let roster: SessionRoster
    do throws(SystemError) {
        sink = try StreamSink()
        roster = try SessionRoster(directory.descriptor, ids, LogEvents(sink))
    } catch {
        throw CommandFailure("logs", error)
    }
    if request.follows { roster.watchAdded() }
    // All must be there before anything is printed.
    var last: FollowedSession?
    for id in ids {
        let names = SessionNames(id)
        let folder = try openFolder(names, isOfPrevious: isOfPrevious, in: directory)
        // One that can't be looked at can't be read either.
        if (try? folder.metadata(of: SessionNames.status)) == nil {
            throw CommandFailure(
                ExitStatus.failed,
                concat("logs of ", id.string, ": it has no status, and so no events; leave out --json"))
        }
        do throws(SystemError) {
            let session = try FollowedSession(
                id, folder, SessionFeed(id, isFresh: false, request, sink), isOver: isOfPrevious)
            // Without --follow one after the other.
            roster.add(session, after: request.follows ? nil : last)
            last = session
        } catch {
            throw CommandFailure(concat("logs of ", id.string), error)
        }
    }
    do throws(FollowFailure) {
        try roster.follow([sink.output.target])
    } catch {
        return try error.status("read journal")
    }
    return sink.hasFailed ? ExitStatus.failed : ExitStatus.done
}

private final class LogEvents: FollowPurpose {
    private let sink: StreamSink

    init(_ sink: StreamSink) { self.sink = sink }

    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) -> (any SessionReader)? { nil }

    func report(_ id: SessionID, _ error: SystemError) { sink.report(id, error) }

    func flush(_ roster: SessionRoster) throws(FollowFailure) -> Bool {
        try sink.flush()
        return !roster.isEmpty
    }

    func prepare(_ set: PollSet) {}
}

/// Where `logs` starts and stops.
private final class LogPlaces: StreamPlaces {
    private let range: LogRange

    init(_ range: LogRange) { self.range = range }

    func chooses(_ status: SessionStatus?) -> Bool { true }

    func place(
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
