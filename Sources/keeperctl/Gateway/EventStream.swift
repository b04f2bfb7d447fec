import KeeperShared

/// Server-sent events of sessions: what `follow` tells, each with an id by which a client goes on after a break.
///
/// An id holds the cursors of the sessions that were told of, the latest first, as far as a head has room for them.
final class EventStream: ResponseStream {
    var connection: GatewayConnection?
    let response: HTTPResponse? = HTTPResponse(type: MediaType.events, fields: ["Cache-Control: no-store"])
    let length = HTTPLength.open
    private let feed: FollowFeed
    private var cursors: [(id: [UInt8], cursor: [UInt8])] = []
    private var hasBegun = false

    /// Bytes of an id.
    private static let longestID = 8 << 10
    /// A comment this often tells both sides that the other one lives.
    private static let signTime: Int64 = .seconds(25)

    init(_ choice: FollowChoice, _ gateway: Gateway) throws(HTTPFailure) {
        feed = try FollowFeed(choice, gateway.hub)
        for resumption in try choice.request().resumptions {
            cursors.append((Array(resumption.id.string.utf8), resumption.cursor.text))
        }
        feed.signDue = monotonicNow() + EventStream.signTime
        feed.hasNews = { [self] in connection?.wake() }
    }

    var isEndless: Bool { true }

    func end() { feed.end() }

    func fill(_ body: inout PageBuffer, limit: Int) throws(HTTPFailure) -> Bool {
        var part: [UInt8] = []
        if !hasBegun {
            hasBegun = true
            part += Array(": sessions of keeper\n\n".utf8)
        }
        do throws(FollowFailure) {
            let hasMore = try feed.take(while: { part.count < limit }) { append($0, to: &part) }
            if hasMore { connection?.wake() }
        } catch {
            throw HTTPFailure(503, "sessions can't be read")
        }
        if part.isEmpty, monotonicNow() >= feed.signDue { part += Array(":\n\n".utf8) }
        if !part.isEmpty { feed.signDue = monotonicNow() + EventStream.signTime }
        var problem: SystemError?
        body.append(part, &problem)
        if let problem { throw HTTPFailure(503, problem.text) }
        return false
    }

    private func append(_ event: UnsafeRawBufferPointer, to part: inout [UInt8]) {
        part += Array("data: ".utf8)
        part += event
        if note(event) {
            part += Array("\nid: ".utf8)
            for (number, cursor) in cursors.enumerated() {
                if number > 0 { part.append(UInt8(ascii: ",")) }
                part += cursor.id + [UInt8(ascii: "=")] + cursor.cursor
            }
        }
        part += Array("\n\n".utf8)
    }

    /// Takes the cursor of an event.
    ///
    /// - Returns: false when it has none.
    private func note(_ line: UnsafeRawBufferPointer) -> Bool {
        let line = line.bindMemory(to: UInt8.self)
        guard let id = jsonBytes("sessionId", of: line), let cursor = jsonBytes("cursor", of: line) else {
            return false
        }
        cursors.removeAll { $0.id == id }
        cursors.insert((id, cursor), at: 0)
        var size = 0
        var kept = 0
        for cursor in cursors {
            size += cursor.id.count + cursor.cursor.count + 2
            if size > EventStream.longestID { break }
            kept += 1
        }
        cursors.removeLast(cursors.count - kept)
        return true
    }
}

extension FollowChoice {
    /// What a query says, with the id of the last event that a client has had.
    init(_ input: RouteInput) throws(HTTPFailure) {
        var members: [JSONMember] = []
        for member in input.members {
            if equalUTF8(member.name, "session") {
                members.append(JSONMember(name: "sessions", value: member.value))
            } else {
                members.append(member)
            }
        }
        if !members.contains(where: { equalUTF8($0.name, "sessions") || equalUTF8($0.name, "label") }),
            !members.contains(where: { equalUTF8($0.name, "all") })
        {
            members.append(JSONMember(name: "all", value: .bool(true)))
        }
        if let last = input.request?.text("last-event-id"), !last.utf8.isEmpty {
            members.removeAll { equalUTF8($0.name, "from") }
            members.append(JSONMember(name: "from", value: try FollowChoice.cursors(last)))
        } else if let place = members.firstIndex(where: { equalUTF8($0.name, "from") }),
            let text = members[place].value.stringValue, text.utf8.contains(UInt8(ascii: "="))
        {
            members[place].value = try FollowChoice.cursors(text)
        }
        try self.init(members)
    }

    /// `ID=CURSOR,ID=CURSOR`
    private static func cursors(_ text: String) throws(HTTPFailure) -> JSONValue {
        var members: [JSONMember] = []
        for part in Array(text.utf8).split(separator: UInt8(ascii: ",")) {
            guard let sign = part.firstIndex(of: UInt8(ascii: "=")) else {
                throw HTTPFailure(400, "an event's id is ID=CURSOR[,ID=CURSOR...]")
            }
            members.append(
                JSONMember(
                    name: String(decoding: part[..<sign], as: UTF8.self),
                    value: .string(String(decoding: part[(sign + 1)...], as: UTF8.self))))
        }
        return .object(members)
    }
}
