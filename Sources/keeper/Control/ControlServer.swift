import CSystem
import KeeperShared

/// Where an answer to a request goes: it may be given long after the request came.
struct Reply {
    let connection: UInt64
    /// The request's id as JSON; nil for a notification, which gets no answer.
    let id: [UInt8]?
}

/// A request that can't be done, in JSON-RPC's terms and ours.
enum ControlError: Error {
    case parse(JSONError)
    case invalidRequest(StaticString)
    case unknownMethod(String)
    case invalidParameters(String)
    case wrongState(SessionState, wanted: StaticString)
    case tooLong
    case childAway
    case notTerminal
    case failed(SystemError)
    /// Another failure, in words.
    case refused(String)

    var code: Int {
        switch self {
        case .parse: -32700
        case .invalidRequest: -32600
        case .unknownMethod: -32601
        case .invalidParameters: -32602
        case .wrongState: 1
        case .tooLong: 2
        case .childAway: 3
        case .notTerminal: 4
        case .failed, .refused: 5
        }
    }

    var message: String {
        switch self {
        case .parse(let error): "not JSON: \(error.message)"
        case .invalidRequest(let why): "invalid request: \(why)"
        case .unknownMethod(let name): "unknown method '\(name)'"
        case .invalidParameters(let why): "invalid params: \(why)"
        case .wrongState(let state, let wanted): "wrong_state: the session is \(state.name), not \(wanted)"
        case .tooLong: "too_long: a message has at most \(ControlServer.maximumMessage) bytes"
        case .childAway: "child_away: there is no child"
        case .notTerminal: "not_tty: the session has no terminal"
        case .failed(let error): "failed: \(error.text)"
        case .refused(let why): "failed: \(why)"
        }
    }

    func writeData(to json: inout JSONWriter) {
        switch self {
        case .wrongState(let state, let wanted):
            json.key("data")
            json.beginObject()
            json.key("state")
            json.string("\(state.name)")
            json.key("wanted")
            json.string("\(wanted)")
            json.endObject()
        case .failed(let error):
            json.key("data")
            json.beginObject()
            json.key("call")
            json.string("\(error.call)")
            json.key("errno")
            json.integer(error.code)
            json.endObject()
        case .parse, .invalidRequest, .unknownMethod, .invalidParameters, .tooLong, .childAway, .notTerminal,
            .refused:
            break
        }
    }
}

/// One connection to the control socket.
private final class ControlConnection {
    let token: UInt64
    let socket: FileDescriptor
    var lines = LineSplitter(maximumLine: ControlServer.maximumMessage)
    var outgoing: [UInt8] = []
    var interest: Readiness = []
    var pendingReplies = 0
    var hasEnded = false
    var closesWhenSent = false
    var isClosed = false
    /// What follows is no message.
    var isStream = false

    init(token: UInt64, socket: consuming FileDescriptor) {
        self.token = token
        self.socket = socket
    }
}

/// Speaks JSON-RPC 2.0 on the control socket: one message per line, answers in any order.
final class ControlServer {
    static let maximumMessage = 1 << 20
    /// A client that doesn't read its answers gets no more of them made.
    private static let maximumOutgoing = 1 << 20

    /// So many requests of one client may wait for their answers.
    private static let maximumPending = 64

    private let poller: Poller
    /// Does what is asked for. A cycle, for as long as the process.
    var session: Session?
    private var connections: [UInt64: ControlConnection] = [:]
    private var nextSerial: UInt64 = 0

    init(poller: Poller) { self.poller = poller }

    /// Puts what the next binary needs into its state.
    func save(into state: inout SavedState) {
        state.controlSerial = nextSerial
        for connection in connections.values {
            var client = SavedState.Client()
            client.token = connection.token
            client.socket = connection.socket.raw
            client.partial = connection.lines.partialLine
            client.outgoing = connection.outgoing
            client.pendingReplies = connection.pendingReplies
            client.hasEnded = connection.hasEnded
            client.closesWhenSent = connection.closesWhenSent
            state.clients.append(client)
        }
    }

    /// Goes on where another binary was.
    func restore(_ state: SavedState) {
        nextSerial = state.controlSerial
        for client in state.clients {
            let connection = ControlConnection(
                token: client.token, socket: FileDescriptor(owning: client.socket))
            client.partial.withUnsafeBufferPointer { _ = connection.lines.consume($0) { _ in .next } }
            connection.outgoing = client.outgoing
            connection.pendingReplies = client.pendingReplies
            connection.hasEnded = client.hasEnded
            connection.closesWhenSent = client.closesWhenSent
            connections[connection.token] = connection
            updateInterest(connection)
        }
    }

    var count: Int { connections.count }

    func accept(_ socket: consuming FileDescriptor) {
        nextSerial += 1
        let connection = ControlConnection(token: Token.control(nextSerial), socket: socket)
        connections[connection.token] = connection
        updateInterest(connection)
    }

    /// Something happened on a connection.
    func isReady(_ token: UInt64, _ readiness: Readiness) {
        guard let connection = connections[token] else { return }
        if readiness.contains(.output) { flush(connection) }
        if !readiness.isDisjoint(with: [.input, .hangUp, .error]), !connection.isClosed {
            receive(connection)
        }
        if !connection.isClosed { updateInterest(connection) }
    }

