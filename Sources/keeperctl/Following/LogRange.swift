import KeeperShared

/// Which part of a session's output is asked for.
final class LogRange {
    /// Lines from the end.
    private let tail: Int?
    /// Unix times in ns.
    private let since: Int64?
    private let until: Int64?
    private let from: Argument?
    private let before: Argument?
    /// What lines must have in them; empty for all lines.
    private let text: [UInt8]
    /// Lines from the start.
    private let head: Int?
    private let follows: Bool

    /// - Parameter since: Unix time in ns, as `until`.
    init(
        tail: Int? = nil, since: Int64? = nil, until: Int64? = nil, from: Argument? = nil,
        before: Argument? = nil, head: Int? = nil, text: [UInt8] = [], follows: Bool = false
    ) {
        self.tail = tail
        self.since = since
        self.until = until
        self.from = from
        self.before = before
        self.head = head
        self.text = text
        self.follows = follows
    }

    /// Where to go on in both streams, if that was asked for.
    var cursor: Cursor? { from.flatMap { Cursor($0.bytes) } }

    /// Which lines of one session are wanted; nil for all.
    var selection: LineSelection? {
        text.isEmpty && head == nil ? nil : LineSelection(containing: text, first: head ?? Int.max)
    }

    /// Sets where the streams of one session start and stop.
    ///
    /// - Returns: false when a cursor is of another session: they start at their oldest output, and stop there if it
    ///   says where to stop.
    func apply(
        to streams: [FollowedStream], in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        var isRight = true
        if let from {
            for stream in streams {
                let position = position(from, of: stream.name, in: folder)
                isRight = isRight && position != nil
                stream.position = position ?? 0
            }
        }
        if tail == nil, since == nil, until == nil, before == nil { return isRight }
        var ends: [LogEnd] = []
        for stream in streams {
            let timeline = try JournalTimeline(stream.name, in: folder)
            if from == nil { stream.position = timeline.start }
            var end = timeline.end
            if let since { stream.position = try timeline.start(since: since, in: folder) }
            if let until { end = try timeline.end(until: until, in: folder) }
            if let before {
                let position = position(before, of: stream.name, in: folder)
                isRight = isRight && position != nil
                end = min(end, position ?? timeline.start)
            }
            if !follows { stream.limit = end }
            ends.append(LogEnd(stream, timeline, to: end, text.isEmpty ? nil : selection))
        }
        if let tail { try goBack(tail, ends, in: folder) }
        return isRight
    }

    /// What a place means for one stream; nil when it is a cursor of another session.
    private func position(
        _ place: Argument, of stream: StreamName, in folder: borrowing FileDescriptor
    ) -> Int? {
        guard let cursor = Cursor(place.bytes) else { return decimal(place.bytes) ?? 0 }
        if let status = SessionStatus.read(in: folder), !equalUTF8(status.instance, cursor.instance) {
            return nil
        }
        return cursor.position(of: stream)
    }

    /// What to say when ``apply(to:in:)`` returned false.
    static let otherSession: StaticString = "the cursor is of another session under this ID"
}

/// One stream's lines, counted back from the end.
private final class LogEnd {
    private let stream: FollowedStream
    private let timeline: JournalTimeline
    private let finder: LineFinder
    /// Nil when all lines count.
    private let selection: LineSelection?
    /// Where the lines begin that were taken, and those after them that don't count.
    private var position: Int
    private let end: Int
    /// Where those begin that were looked at.
    private var searched: Int
    /// The starts of lines that count and were not taken, oldest first.
    private var starts: [Int] = []

    init(_ stream: FollowedStream, _ timeline: JournalTimeline, to end: Int, _ selection: LineSelection?) {
        self.stream = stream
        self.timeline = timeline
        self.selection = selection
        finder = LineFinder(stream.name, timeline.segments)
        self.end = max(stream.position, end)
        position = self.end
        searched = position
    }

    /// The stream is to start at the lines that were taken.
    func apply() { stream.position = starts.isEmpty ? searched : position }

    /// The stream is to start at its end: there are none.
    func applyNone() { stream.position = end }

    /// Whether the next line back that counts is known.
    var hasLine: Bool { !starts.isEmpty }

    /// The time of that line, or one before which it came; nil when there is none.
    ///
    /// - Parameter timed: whether it matters.
    func time(timed: Bool, in folder: borrowing FileDescriptor) -> Int64? {
        guard let place = starts.last ?? (searched > stream.position ? searched - 1 : nil) else { return nil }
        return timed ? timeline.time(at: place, in: folder) : 0
    }

    func take() { position = starts.removeLast() }

    /// Looks at some more lines.
    func search(in folder: borrowing FileDescriptor) throws(SystemError) {
        position = searched
        if let selection {
            (searched, starts) = try finder.search(
                selection, before: searched, downTo: stream.position, in: folder)
        } else if let start = try finder.lineStart(before: searched, in: folder), start >= stream.position {
            starts = [start]
            searched = start
        } else {
            searched = stream.position
        }
    }
}

/// Takes the last lines of all streams together, in the order of their times.
private func goBack(_ count: Int, _ ends: [LogEnd], in folder: borrowing FileDescriptor) throws(SystemError) {
    var rest = count
    while rest > 0 {
        var last: (end: LogEnd, time: Int64)?
        for end in ends {
            guard let time = end.time(timed: ends.count > 1, in: folder) else { continue }
            // Among lines of one time those of stdout come first.
            if let last, time < last.time { continue }
            last = (end, time)
        }
        guard let last else { break }
        if last.end.hasLine {
            last.end.take()
            rest -= 1
        } else {
            try last.end.search(in: folder)
        }
    }
    for end in ends { if rest == count { end.applyNone() } else { end.apply() } }
}
