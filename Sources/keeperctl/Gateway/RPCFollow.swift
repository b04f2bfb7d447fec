import KeeperShared

/// One subscription of a WebSocket: each event is a notification.
final class RPCFollow {
    let number: Int
    private let feed: FollowFeed
    private let socket: RPCSocket
    private let head: [UInt8]

    init(_ number: Int, _ choice: FollowChoice, _ socket: RPCSocket) throws(HTTPFailure) {
        self.number = number
        self.socket = socket
        feed = try FollowFeed(choice, socket.gateway.hub)
        var json = JSONWriter()
        json.part("{\"jsonrpc\":\"2.0\",\"method\":\"follow\",\"params\":{\"subscription\":")
        json.integer(number)
        json.part(",\"event\":")
        head = json.bytes
        feed.hasNews = { socket.connection?.wake() }
    }

    func end() { feed.end() }

    /// Sends what has come, as far as the client takes it.
    ///
    /// - Returns: whether there is more that could be sent at once.
    func fill() throws(WebSocketClose) -> Bool {
        guard let connection = socket.connection else { return false }
        do throws(FollowFailure) {
            return try feed.take(while: { connection.output.count < GatewayConnection.outputLimit }) {
                connection.sendEvent(head, $0)
            }
        } catch {
            throw .trouble
        }
    }
}
