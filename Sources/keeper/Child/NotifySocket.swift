import CSystem
import KeeperShared

/// Where the child says of itself that it is ready, what it does, and that it is alive: the receiving side of
/// sd_notify(3).
///
/// The name is in the abstract namespace: it exists before the session's folder has its place, works at any depth of
/// directory, and leaves nothing behind. Messages of other users are dropped.
final class NotifySocket {
    /// What one message says.
    struct Note {
        var isReady = false
        var isStopping = false
        var isAlive = false
        /// The child itself says that it hangs.
        var hangs = false
        var status: [UInt8]?
    }

    let socket: FileDescriptor
    /// For `$NOTIFY_SOCKET`; `@` stands for the NUL that abstract names begin with.
    let address: String

    /// Goes on with a socket that another binary of this process made.
    init(instance: String, owning socket: consuming FileDescriptor) {
        address = "@keeper-notify-\(instance)"
        self.socket = socket
    }

    init(instance: String) throws(SystemError) {
        let name = "keeper-notify-\(instance)"
        address = "@\(name)"
        socket = FileDescriptor(
            owning: try systemCall("bind", address) { name.withCString { csys_bind_notes($0) } })
    }

    /// The next message; nil when there is none.
    func next() -> Note? {
        var space = InlineArray<512, UInt64>(repeating: 0)
        return withUnsafeMutableBytes(of: &space) { buffer in
            var user: uid_t = 0
            while true {
                let count = csys_receive_note(socket.raw, buffer.baseAddress, buffer.count, &user)
                if count < 0 { return nil }
                if user != geteuid(), user != 0 { continue }
                return NotifySocket.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Reads `NAME=VALUE` lines; what nobody here knows is passed over.
    private static func parse(_ message: UnsafeRawBufferPointer) -> Note {
        var note = Note()
        for line in message.split(separator: UInt8(ascii: "\n")) {
            if line.elementsEqual("READY=1".utf8) { note.isReady = true }
            if line.elementsEqual("STOPPING=1".utf8) { note.isStopping = true }
            if line.elementsEqual("WATCHDOG=1".utf8) { note.isAlive = true }
            if line.elementsEqual("WATCHDOG=trigger".utf8) { note.hangs = true }
            if line.starts(with: "STATUS=".utf8) { note.status = Array(line.dropFirst(7)) }
        }
        return note
    }
}
