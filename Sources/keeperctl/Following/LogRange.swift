import KeeperShared

/// Which part of a session's output is asked for.
final class LogRange {
    /// Lines from the end.
    private let tail: Int?
    /// Unix times in ns.
    private let since: Int64?
    private let until: Int64?
    private let from: Argument?
    private let follows: Bool

    /// - Parameter since: Unix time in ns, as `until`.
    init(
        tail: Int? = nil, since: Int64? = nil, until: Int64? = nil, from: Argument? = nil,
        follows: Bool = false
    ) {
        self.tail = tail
        self.since = since
        self.until = until
        self.from = from
        self.follows = follows
    }

    /// Where to go on in both streams, if that was asked for.
    var cursor: Cursor? { from.flatMap { Cursor($0.bytes) } }

    /// Sets where the streams of one session start and stop.
    ///
    /// - Returns: false when the cursor is of another session, and they start at their oldest output.
    func apply(
        to streams: [FollowedStream], in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        if tail == nil, since == nil, until == nil {
            if let from { return start(streams, at: from, in: folder) }
            return true
        }
        var ends: [LogEnd] = []
        for stream in streams {
            let timeline = try JournalTimeline(stream.name, in: folder)
            stream.position = timeline.start
            var end = timeline.end
            if let since { stream.position = try timeline.start(since: since, in: folder) }
            if let until { end = try timeline.end(until: until, in: folder) }
            if !follows { stream.limit = end }
            ends.append(LogEnd(stream, timeline, to: end))
        }
        if let tail { try goBack(tail, ends, in: folder) }
        if let from { return start(streams, at: from, in: folder) }
        return true
    }

    private func start(
        _ streams: [FollowedStream], at from: Argument, in folder: borrowing FileDescriptor
    ) -> Bool {
        guard let cursor = Cursor(from.bytes) else {
            streams[0].position = decimal(from.bytes) ?? 0
            return true
        }
        if let status = SessionStatus.read(in: folder), !equalUTF8(status.instance, cursor.instance) {
            return false
        }
        for stream in streams { stream.position = cursor.position(of: stream.name) }
        return true
    }

    /// What to say when ``apply(to:in:)`` returned false.
    static let otherSession: StaticString =
        "the cursor is of another session under this ID; starting with this one's oldest output"
}

/// One stream's lines, counted back from the end.
private final class LogEnd {
    private let stream: FollowedStream
    private let timeline: JournalTimeline
    private let finder: LineFinder
    /// Where the lines that were taken begin.
    private var position: Int
    private var isLooked = false
    private var next: (start: Int, time: Int64)?

    init(_ stream: FollowedStream, _ timeline: JournalTimeline, to end: Int) {
        self.stream = stream
        self.timeline = timeline
        finder = LineFinder(stream.name, timeline.segments)
        position = max(stream.position, end)
    }

    /// The stream is to start at the lines that were taken.
    func apply() { stream.position = position }

    /// The line before those that were taken, and its time if that matters; nil when there is none.
    func peek(timed: Bool, in folder: borrowing FileDescriptor) throws(SystemError) -> Int64? {
        if !isLooked {
            isLooked = true
            next = nil
            if position > stream.position,
                let start = try finder.lineStart(before: position, in: folder), start >= stream.position
            {
                next = (start, timed ? timeline.time(at: start, in: folder) : 0)
            }
        }
        return next?.time
    }

    func take() {
        if let next { position = next.start }
        isLooked = false
    }
}

/// Takes the last lines of all streams together, in the order of their times.
private func goBack(_ count: Int, _ ends: [LogEnd], in folder: borrowing FileDescriptor) throws(SystemError) {
    var rest = count
    while rest > 0 {
        var last: (end: LogEnd, time: Int64)?
        for end in ends {
            guard let time = try end.peek(timed: ends.count > 1, in: folder) else { continue }
            // Among lines of one time those of stdout come first.
            if let last, time < last.time { continue }
            last = (end, time)
        }
        guard let last else { break }
        last.end.take()
        rest -= 1
    }
    for end in ends { end.apply() }
}
