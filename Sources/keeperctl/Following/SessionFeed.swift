import CSystem
import KeeperShared

/// Makes stream events of one session: of its output, line by line, and of its states.
final class SessionFeed: SessionReader {
    /// The random name of the session, once it is known.
    private(set) var instance: String?
    /// All is told.
    private(set) var isThrough = false
    private let id: SessionID
    private let request: StreamRequest
    private let sink: StreamSink
    /// Whether the session began while it was followed: all of its states are told then.
    private let isFresh: Bool
    private let states = SessionStates()
    private let selection: LineSelection?
    /// Nil before it is known that the session is wanted, at rest, and when all is told.
    private var output: OutputEvents?
    /// Where to go on at rest, and until when the end of a line is waited for.
    private var place: StreamEventLines.Place?
    private var restedDeadline = Int64.max

    /// How much is read before other sessions get their turn.
    private static let chunksPerTurn = 16

    init(_ id: SessionID, isFresh: Bool, _ request: StreamRequest, _ sink: StreamSink) {
        self.id = id
        self.isFresh = isFresh
        self.request = request
        self.sink = sink
        selection = request.selection()
    }

    var deadline: Int64 { isThrough ? Int64.max : output?.deadline ?? restedDeadline }

    func receive(_ event: Bytes) { states.take(event) }

    /// Tells figures of the session, if it is being told of.
    func tell(_ type: StaticString, _ data: [UInt8]) throws(FollowFailure) {
        if isThrough { return }
        let time = Timestamp.now().nanoseconds
        if let output { return try output.tell(type, time, data) }
        guard let place else { return }
        do throws(SystemError) {
            try lines.append(type, time: time, nil, place, data, to: &sink.output.waiting)
        } catch {
            throw .output(error)
        }
    }

    func rest() {
        guard let output else { return }
        restedDeadline = output.deadline
        place = output.place
        self.output = nil
    }

    func giveUp(_ reason: SystemError) throws(FollowFailure) {
        try tellError("unreadable", reason.text)
        close()
    }

    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        let isDue = restedDeadline <= monotonicNow()
        if output == nil {
            if let place { try resume(place, in: folder) } else { try begin(session, in: folder) }
            guard output != nil else {
                isThrough = session.isOver || !request.follows
                return false
            }
        }
        // Asked before reading: what came before the end is then read for certain.
        let isAtEnd = session.isOver || states.isOver || !request.follows
        for _ in 0..<SessionFeed.chunksPerTurn {
            guard let output else { return false }
            if try output.copyChunk(in: folder) {
                try sink.flushIfFull()
                if sink.isFull { return true }
                continue
            }
            let isAtEnd = isAtEnd || output.isFull
            try output.release(until: isDue ? Int64.max : monotonicNow(), in: folder)
            if isAtEnd { try output.tellRest(request.follows ? states.ends : nil, in: folder) }
            while let change = states.next(until: Int64.max) { try tell(change) }
            if isAtEnd {
                try tell(lastChange(isGone: session.isOver, in: folder))
                close()
            }
            return false
        }
        return true
    }

    private func tell(_ change: SessionStates.Change) throws(FollowFailure) {
        try output?.tell("status", change.time, change.data)
    }

    /// - Parameter code: for programs.
    private func tellError(_ code: StaticString, _ message: String) throws(FollowFailure) {
        sink.hasFailed = true
        try tell("error", errorData(code, message))
    }

    private var lines: StreamEventLines { StreamEventLines(id, instance: instance ?? "") }

    // MARK: The session's life

    /// Starts to tell of the session, if it is known and wanted by now.
    private func begin(
        _ session: FollowedSession, in folder: borrowing FileDescriptor
    ) throws(FollowFailure) {
        if instance != nil && !states.hasNewLabels { return }
        if session.isStarting && states.instance == nil { return }
        states.hasNewLabels = false
        let status = SessionStatus.read(in: folder)
        guard let instance = status?.instance ?? states.instance else { return }
        self.instance = instance
        if !request.places.chooses(status) { return }
        var place = StreamEventLines.Place(stdout: 0, stderr: 0)
        let starts = streams(at: place)
        let isRight = try reading(
            try request.places.place(starts, of: id, instance, isFresh: isFresh, in: folder, &place))
        try open(starts, place, in: folder)
        if !isRight { try tellError("otherSession", "\(LogRange.otherSession)") }
        if isFresh { return }
        // What was before is for those who ask for events.
        guard let present = states.present ?? status.map({ SessionFeed.change(of: $0) }) else { return }
        states.begin(with: present)
        // The end comes after all else.
        if request.follows && !present.state.isFinal { try tell(present) }
    }

    /// Goes on after a rest.
    private func resume(
        _ place: StreamEventLines.Place, in folder: borrowing FileDescriptor
    ) throws(FollowFailure) {
        try open(streams(at: place), place, in: folder)
        restedDeadline = Int64.max
    }

    private func streams(at place: StreamEventLines.Place) -> [FollowedStream] {
        request.streams.map { name in
            let stream = FollowedStream(name, to: sink.output)
            stream.position = place.position(of: name)
            return stream
        }
    }

    private func open(
        _ streams: [FollowedStream], _ place: StreamEventLines.Place, in folder: borrowing FileDescriptor
    ) throws(FollowFailure) {
        output = try reading(
            try OutputEvents(
                lines, streams, place, follows: request.follows, selection, states, sink, in: folder))
    }

    private static func change(of status: SessionStatus) -> SessionStates.Change {
        SessionStates.Change(
            status.state, status.exit?.end, status.exit?.at.nanoseconds ?? Timestamp.now().nanoseconds)
    }

    /// What to tell when all else is told.
    private func lastChange(isGone: Bool, in folder: borrowing FileDescriptor) -> SessionStates.Change {
        let told = states.present
        if let told, told.state.isFinal { return told }
        // A full disk may have taken the status and not the event.
        let status = SessionStatus.read(in: folder)
        if let present = status.map({ SessionFeed.change(of: $0) }) ?? told, present.state.isFinal || !isGone
        {
            return present
        }
        // With its files gone it has removed them at its end.
        return SessionStates.Change(status == nil ? .exited : .lost, nil, Timestamp.now().nanoseconds)
    }

    private func close() {
        isThrough = true
        output = nil
        place = nil
    }
}

/// What an error event says.
///
/// - Parameter code: for programs.
func errorData(_ code: StaticString, _ message: String) -> [UInt8] {
    jsonObject { json in
        json.member("code", text: code)
        json.member("message", message)
    }
}
