import KeeperShared

/// A WebSocket that carries JSON-RPC 2.0, a message per text frame: the routes are its methods.
///
/// A message without `jsonrpc` is of an older protocol, `{"method","args","id"}`, and is answered in its own form.
final class RPCSocket: WebSocketHandler {
    let gateway: Gateway
    let right: Right
    var connection: GatewayConnection?
    /// Whether older clients may be at the other end, who wait for a word of welcome.
    private let greets: Bool
    private var requests: [RPCRequest] = []
    private var follows: [RPCFollow] = []
    private var nextSubscription = 1
    /// Requests and subscriptions come first by turns.
    private var isRequestsTurn = false

    /// What is under way at a time; more waits in the socket.
    private static let mostRequests = 64
    private static let mostFollows = 64

    /// The subprotocol of clients that know JSON-RPC.
    static let subprotocol = "keeper.v1"

    init(_ gateway: Gateway, _ right: Right, greets: Bool) {
        self.gateway = gateway
        self.right = right
        self.greets = greets
    }

    var limit: Int { gateway.options.longestBody }
    var isReady: Bool { requests.count < RPCSocket.mostRequests && hasRoom }

    private var hasRoom: Bool { (connection?.output.count ?? 0) < GatewayConnection.outputLimit }

    func begin() {
        if !greets { return }
        var json = JSONWriter()
        json.beginObject()
        json.member("type", "welcome")
        json.key("functions")
        json.beginArray()
        for route in Routes.all where route.isMethod { json.string("\(route.name)") }
        json.endArray()
        json.endObject()
        send(json.bytes)
    }

    func end() {
        for request in requests { request.abandon() }
        requests = []
        for follow in follows { follow.end() }
        follows = []
    }

    /// Sends a message.
    func send(_ bytes: [UInt8]) { bytes.bytes { connection?.sendFrame(opcode: 1, $0) } }

    // MARK: Messages in

