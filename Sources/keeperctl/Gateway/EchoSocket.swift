#if DEBUG
    import KeeperShared

    /// A WebSocket that sends every message back: what suites that try servers of WebSockets want to talk to. Release builds
    /// have none.
    final class EchoSocket: WebSocketHandler {
        var connection: GatewayConnection?
        let limit = 16 << 20

        /// Whether a path leads here.
        static func isMeant(_ path: [String]) -> Bool {
            path.count == 2 && equalUTF8(path[0], "debug") && equalUTF8(path[1], "echo")
        }

        func begin() {}
        func receive(_ message: WebSocketMessage, _ bytes: UnsafeRawBufferPointer) throws(WebSocketClose) {
            connection?.sendFrame(opcode: message == .text ? 1 : 2, bytes)
        }
        var isReady: Bool { (connection?.output.count ?? 0) < GatewayConnection.outputLimit }
        func fill() throws(WebSocketClose) -> Bool { false }
        func end() {}
    }
#endif
