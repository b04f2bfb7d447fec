import KeeperShared

/// One client's connection to the control socket.
final class ControlConnection {
    let token: UInt64
    private(set) var socket: FileDescriptor
    var lines = LineBuffer(longest: ControlServer.maximumMessage)
    /// Answers that the client has not taken yet.
    var outgoing: [UInt8] = []
    /// What the poller watches it for.
    var interest: Readiness = []
    /// Requests that are not answered yet.
    var pendingReplies = 0
    var hasEnded = false
    var closesWhenSent = false
    /// What follows is no message.
    var isStream = false

    init(token: UInt64, socket: consuming FileDescriptor) {
        self.token = token
        self.socket = socket
    }

    var isClosed: Bool { socket.raw < 0 }

    /// Gives the socket away; the connection is closed then.
    func takeSocket() -> FileDescriptor { exchange(&socket, with: FileDescriptor(owning: -1)) }
}