    func receive(_ message: WebSocketMessage, _ bytes: UnsafeRawBufferPointer) throws(WebSocketClose) {
        guard case .text = message else { throw .broken("messages here are texts") }
        let reply = RPCReply(self)
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue.parse(Array(bytes)) } catch {
            return reply.fail(-32700, concat("not JSON: ", error.message))
        }
        guard value.members != nil else { return reply.fail(-32600, "a message is one JSON object") }
        reply.id = value["id"]
        if let version = value["jsonrpc"] {
            guard let text = version.stringValue, equalUTF8(text, "2.0") else {
                return reply.fail(-32600, "\"jsonrpc\" is not \"2.0\"")
            }
        } else {
            reply.isLegacy = true
        }
        guard let method = value["method"]?.stringValue else {
            // An answer to nothing that was asked.
            if value["result"] != nil || value["error"] != nil { return }
            return reply.fail(-32600, "\"method\" is missing")
        }
        do throws(HTTPFailure) {
            try perform(method, parameters(of: value, isLegacy: reply.isLegacy), reply)
        } catch {
            reply.fail(error)
        }
    }

    private func parameters(of message: JSONValue, isLegacy: Bool) -> JSONValue? {
        guard isLegacy else { return message["params"] }
        return message["args"] ?? message["params"]
    }

    private func perform(
        _ method: String, _ parameters: JSONValue?, _ reply: RPCReply
    ) throws(HTTPFailure) {
        if equalUTF8(method, "follow") { return try follow(members(of: parameters), reply) }
        if equalUTF8(method, "unfollow") { return try unfollow(members(of: parameters), reply) }
        for route in Routes.all where route.isMethod && equalUTF8("\(route.name)", method) {
            return try run(route, members(of: parameters), reply)
        }
        try call(method, parameters, reply)
    }

    /// The parameters by name; an array's only element counts as them.
    private func members(of parameters: JSONValue?) throws(HTTPFailure) -> [JSONMember] {
        guard let parameters else { return [] }
        if let members = parameters.members { return members }
        if case .null = parameters { return [] }
        guard let elements = parameters.arrayValue, elements.count <= 1 else {
            throw HTTPFailure(400, "parameters are given by name, as an object")
        }
        return elements.isEmpty ? [] : try self.members(of: elements[0])
    }

    private func run(
        _ route: Route, _ members: [JSONMember], _ reply: RPCReply
    ) throws(HTTPFailure) {
        try route.check(right)
        var rest = members
        var id = ""
        if route.hasID {
            guard let place = rest.firstIndex(where: { equalUTF8($0.name, "session") }),
                let text = rest[place].value.stringValue
            else { throw HTTPFailure(400, "the field \"session\" is missing") }
            rest.remove(at: place)
            id = text
        }
        switch try route.run(gateway, try route.input(id: id, rest, nil, right)) {
        case .now(let response): reply.succeed(response.body)
        case .stream(let stream):
            guard let run = stream as? CommandRun else { throw HTTPFailure(400, "this is no method") }
            if run.isEndless, !run.isEvents {
                run.end()
                throw HTTPFailure(400, "an answer as a whole can't follow: give \"json\", or use \"follow\"")
            }
            begin(RPCRequest(self, run, reply, "\(route.name)"))
        case .webSocket: throw HTTPFailure(400, "this is no method")
        }
    }

    /// `SESSION.METHOD`: the longest id of a live session counts, as ids may have dots.
    private func call(
        _ target: String, _ parameters: JSONValue?, _ reply: RPCReply
    ) throws(HTTPFailure) {
        guard target.utf8.contains(UInt8(ascii: ".")) else {
            throw HTTPFailure(404, concat("no method ", quoted(target)), code: "noMethod")
        }
        if right < .control { throw HTTPFailure(403, "this token is good for looking, not for calling") }
        var json = JSONWriter()
        var hasParameters = false
        if let parameters {
            if case .null = parameters {} else { hasParameters = true }
        }
        if hasParameters, let parameters { json.value(parameters) }
        let line = CommandLine(
            ["call", "--full", "--notifications", "--", target] + (hasParameters ? ["-"] : []),
            input: json.bytes, .json)
        let run = try gateway.starter.start(line)
        run.hasNotifications = true
        begin(RPCRequest(self, run, reply, ""))
    }

    private func begin(_ request: RPCRequest) {
        requests.append(request)
        request.begin()
    }

    /// A request is answered.
    func hasEnded(_ request: RPCRequest) {
        requests.removeAll { $0 === request }
        connection?.wake()
    }

    // MARK: Following

    private func follow(_ members: [JSONMember], _ reply: RPCReply) throws(HTTPFailure) {
        if follows.count == RPCSocket.mostFollows { throw HTTPFailure(503, "too many subscriptions") }
        let follow = try RPCFollow(nextSubscription, try FollowChoice(members), self)
        nextSubscription += 1
        follows.append(follow)
        var json = JSONWriter()
        json.beginObject()
        json.member("subscription", follow.number)
        json.endObject()
        reply.succeed(json.bytes)
    }

    private func unfollow(_ members: [JSONMember], _ reply: RPCReply) throws(HTTPFailure) {
        guard members.count == 1, equalUTF8(members[0].name, "subscription"),
            let number = members[0].value.intValue,
            let place = follows.firstIndex(where: { $0.number == Int(number) })
        else { throw HTTPFailure(400, "the field \"subscription\" is none of this connection's") }
        follows.remove(at: place).end()
        reply.succeed([])
    }

    /// There is room: passes on what is followed, each in its turn.
    func fill() throws(WebSocketClose) -> Bool {
        var hasMore = false
        isRequestsTurn.toggle()
        if isRequestsTurn { hasMore = fillRequests() }
        for follow in follows {
            // Its news may have come while there was no room.
            if !hasRoom { return true }
            if try follow.fill() { hasMore = true }
        }
        if let first = follows.first, follows.count > 1 {
            follows.removeFirst()
            follows.append(first)
        }
        if !isRequestsTurn, fillRequests() { hasMore = true }
        return hasMore
    }

    private func fillRequests() -> Bool {
        for request in requests {
            if !hasRoom { return true }
            request.passOn()
        }
        if let first = requests.first, requests.count > 1 {
            requests.removeFirst()
            requests.append(first)
        }
        return false
    }
}

/// Where the answer to one message goes, and in which form.
final class RPCReply {
    private let socket: RPCSocket
    var id: JSONValue?
    var isLegacy = false

    init(_ socket: RPCSocket) { self.socket = socket }

    /// - Parameter result: JSON; empty for null.
    func succeed(_ result: [UInt8]) {
        guard let id else { return }
        var json = JSONWriter(capacity: result.count + 64)
        begin(&json, id)
        json.key("result")
        if result.isEmpty {
            json.null()
        } else {
            json.raw(result.last == 10 ? Array(result.dropLast()) : result)
        }
        json.endObject()
        socket.send(json.bytes)
    }

    /// An answer of the session's own, whole: its result or its error.
    func pass(_ answer: JSONValue) {
        if let result = answer["result"] {
            var json = JSONWriter()
            json.value(result)
            return succeed(json.bytes)
        }
        guard let error = answer["error"] else {
            return fail(-32603, "the session's answer is neither result nor error")
        }
        if isLegacy { return fail(0, error["message"]?.stringValue ?? error.stringValue ?? "error") }
        guard let id else { return }
        var json = JSONWriter()
        begin(&json, id)
        json.key("error")
        json.value(error)
        json.endObject()
        socket.send(json.bytes)
    }

