import CSystem
import KeeperShared

/// `logs --json`: tells what sessions have written, as stream events.
final class LogEvents: LogPurpose {
    private let request: StreamRequest
    private let sink: StreamSink

    init(_ context: Context) throws(CommandFailure) {
        let range = try LogRange(context)
        request = StreamRequest(
            streams: context.arguments[LogsOptions.stderr] ? [.stderr] : [.stdout, .stderr],
            follows: context.arguments[LogsOptions.follow], places: LogPlaces(range),
            selection: { range.selection })
        sink = try attempt("logs", try StreamSink())
    }

    var targets: [OutputTarget] { sink.targets }

    var hasFailed: Bool { sink.hasFailed }

    func reader(
        _ number: Int, _ id: SessionID, in folder: borrowing FileDescriptor
    ) throws(CommandFailure) -> any SessionReader {
        // One that can't be looked at can't be read either.
        if (try? folder.metadata(of: SessionNames.status)) == nil {
            throw CommandFailure(
                ExitStatus.failed,
                concat("logs of ", id.string, ": it has no status, and so no events; leave out --json"))
        }
        return SessionFeed(id, isFresh: false, request, sink)
    }

    func flush(_ roster: SessionRoster) throws(FollowFailure) -> Bool {
        try sink.flush()
        return !roster.isEmpty
    }
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