    private func receive(_ connection: ControlConnection) {
        var failure: SystemError?
        var count: Int?
        let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { space, filled in
            do throws(SystemError) {
                count = try connection.socket.receive(into: UnsafeMutableRawBufferPointer(space))
                filled = count ?? 0
            } catch { failure = error }
        }
        if failure != nil { return close(connection) }
        guard let count else { return }
        if count == 0 {
            connection.hasEnded = true
            if connection.socket.peerHasGone() { return close(connection) }
            return closeIfDone(connection)
        }
        let outcome = chunk.withUnsafeBufferPointer { bytes in
            connection.lines.consume(bytes) { line in
                if line.contains(where: { $0 != 32 && $0 != 13 && $0 != 9 }) { take(line, from: connection) }
                return connection.isClosed || connection.isStream ? .stop : .next
            }
        }
        if connection.isStream {
            if case .stopped(let used) = outcome { handOver(connection, chunk[used...]) }
            return
        }
        if case .tooLong = outcome {
            connection.closesWhenSent = true
            connection.pendingReplies += 1
            answer(Reply(connection: connection.token, id: Array("null".utf8)), .tooLong)
        }
    }

    private func take(_ line: UnsafeBufferPointer<UInt8>, from connection: ControlConnection) {
        let null = Reply(connection: connection.token, id: Array("null".utf8))
        connection.pendingReplies += 1
        let request: JSONValue
        do throws(JSONError) {
            request = try JSONValue.parse(line)
        } catch {
            return answer(null, .parse(error))
        }
        guard request.members != nil else {
            return answer(null, .invalidRequest("one object per line is expected"))
        }
        var id: [UInt8]?
        switch request["id"] {
        case .none: break
        case .some(let value):
            switch value {
            case .string, .integer, .number, .null:
                var json = JSONWriter()
                json.value(value)
                id = json.bytes
            case .bool, .array, .object:
                return answer(null, .invalidRequest("id must be a string or a number"))
            }
        }
        let reply = Reply(connection: connection.token, id: id)
        // What is no request is answered even when it has no id; a notification is a valid request without one.
        let orNull = id == nil ? null : reply
        guard equalUTF8(request["jsonrpc"]?.stringValue ?? "", "2.0") else {
            return answer(orNull, .invalidRequest("jsonrpc must be \"2.0\""))
        }
        guard let method = request["method"]?.stringValue else {
            return answer(orNull, .invalidRequest("method must be a string"))
        }
        if id == nil { connection.pendingReplies -= 1 }
        let parameters = request["params"] ?? .object([])
        guard parameters.members != nil else {
            return answer(reply, .invalidParameters("an object is expected"))
        }
        session?.handle(method: method, parameters: parameters, reply: reply)
    }

    /// What follows on a connection, behind the message that is being handled, goes to the child's terminal.
    func becomeStream(_ token: UInt64) { connections[token]?.isStream = true }

    private func handOver(_ connection: ControlConnection, _ rest: ArraySlice<UInt8>) {
        // A client that doesn't read its answer learns here that this can't go on.
        if connection.outgoing.isEmpty, let socket = try? connection.socket.duplicate() {
            session?.input.accept(socket, stream: rest)
        }
        close(connection)
    }

    // MARK: Answers

    /// Answers a request with a result that `write` appends.
    func answer(_ reply: Reply, _ write: (inout JSONWriter) -> Void) {
        send(reply) { json in
            json.key("result")
            write(&json)
        }
    }

    /// Answers a request with an error.
    func answer(_ reply: Reply, _ error: ControlError) {
        send(reply) { json in
            json.key("error")
            json.beginObject()
            json.key("code")
            json.integer(error.code)
            json.key("message")
            json.string(error.message)
            error.writeData(to: &json)
            json.endObject()
        }
    }

    private func send(_ reply: Reply, _ write: (inout JSONWriter) -> Void) {
        guard let id = reply.id, let connection = connections[reply.connection] else { return }
        connection.pendingReplies -= 1
        var json = JSONWriter()
        json.beginObject()
        json.key("jsonrpc")
        json.string("2.0")
        json.key("id")
        json.raw(id)
        write(&json)
        json.endObject()
        json.endLine()
        connection.outgoing += json.bytes
        flush(connection)
        if !connection.isClosed { updateInterest(connection) }
    }

    private func flush(_ connection: ControlConnection) {
        while !connection.outgoing.isEmpty {
            var sent: Int?
            var failed = false
            connection.outgoing.withUnsafeBytes { bytes in
                do throws(SystemError) { sent = try connection.socket.send(bytes) } catch { failed = true }
            }
            if failed { return close(connection) }
            guard let sent else { return }
            connection.outgoing.removeFirst(sent)
        }
        connection.outgoing = []
        closeIfDone(connection)
    }

    private func closeIfDone(_ connection: ControlConnection) {
        guard connection.outgoing.isEmpty else { return }
        if connection.closesWhenSent || (connection.hasEnded && connection.pendingReplies == 0) {
            close(connection)
        }
    }

    /// Watches for what the connection needs; one that is at its end and waits for an answer, for nothing.
    private func updateInterest(_ connection: ControlConnection) {
        var wanted: Readiness = []
        if !connection.outgoing.isEmpty { wanted.insert(.output) }
        if !connection.hasEnded, !connection.closesWhenSent,
            connection.pendingReplies < ControlServer.maximumPending,
            connection.outgoing.count < ControlServer.maximumOutgoing
        {
            wanted.insert(.input)
        }
        if wanted == connection.interest { return }
        do throws(SystemError) {
            if wanted.isEmpty {
                poller.remove(connection.socket)
            } else if connection.interest.isEmpty {
                try poller.add(connection.socket, wanted, token: connection.token)
            } else {
                try poller.modify(connection.socket, wanted, token: connection.token)
            }
            connection.interest = wanted
        } catch {
            close(connection)
        }
    }

    private func close(_ connection: ControlConnection) {
        if connection.isClosed { return }
        connection.isClosed = true
        if !connection.interest.isEmpty { poller.remove(connection.socket) }
        connections[connection.token] = nil
    }
}
