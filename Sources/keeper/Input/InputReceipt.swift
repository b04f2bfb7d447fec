import KeeperShared

/// Why lines of a connection can't be delivered, as its writer is told.
enum InputError {
    case tooLong(limit: Int)
    case tooLongForTerminal
    case childAway(StaticString)
    case busy
    case failed(SystemError)

    /// Numbers 1 to 5 are those of the control socket.
    var code: Int {
        switch self {
        case .tooLong, .tooLongForTerminal: 2
        case .childAway: 3
        case .failed: 5
        case .busy: 6
        }
    }

    var message: String {
        switch self {
        case .tooLong(let limit): "too_long: the line has more than \(limit) bytes (--max-line)"
        case .tooLongForTerminal:
            "too_long: the terminal takes lines of at most \(TerminalEnd.longestLine) bytes as long as the "
                + "command reads whole lines, and would cut this one"
        case .childAway(let why): "child_away: \(why)"
        case .busy: "busy: unfinished lines take up all the room there is (--max-pending)"
        case .failed(let error): "failed: \(error.text)"
        }
    }
}

// How a connection ends: closing the socket without a word is the receipt, an error line says what was refused.
extension InputRouter {
    /// Ends a connection whose lines are all delivered, or one that has none.
    func close(_ connection: InputConnection) {
        if let completion = connection.completion.take() { report(.completed(completion, nil)) }
        forget(connection)
    }

    /// Ends a connection because of an error, and reports that.
    func fail(_ connection: InputConnection, _ error: InputError) {
        if connection.isClosed { return }
        report(.refused(error, delivered: connection.delivered))
        refuse(connection, error)
    }

    private func refuse(_ connection: InputConnection, _ error: InputError) {
        if let completion = connection.completion.take() {
            report(.completed(completion, error))
        } else {
            connection.send(error)
        }
        forget(connection)
    }

    private func forget(_ connection: InputConnection) {
        connection.buffer.removeFirst(connection.buffer.count)
        connection.completeCount = 0
        connection.failure = nil
        countPending(connection)
        takeSpare(from: connection)
        if connection.isWatched { poller.remove(connection.socket) }
        connection.closeSocket()
        connections[connection.token] = nil
    }

    /// Tells all who still wait that the session is over.
    func end(_ why: StaticString) {
        closeNow(why)
        for connection in Array(connections.values) {
            // One that is through, and said so, gets its receipt.
            if connection.isThrough { close(connection) } else { refuse(connection, .childAway(why)) }
        }
        queue = []
    }
}

extension InputConnection {
    /// Tells the writer why its lines are not delivered.
    fileprivate func send(_ error: InputError) {
        var json = JSONWriter()
        json.beginObject()
        json.object("error") { json in
            json.member("code", error.code)
            json.member("message", error.message)
            json.member("delivered", delivered)
        }
        json.endObject()
        json.endLine()
        // One try: a writer that doesn't read, or is gone, gets none.
        _ = try? json.bytes.bytes { bytes throws(SystemError) in try socket.send(bytes) }
    }
}
