import KeeperShared

/// Events of `follow` on their way to one client: read as fast as the client takes them, and no faster.
final class FollowFeed: HubFollower {
    let roster: SessionRoster
    let figuresInterval: Int64?
    var figuresDue: Int64 = 0
    var isWoken = false
    /// When its client wants to hear of it at the latest, on the monotonic clock.
    var signDue = Int64.max
    /// Called when there is something to take.
    var hasNews: () -> Void = {}
    private let sink: StreamSink
    private let hub: FollowHub
    private let thinner: EventThinner?

    /// What waits for a slow client, in bytes.
    private static let window = 64 << 10

    init(_ choice: FollowChoice, _ hub: FollowHub) throws(HTTPFailure) {
        self.hub = hub
        figuresInterval = choice.metrics
        thinner = choice.isThin ? EventThinner() : nil
        sink = StreamSink(window: FollowFeed.window)
        let request = try choice.request()
        let purpose = try serving(try FollowEvents(hub.directory, request, sink))
        do throws(CommandFailure) {
            roster = try SessionRoster("session", hub.directory, request.ids, purpose, changes: hub.changes)
        } catch {
            throw HTTPFailure(503, error.text)
        }
        for resumption in request.resumptions { try serving(try purpose.resume(resumption, roster)) }
        try serving(try roster.watchAll())
        hub.join(self)
    }

    func end() {
        hasNews = {}
        hub.leave(self)
    }

    var deadline: Int64 { min(roster.deadline, thinner?.due ?? Int64.max, signDue) }
    var hasRoom: Bool { !sink.isFull }

    func wake() { hasNews() }

    /// Passes events on, and reads more once all of them are through.
    ///
    /// - Parameter pass: called with each event, a line without its end.
    /// - Parameter hasRoom: whether another one may come.
    /// - Returns: whether there is more that could be taken at once.
    func take(
        while hasRoom: () -> Bool, _ pass: (UnsafeRawBufferPointer) -> Void
    ) throws(FollowFailure) -> Bool {
        isWoken = false
        if sink.output.isEmpty, roster.hasNews || roster.deadline <= monotonicNow() {
            try roster.turn()
        }
        thinner?.release(pass)
        while hasRoom(), let end = lineFeed(in: sink.output.waiting.bytes, from: 0) {
            let event = UnsafeRawBufferPointer(rebasing: sink.output.waiting.bytes[..<end])
            if let thinner { thinner.take(event, pass) } else { pass(event) }
            sink.output.waiting.removeFirst(end + 1)
        }
        // What is left is taken when there is room, and nothing is due before.
        isWoken = !sink.output.isEmpty
        hub.noteDeadline()
        // The roster comes to rest a moment after the last change, and with it the memory.
        if !roster.hasOpen { sink.giveBack() }
        // A full window has stopped the roster in the middle.
        return roster.hasNews || !sink.output.isEmpty
    }
}

extension FollowChoice {
    /// The same as the readers take it.
    func request() throws(HTTPFailure) -> FollowRequest {
        var startsNow = false
        var resumptions: [FollowRequest.Resumption] = []
        if let word = from?.stringValue {
            startsNow = equalUTF8(word, "now")
            if !startsNow && !equalUTF8(word, "oldest") {
                guard ids.count == 1, let cursor = Cursor(Array(word.utf8)) else {
                    throw HTTPFailure(
                        400, "\"from\" must be \"now\", \"oldest\" or an object of cursors by session")
                }
                resumptions.append(FollowRequest.Resumption(id: ids[0], cursor: cursor))
            }
        } else if let from, from.members == nil {
            if case .null = from {
            } else {
                throw HTTPFailure(400, "the field \"from\" must be a string or an object of cursors")
            }
        }
        for member in from?.members ?? [] {
            guard let text = member.value.stringValue, let cursor = Cursor(Array(text.utf8)),
                let id = try? SessionID(bytes: Array(member.name.utf8))
            else {
                throw HTTPFailure(
                    400, concat("\"from\": ", quoted(member.name), " has no cursor INSTANCE:STDOUT:STDERR"))
            }
            // Of a session that is not followed it means nothing.
            if ids.isEmpty || ids.contains(where: { $0 == id }) {
                resumptions.append(FollowRequest.Resumption(id: id, cursor: cursor))
            }
        }
        return FollowRequest(
            ids, labels: label.map { [WantedLabel(Array($0.utf8)[...])] } ?? [], startsNow: startsNow,
            resumptions)
    }
}

/// Runs what may fail for want of something; the caller may try again.
func serving<Result>(_ body: @autoclosure () throws(SystemError) -> Result) throws(HTTPFailure) -> Result {
    do throws(SystemError) { return try body() } catch { throw HTTPFailure(503, error.text) }
}
