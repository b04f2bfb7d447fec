import KeeperShared

// What the router hands to the next binary, and how that goes on.
extension InputRouter {
    func save(keys: DeliveredKeys, isCheckpoint: Bool) -> SavedState.Input {
        var state = SavedState.Input()
        stdin.save(into: &state, isCheckpoint: isCheckpoint)
        state.target =
            switch target {
            case .open, .full: 0
            case .away: 1
            case .closed: wasClosedByRequest ? 2 : 3
            }
        state.isClosing = isClosing
        state.wasClosedByRequest = wasClosedByRequest
        state.isHeld = isHeld
        state.nextSerial = nextSerial
        state.closeReplies = closeReplies
        state.keys = keys.delivered
        if isCheckpoint { return state }
        // The head of the queue may have a line half in the pipe: the order matters.
        for connection in queue where !connection.isClosed { state.writers.append(save(connection, keys)) }
        for connection in connections.values where !connection.isQueued {
            state.writers.append(save(connection, keys))
        }
        return state
    }

    private func save(_ connection: InputConnection, _ keys: DeliveredKeys) -> SavedState.Writer {
        var writer = SavedState.Writer()
        writer.token = connection.token
        writer.socket = connection.socket.raw
        writer.buffer = Array(connection.buffer.bytes)
        writer.completeCount = connection.completeCount
        writer.sentCount = connection.sentCount
        writer.holdsLastByte = connection.holdsLastByte
        if case .tooLong = connection.failure { writer.isTooLong = true }
        writer.peerHasEnded = connection.peerHasEnded
        writer.delivered = connection.delivered
        writer.allowance = connection.allowance
        writer.lastProgress = connection.lastProgress
        writer.isStream = connection.isStream
        switch connection.completion {
        case .none: break
        case .armMatch: writer.armsMatch = true
        case .reply(let reply, let key):
            writer.key = key ?? []
            writer.replies = [reply]
            if let key { writer.replies += keys.others(key) }
        }
        return writer
    }

    func restore(_ state: SavedState.Input, keys: inout DeliveredKeys, _ problem: inout SystemError?) {
        stdin = ChildStdin(restoring: state)
        target =
            switch state.target {
            case 0: .open
            case 1: .away
            case 2: .closed("the child's stdin was closed")
            default: .closed("the child closed its stdin")
            }
        isClosing = state.isClosing
        wasClosedByRequest = state.wasClosedByRequest
        isHeld = state.isHeld
        nextSerial = state.nextSerial
        closeReplies = state.closeReplies
        keys.delivered = state.keys
        for writer in state.writers {
            let connection = InputConnection(
                token: writer.token, socket: FileDescriptor(owning: writer.socket))
            connection.buffer.append(writer.buffer, &problem)
            connection.completeCount = writer.completeCount
            connection.sentCount = writer.sentCount
            connection.holdsLastByte = writer.holdsLastByte
            if writer.isTooLong { connection.failure = .tooLong(limit: maximumLine) }
            connection.peerHasEnded = writer.peerHasEnded
            connection.delivered = writer.delivered
            connection.allowance = writer.allowance
            connection.lastProgress = writer.lastProgress
            connection.isStream = writer.isStream
            if writer.armsMatch { connection.completion = .armMatch }
            if let first = writer.replies.first {
                let key: [UInt8]? = writer.key.isEmpty ? nil : writer.key
                connection.completion = .reply(first, key: key)
                if let key { for reply in writer.replies { _ = keys.begin(key, reply) } }
            }
            connections[connection.token] = connection
            countPending(connection)
            // Each gets a turn: what came in the meantime is looked for then.
            enqueue(connection)
        }
        for connection in connections.values {
            do throws(SystemError) { try watchOrThrow(connection) } catch { problem = error }
        }
    }
}
