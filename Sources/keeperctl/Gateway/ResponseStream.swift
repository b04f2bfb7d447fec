import KeeperShared

/// An answer whose body comes bit by bit, or whose head is not known yet.
protocol ResponseStream: AnyObject {
    /// What the head says; nil as long as that is not known.
    var response: HTTPResponse? { get }
    var length: HTTPLength { get }
    /// The connection that waits for it: to be woken when there is more.
    var connection: GatewayConnection? { get set }
    /// Appends what there is, up to `limit` bytes or little more.
    ///
    /// - Returns: whether that was all there will be.
    func fill(_ body: inout PageBuffer, limit: Int) throws(HTTPFailure) -> Bool
    /// The caller has gone, or the answer is complete.
    func end()
    /// Whether it goes on for as long as the caller listens: no reason for a gateway that ends to wait.
    var isEndless: Bool { get }
}

extension ResponseStream {
    var isEndless: Bool { false }
}

/// What a connection is after its request to become a WebSocket.
protocol WebSocketHandler: AnyObject {
    var connection: GatewayConnection? { get set }
    /// The largest message that it takes, in bytes.
    var limit: Int { get }
    /// The handshake is through.
    func begin()
    /// A whole message. The bytes are valid only during the call.
    func receive(_ message: WebSocketMessage, _ bytes: UnsafeRawBufferPointer) throws(WebSocketClose)
    /// Those messages were received that have come.
    func endReceiving()
    /// Whether it takes messages now; if not, they wait in the socket.
    var isReady: Bool { get }
    /// There is room for output: appends frames.
    ///
    /// - Returns: whether there is more that could be sent at once.
    func fill() throws(WebSocketClose) -> Bool
    /// The connection has ended.
    func end()
}

extension WebSocketHandler {
    func endReceiving() {}
}

/// What a route makes of a request.
enum Answer {
    case now(HTTPResponse)
    case stream(any ResponseStream)
    /// With the subprotocol that was chosen.
    case webSocket(any WebSocketHandler, subprotocol: String?)
}
