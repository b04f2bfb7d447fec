import Glibc

enum Received: Equatable {
    case eof([UInt8])
    case reset([UInt8])

    var bytes: [UInt8] {
        switch self {
        case .eof(let bytes), .reset(let bytes): bytes
        }
    }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// End-of-file as the first result of reading: every line was delivered.
    var isReceipt: Bool { self == .eof([]) }
}

/// A raw client of one of the sockets.
final class UnixClient {
    private(set) var descriptor: Int32
    private var buffer: [UInt8] = []
    private var lastCall = 0

    /// Connects through the directory's descriptor, so that a path of any length works.
    init(_ path: String, limit: Int = 60) throws {
        _ = brokenPipesAreErrors
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw CallFailed("socket") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var time = timeval(tv_sec: limit, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        do {
            try withSocketAddress(path) { address, length in
                guard connect(descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: address), length) == 0 else {
                    throw CallFailed("connect \(path)")
                }
            }
        } catch {
            close(descriptor)
            descriptor = -1
            throw error
        }
    }

    deinit { hangUp() }

    /// Closes both directions at once.
    func hangUp() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send([UInt8](text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            let count = sendSome(bytes[offset...], flags: 0)
            guard count > 0 else { throw CallFailed("send") }
            offset += count
        }
    }

    /// Sends what fits without waiting; the number of bytes taken.
    func sendNow(_ bytes: [UInt8]) -> Int {
        var offset = 0
        while offset < bytes.count {
            let count = sendSome(bytes[offset...], flags: Int32(MSG_DONTWAIT))
            if count <= 0 { break }
            offset += count
        }
        return offset
    }

    private func sendSome(_ bytes: ArraySlice<UInt8>, flags: Int32) -> Int {
        bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, flags | Int32(MSG_NOSIGNAL))
        }
    }

    func readToEnd() throws -> Received {
        while true {
            let (chunk, code) = receiveSome()
            buffer += chunk
            guard chunk.isEmpty else { continue }
            defer { buffer = [] }
            switch code {
            case 0: return .eof(buffer)
            case ECONNRESET: return .reset(buffer)
            default: throw CallFailed("recv", code)
            }
        }
    }

    /// Sends lines, half-closes and reads what comes back.
    func deliver(_ bytes: [UInt8]) throws -> Received {
        try send(bytes)
        halfClose()
        return try readToEnd()
    }

    func deliver(_ text: String) throws -> Received { try deliver([UInt8](text.utf8)) }

    /// Has anything, or the end, arrived?
    var isReadable: Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) > 0
    }

    func readLine() throws -> [UInt8] {
        while true {
            if let newline = buffer.firstIndex(of: 10) {
                defer { buffer.removeSubrange(...newline) }
                return [UInt8](buffer[..<newline])
            }
            let (chunk, code) = receiveSome()
            guard !chunk.isEmpty else { throw CallFailed("recv before the end of a line", code) }
            buffer += chunk
        }
    }

    /// A JSON-RPC call; the whole response with `result` or `error`.
    func call(_ method: String, _ params: [String: Any]? = nil) throws -> JSON {
        lastCall += 1
        var request: [String: Any] = ["jsonrpc": "2.0", "id": lastCall, "method": method]
        if let params { request["params"] = params }
        try send(try JSON.encode(request) + [10])
        while true {
            let answer = try JSON(parsing: try readLine())
            if answer["id"]?.int == lastCall { return answer }
        }
    }

    private func receiveSome() -> ([UInt8], Int32) {
        var code: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { space, used in
            var count = 0
            repeat {
                count = recv(descriptor, space.baseAddress, space.count, 0)
            } while count < 0 && errno == EINTR
            if count < 0 { code = errno }
            used = max(count, 0)
        }
        return (chunk, code)
    }
}

/// The address of a socket through a descriptor of its directory.
func withSocketAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void) throws {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    let directory = open(String(path[..<slash]), Linux.openPath | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw CallFailed("open \(path[..<slash])") }
    defer { close(directory) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = [UInt8]("/proc/self/fd/\(directory)\(path[slash...])".utf8)
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw CallFailed("name", ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    try withUnsafePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

/// Sends datagrams, each of them `FILL=1`, until no more are taken.
func fillSocket(_ path: String) throws {
    let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(number) }
    let text = Array("FILL=1".utf8)
    try withSocketAddress(path) { address, length in
        let address = __CONST_SOCKADDR_ARG(__sockaddr__: address)
        while sendto(number, text, text.count, Int32(MSG_DONTWAIT), address, length) == text.count {}
        guard errno == EAGAIN else { throw CallFailed("sendto \(path)") }
    }
}

/// A socket that the test itself listens on, as a foreign keeper would.
final class UnixListener {
    let descriptor: Int32
    let path: String

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        try withSocketAddress(path) { address, length in
            guard bind(descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: address), length) == 0 else {
                throw CallFailed("bind \(path)")
            }
        }
        guard listen(descriptor, 16) == 0 else { throw CallFailed("listen") }
    }

    deinit { close(descriptor) }
}
