import KeeperShared

/// A connection that has become a WebSocket (RFC 6455).
extension GatewayConnection {
    private static let pingTime: Int64 = .seconds(25)
    /// A thousand clients that wait are pinged in a few wake-ups, not in a thousand.
    private static let pingStep: Int64 = .seconds(5)

    func upgrade(_ handler: any WebSocketHandler, _ subprotocol: String?, _ request: HTTPRequest) {
        append(webSocketAccept(request.field("sec-websocket-key") ?? [], subprotocol))
        handler.connection = self
        phase = .webSocket(handler)
        reader = WebSocketReader(limit: handler.limit)
        waitForPing()
        handler.begin()
        if loop.isEnding { closeWebSocket(.going) }
    }

    /// Takes messages, and sends what the handler has.
    func carry(_ handler: any WebSocketHandler) -> Bool {
        do throws(WebSocketClose) {
            let before = input.count
            try takeFrames(handler)
            if !isWebSocket { return isOpen }
            let hasMore = output.count < GatewayConnection.outputLimit ? try handler.fill() : true
            if !isWebSocket { return isOpen }
            if sawEnd, input.count == before || input.isEmpty {
                close()
                return false
            }
            return hasMore || (input.count != before && !input.isEmpty && handler.isReady)
        } catch {
            closeWebSocket(error)
            return true
        }
    }

    /// Whether it has not ended in what was just done.
    private var isWebSocket: Bool {
        if case .webSocket = phase { isOpen } else { false }
    }

    private func takeFrames(_ handler: any WebSocketHandler) throws(WebSocketClose) {
        if input.isEmpty || !handler.isReady { return }
        defer { handler.endReceiving() }
        // Not in its place while it works: what a message leads to may end the connection.
        guard var reader = reader.take() else { return }
        let bytes = UnsafeMutableRawBufferPointer(mutating: input.bytes)
        let used = try reader.take(bytes) { message, payload throws(WebSocketClose) in
            switch message {
            case .text, .binary: try handler.receive(message, payload)
            case .ping: sendFrame(opcode: 10, payload)
            case .pong: break
            case .close: try answerClose(payload)
            }
            return isWebSocket && handler.isReady
        }
        self.reader = consume reader
        input.removeFirst(used)
    }

    /// Appends a frame.
    func sendFrame(opcode: UInt8, _ payload: UnsafeRawBufferPointer) {
        append(webSocketHead(opcode: opcode, payload: payload.count))
        append(payload)
    }

    /// Appends a text frame with an event inside a message.
    ///
    /// - Parameter head: the message up to the event; two braces end it.
    func sendEvent(_ head: [UInt8], _ event: UnsafeRawBufferPointer) {
        append(webSocketHead(opcode: 1, payload: head.count + event.count + 2))
        append(head)
        append(event)
        append([UInt8(ascii: "}"), UInt8(ascii: "}")])
    }

    /// The client closes: its code goes back to it (RFC 6455, 5.5.1 and 7.4).
    private func answerClose(_ payload: UnsafeRawBufferPointer) throws(WebSocketClose) {
        if payload.count == 1 { throw .broken("half a code") }
        if payload.count >= 2 {
            let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
            switch code {
            case 1000...1003, 1007...1014, 3000...4999: break
            default: throw .broken("a code that may not be sent")
            }
            var check = UTF8Check()
            if !check.take(UnsafeRawBufferPointer(rebasing: payload[2...])) || !check.isWhole {
                throw .notUTF8
            }
        }
        sendFrame(opcode: 8, UnsafeRawBufferPointer(rebasing: payload.prefix(2)))
        endWebSocket()
    }

    /// Says why, and closes.
    func closeWebSocket(_ close: WebSocketClose) {
        guard isWebSocket else { return }
        var payload = [UInt8(close.code >> 8), UInt8(close.code & 0xFF)]
        payload.append(literal: close.reason)
        payload.bytes { sendFrame(opcode: 8, $0) }
        endWebSocket()
    }

    private func endWebSocket() {
        guard case .webSocket(let handler) = phase else { return }
        linger()
        handler.connection = nil
        handler.end()
    }

    private func waitForPing() {
        setDeadline(in: GatewayConnection.pingTime, step: GatewayConnection.pingStep)
    }

    func pingOrClose(_ handler: any WebSocketHandler) {
        // As long as nothing is read, an answer waits in the socket.
        if handler.isReady {
            // Two pings without a word in between.
            if pingsOut == 2 { return close() }
            pingsOut += 1
            sendFrame(opcode: 9, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        waitForPing()
    }
}
