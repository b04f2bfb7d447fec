import CSystem
import KeeperShared

/// Makes events of sessions that are there, and of those that come.
final class FollowEvents: FollowPurpose {
    private let request: FollowRequest
    private let sink: StreamSink
    private var sampler: SessionSampler?
    /// When to tell figures, on the monotonic clock.
    private var deadline = Int64.max

    init(
        _ directory: borrowing FileDescriptor, _ request: FollowRequest, _ sink: StreamSink
    ) throws(SystemError) {
        self.request = request
        self.sink = sink
        guard let interval = request.metricsInterval else { return }
        let sampler = try SessionSampler(directory, ids: request.ids, [.memory, .descriptors, .transfer])
        // A share of a processor needs two looks.
        try sampler.sample()
        deadline = monotonicNow() + interval
        self.sampler = sampler
    }

    /// Goes on in the session before the present one, if the cursor is of that one.
    func resume(_ resumption: FollowRequest.Resumption, _ roster: SessionRoster) throws(SystemError) {
        let names = SessionNames(resumption.id)
        let present = SessionStatus.read(names.folder, in: roster.directory)
        let instance = resumption.cursor.instance
        if let present, equalUTF8(present.instance, instance) { return }
        if let before = SessionStatus.read(names.previousFolder, in: roster.directory),
            equalUTF8(before.instance, instance)
        {
            roster.add(
                try FollowedSession(
                    names.id, roster.directory.openDirectory(names.previousFolder),
                    SessionFeed(names.id, isFresh: false, request.stream, sink), isOver: true))
            request.noteSuccessor(of: names.id)
        } else if present == nil {
            let cursor = resumption.cursor
            try StreamEventLines(names.id, instance: instance).append(
                "error", time: Timestamp.now().nanoseconds, nil,
                StreamEventLines.Place(stdout: cursor.stdout, stderr: cursor.stderr),
                errorData("noSession", "the session of the cursor is gone, with its output"),
                to: &sink.output.waiting)
        }
    }

    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) -> (any SessionReader)? {
        // Of all sessions those that live, and those that a cursor is of.
        if isOver && !isFresh && request.ids.isEmpty && request.cursor(of: id) == nil { return nil }
        return SessionFeed(id, isFresh: isFresh || request.hasSuccessor(id), request.stream, sink)
    }

    func flush(_ roster: SessionRoster) throws(FollowFailure) -> Bool {
        if monotonicNow() >= deadline { try tellFigures(roster) }
        try sink.flush()
        return true
    }

    var isFull: Bool { sink.isFull }

    func prepare(_ set: PollSet) {
        if deadline != Int64.max { set.limit(deadline: deadline) }
    }

    private func tellFigures(_ roster: SessionRoster) throws(FollowFailure) {
        guard let sampler, let interval = request.metricsInterval else { return }
        try reading(try sampler.sample())
        deadline = monotonicNow() + interval
        for sample in sampler.sessions {
            guard let instance = sample.instance else { continue }
            for session in roster.sessions(of: sample.id) {
                guard let feed = session.reader as? SessionFeed, let own = feed.instance,
                    equalUTF8(own, instance)
                else { continue }
                try feed.tell("metrics", jsonObject { appendUsage(&$0, sample.cpuPermille, sample.usage) })
            }
        }
    }
}