    func fail(_ failure: HTTPFailure) {
        let word = failure.code ?? HTTPResponse.code(of: failure.status)
        let code =
            isText(Array("\(word)".utf8), "noMethod") ? -32601 : failure.status == 400 ? -32602 : -32000
        fail(code, failure.message, word, failure.status)
    }

    func fail(_ code: Int, _ message: String, _ word: StaticString? = nil, _ status: Int = 400) {
        // A notification has no answer; what can't be read has one with null.
        if id == nil, code != -32700, code != -32600 { return }
        var json = JSONWriter()
        begin(&json, id ?? .null)
        if isLegacy {
            json.member("error", message)
        } else {
            json.key("error")
            json.beginObject()
            json.member("code", code)
            json.member("message", message)
            if let word {
                json.key("data")
                json.beginObject()
                json.member("code", text: word)
                json.member("status", status)
                json.endObject()
            }
            json.endObject()
        }
        json.endObject()
        socket.send(json.bytes)
    }

    /// Something on the way to the answer.
    ///
    /// - Parameter name: the method of the notification.
    /// - Parameter data: what it is about, JSON.
    func progress(_ name: String, _ key: StaticString, _ data: [UInt8]) {
        guard let id else { return }
        var json = JSONWriter(capacity: data.count + 96)
        json.beginObject()
        if isLegacy {
            json.member("type", "progress")
            json.key("id")
            json.value(id)
            json.key("message")
            json.raw(data)
        } else {
            json.member("jsonrpc", "2.0")
            json.member("method", name)
            json.key("params")
            json.beginObject()
            json.key("id")
            json.value(id)
            json.key(key)
            json.raw(data)
            json.endObject()
        }
        json.endObject()
        socket.send(json.bytes)
    }

    private func begin(_ json: inout JSONWriter, _ id: JSONValue) {
        json.beginObject()
        if !isLegacy { json.member("jsonrpc", "2.0") }
        json.key("id")
        json.value(id)
    }
}

/// A request whose command runs.
final class RPCRequest {
    private let socket: RPCSocket
    private let run: CommandRun
    private let reply: RPCReply
    private let method: String
    private var result = PageBuffer()
    private var isOver = false

    /// Bytes of an answer that comes as a whole.
    private static let longest = 64 << 20

    init(_ socket: RPCSocket, _ run: CommandRun, _ reply: RPCReply, _ method: String) {
        self.socket = socket
        self.run = run
        self.reply = reply
        self.method = method
    }

    func begin() { run.observer = { [self] _ in socket.connection?.wake() } }

    /// The caller has gone; the command goes on.
    func abandon() {
        isOver = true
        run.observer = nil
        run.end()
    }

    /// Passes on what has come.
    func passOn() {
        if isOver { return }
        while let note = run.takeNotification() { tell(note) }
        do throws(HTTPFailure) {
            let isComplete = try run.fill(&result, limit: GatewayConnection.outputLimit)
            if run.isEvents { tellEvents() }
            if result.count > RPCRequest.longest {
                throw HTTPFailure(413, "the answer is too long for one message")
            }
            if isComplete { finish() }
        } catch {
            if run.hasNotifications, let answer = run.wholeAnswer {
                reply.pass(answer)
            } else {
                reply.fail(error)
            }
            close()
        }
    }

    private func tellEvents() {
        while let end = lineFeed(in: result.bytes, from: 0) {
            reply.progress(method, "event", Array(result.bytes[..<end]))
            result.removeFirst(end + 1)
        }
    }

    private func finish() {
        if run.hasNotifications {
            if let answer = try? JSONValue.parse(trimmed(Array(result.bytes.filter { $0 != 10 })[...])) {
                reply.pass(answer)
            } else {
                reply.fail(-32603, "the session's answer can't be read")
            }
        } else if run.isJSON {
            reply.succeed(Array(result.bytes))
        } else if let problem = run.problem {
            reply.fail(problem)
        } else if run.isEvents || result.isEmpty {
            reply.succeed([])
        } else {
            var json = JSONWriter()
            json.string(utf8: Array(result.bytes))
            reply.succeed(json.bytes)
        }
        close()
    }

    private func close() {
        isOver = true
        run.end()
        socket.hasEnded(self)
    }

    /// A notification of the session that is called: with its own words for those who want progress.
    private func tell(_ note: [UInt8]) {
        guard let value = try? JSONValue.parse(note) else { return }
        // A request of its own is for the one whose call is under way to answer, which nobody here can.
        if value["id"] != nil { return }
        let params = value["params"] ?? .null
        var json = JSONWriter()
        if reply.isLegacy {
            json.value(params["message"] ?? params)
            return reply.progress("", "", json.bytes)
        }
        json.value(value)
        reply.progress("progress", "notification", json.bytes)
    }
}
