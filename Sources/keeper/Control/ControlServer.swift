import KeeperShared

/// Speaks JSON-RPC 2.0 on the control socket: one message per line, answers in any order.
final class ControlServer {
    static let maximumMessage = 1 << 20
    /// With this many bytes of answers that a client has not read, its requests wait.
    private static let maximumOutgoing = 1 << 20
    /// With this many requests of a client that are not answered, its next ones wait.
    private static let maximumPending = 64

    private let poller: Poller
    /// Does what is asked for, and answers now or later.
    var perform: (ControlRequest) -> Void = { _ in }
    /// Takes a connection that carries a stream from here on, and the first bytes of that.
    var acceptStream: (consuming FileDescriptor, [UInt8]) -> Void = { _, _ in }
    private var connections: [UInt64: ControlConnection] = [:]
    private var nextSerial: UInt64 = 0

    init(poller: Poller) { self.poller = poller }

    func save(into state: inout SavedState) {
        state.controlSerial = nextSerial
        for connection in connections.values {
            var client = SavedState.Client()
            client.token = connection.token
            client.socket = connection.socket.raw
            client.partial = Array(connection.lines.rest)
            client.outgoing = connection.outgoing
            client.pendingReplies = connection.pendingReplies
            client.hasEnded = connection.hasEnded
            client.closesWhenSent = connection.closesWhenSent
            state.clients.append(client)
        }
    }

    func restore(_ state: SavedState) {
        nextSerial = state.controlSerial
        for client in state.clients {
            let connection = ControlConnection(
                token: client.token, socket: FileDescriptor(owning: client.socket))
            // Without memory for what it has sent a client sees its connection end.
            guard (try? connection.lines.append(client.partial)) != nil else { continue }
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

    func isReady(_ token: UInt64, _ readiness: Readiness) {
        guard let connection = connections[token] else { return }
        if readiness.contains(.output) { flush(connection) }
        if !readiness.isDisjoint(with: [.input, .hangUp, .error]), !connection.isClosed {
            receive(connection)
        }
        if !connection.isClosed { updateInterest(connection) }
    }

    private func receive(_ connection: ControlConnection) {
        do throws(SystemError) {
            let space = try connection.lines.room(for: 4096)
            guard let count = try connection.socket.receive(into: space) else { return }
            connection.lines.grow(by: count)
            if count == 0 {
                connection.hasEnded = true
                if connection.socket.peerHasGone() { return close(connection) }
                return closeIfDone(connection)
            }
        } catch {
            // The client is gone with an error: nobody is left to tell.
            return close(connection)
        }
        while let line = connection.lines.next() {
            if line.contains(where: { $0 != 32 && $0 != 13 && $0 != 9 }) { take(line, from: connection) }
            if connection.isClosed { return }
            if connection.isStream { return handOver(connection, Array(connection.lines.rest)) }
        }
        if connection.lines.hasOverflown {
            connection.closesWhenSent = true
            connection.pendingReplies += 1
            answer(Reply(connection: connection.token, id: Array("null".utf8)), .tooLong)
        }
    }

    private func take(_ line: UnsafeBufferPointer<UInt8>, from connection: ControlConnection) {
        connection.pendingReplies += 1
        do throws(ControlRequest.Refusal) {
            let request = try ControlRequest(line, from: connection.token)
            if request.reply.id == nil { connection.pendingReplies -= 1 }
            perform(request)
        } catch {
            if let reply = error.reply { answer(reply, error.error) }
        }
    }

    /// What follows on a connection, after the message that is being handled, goes to the child's terminal.
    func becomeStream(_ token: UInt64) { connections[token]?.isStream = true }

    private func handOver(_ connection: ControlConnection, _ rest: [UInt8]) {
        // A client that doesn't read its answer learns here that this can't go on.
        if !connection.outgoing.isEmpty { return close(connection) }
        acceptStream(forget(connection), rest)
    }

    // MARK: Answers

    /// Answers a request with an object, whose members `write` appends.
    func answer(_ reply: Reply, _ write: (inout JSONWriter) -> Void = { _ in }) {
        send(reply) { $0.object("result", write) }
    }

    func answer(_ reply: Reply, _ error: ControlError) {
        send(reply) { json in
            json.object("error") { json in
                json.member("code", error.code)
                json.member("message", error.message)
                error.writeData(to: &json)
            }
        }
    }

    /// Answers a request; `write` appends `result` or `error`.
    func send(_ reply: Reply, _ write: (inout JSONWriter) -> Void) {
        guard let id = reply.id, let connection = connections[reply.connection] else { return }
        connection.pendingReplies -= 1
        var json = JSONWriter()
        json.beginObject()
        json.member("jsonrpc", text: "2.0")
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
            let sent: Int?
            do throws(SystemError) {
                sent = try connection.outgoing.bytes { bytes throws(SystemError) in
                    try connection.socket.send(bytes)
                }
            } catch {
                // The client is gone: nobody is left to tell.
                return close(connection)
            }
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
        if !connection.isClosed { _ = forget(connection) }
    }

    /// - Returns: its socket.
    private func forget(_ connection: ControlConnection) -> FileDescriptor {
        if !connection.interest.isEmpty { poller.remove(connection.socket) }
        connections[connection.token] = nil
        return connection.takeSocket()
    }
}
