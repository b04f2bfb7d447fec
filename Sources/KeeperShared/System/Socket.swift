import CSystem

/// Unix stream sockets, by names short enough for an address or relative to a directory descriptor.
extension FileDescriptor {
    private static func unixSocket(nonBlocking: Bool) throws(SystemError) -> FileDescriptor {
        let type = csys_stream | (nonBlocking ? O_NONBLOCK : 0)
        return FileDescriptor(owning: try systemCall("socket") { socket(AF_UNIX, type, 0) })
    }

    /// A socket bound at `path` (relative to the working directory, at most 107 bytes) with mode 0600, listening.
    package static func listening(at path: String) throws(SystemError) -> FileDescriptor {
        let listener = try unixSocket(nonBlocking: true)
        let number = listener.raw
        // The name is made with the mode of the socket that is bound; the umask belongs to all threads of a process.
        try systemCall("chmod", path) { fchmod(number, 0o600) }
        try systemCall("bind", path) { csys_bind_unix(number, path) }
        try systemCall("listen", path) { listen(number, 4096) }
        return listener
    }

    /// A connection to the socket `name` below `directory`, however deep that is.
    ///
    /// - Parameter timeout: nanoseconds to wait for room in the listener's queue.
    package static func connected(
        to name: String, in directory: borrowing FileDescriptor, timeout: Int64
    ) throws(SystemError) -> FileDescriptor {
        let client = try unixSocket(nonBlocking: false)
        let number = client.raw
        // On Linux the send time-out also bounds connect.
        var limit = timeval(
            tv_sec: Int(timeout / 1_000_000_000), tv_usec: Int(timeout % 1_000_000_000 / 1000))
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let path = "/proc/self/fd/\(directory.raw)/\(name)"
        let code: Int32
        if path.utf8.count <= 107 {
            let result = csys_connect_unix(number, path)
            code = result < 0 ? csys_errno() : 0
        } else {
            // A path descriptor of the socket itself has a short name too.
            let socket = try directory.open(name, O_PATH)
            let result = csys_connect_unix(number, "/proc/self/fd/\(socket.raw)")
            code = result < 0 ? csys_errno() : 0
        }
        if code != 0 { throw SystemError("connect", name, code) }
        limit = timeval(tv_sec: 0, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return client
    }

    /// The next connection, or nil when none waits.
    package borrowing func accept() throws(SystemError) -> FileDescriptor? {
        while true {
            if let code = Faults.next("accept", "") { throw SystemError("accept", "", code) }
            let number = csys_accept(raw)
            if number >= 0 { return FileDescriptor(owning: number) }
            let code = csys_errno()
            switch code {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw SystemError("accept", "", code)
            }
        }
    }

    /// Who is at the other end of a Unix socket.
    package borrowing func peerUser() -> uid_t? { peer()?.uid }

    /// The process at the other end; 0 for one of another PID namespace.
    package borrowing func peerProcess() -> pid_t? { peer()?.pid }

    private borrowing func peer() -> ucred? {
        var credentials = ucred()
        var size = socklen_t(MemoryLayout<ucred>.size)
        return getsockopt(raw, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 ? credentials : nil
    }

    /// Bytes that can be received now.
    package borrowing func receivable() -> Int { max(0, Int(csys_readable(raw))) }

    /// Receives once. nil when nothing is there, 0 at end-of-file.
    ///
    /// - Parameter waiting: whether to wait for something on a descriptor that makes one wait.
    package borrowing func receive(
        into buffer: UnsafeMutableRawBufferPointer, peek: Bool = false, waiting: Bool = true
    ) throws(SystemError) -> Int? {
        let flags = (peek ? Int32(MSG_PEEK) : 0) | (waiting ? 0 : Int32(MSG_DONTWAIT))
        while true {
            let count = recv(raw, buffer.baseAddress, buffer.count, flags)
            if count >= 0 { return count }
            let code = csys_errno()
            if code == EAGAIN { return nil }
            if code != EINTR { throw SystemError("recv", "", code) }
        }
    }

    /// Sends once without SIGPIPE. nil when there is no room.
    ///
    /// - Parameter waiting: whether to wait for room on a descriptor that makes one wait.
    /// - Parameter more: whether more follows at once, so that the kernel need not send a small packet.
    package borrowing func send(
        _ bytes: UnsafeRawBufferPointer, waiting: Bool = true, more: Bool = false
    ) throws(SystemError) -> Int? {
        let flags =
            Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT)) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let count = CSystem.send(raw, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return count }
            let code = csys_errno()
            if code == EAGAIN { return nil }
            if code != EINTR { throw SystemError("send", "", code) }
        }
    }

    /// Tells the peer that no more will come.
    package borrowing func shutDownSending() { shutdown(raw, Int32(SHUT_WR)) }

    /// Whether the peer has closed both directions by now.
    package borrowing func peerHasGone() -> Bool {
        var entry = pollfd(fd: raw, events: 0, revents: 0)
        return poll(&entry, 1, 0) > 0 && Int32(entry.revents) & (POLLHUP | POLLERR) != 0
    }
}

/// A socket whose peer has said nothing and is gone.
package func endedSocket() throws(SystemError) -> FileDescriptor {
    var pair: (Int32, Int32) = (-1, -1)
    let type = csys_stream | O_NONBLOCK
    let result = withUnsafeMutablePointer(to: &pair) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { socketpair(AF_UNIX, type, 0, $0) }
    }
    if result < 0 { throw SystemError("socketpair", "", csys_errno()) }
    _ = FileDescriptor(owning: pair.1)
    return FileDescriptor(owning: pair.0)
}

/// Both ends of a new pipe, close-on-exec.
package func makePipe() throws(SystemError) -> Pipe {
    if let code = Faults.next("pipe", "") { throw SystemError("pipe", "", code) }
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { pipe2($0, O_CLOEXEC) }
    }
    if result < 0 { throw SystemError("pipe", "", csys_errno()) }
    return Pipe(reading: FileDescriptor(owning: ends.0), writing: FileDescriptor(owning: ends.1))
}

/// The ends of a pipe.
package struct Pipe: ~Copyable {
    package let reading: FileDescriptor
    package let writing: FileDescriptor

    package init(reading: consuming FileDescriptor, writing: consuming FileDescriptor) {
        self.reading = reading
        self.writing = writing
    }

    /// Keeps one end and closes the other.
    package consuming func takeReading() -> FileDescriptor { reading }
    package consuming func takeWriting() -> FileDescriptor { writing }
}
