import Glibc
import Testing

/// A gateway in a sandbox, spoken to byte by byte.
final class RawGateway {
    let box: Sandbox
    let running: Running
    let port: Int
    let socket: String
    let token: String
    let readingToken: String

    init(_ box: Sandbox, _ options: [String] = [], under prefix: [String] = []) throws {
        self.box = box
        socket = "\(box.root)/g.sock"
        running = try box.start(
            prefix + [
                Executables.keeperctl, "gateway", "--listen", "127.0.0.1:0", "--listen", "unix:\(socket)",
            ]
                + options)
        let url = try #require(try running.readLine(), "\(running.errorText)")
        port = try #require(Int(url.dropLast().split(separator: ":").last ?? ""))
        token = try box.ctl("gateway", "--show-token").line
        readingToken = try box.ctl("gateway", "--show-token", "--read-only").line
    }

    var pid: Int { Int(running.pid) }
    var host: String { "127.0.0.1:\(port)" }
    var authorization: String { "Authorization: Bearer \(token)\r\n" }

    /// Over TCP, where a token is needed.
    func connect() throws -> RawConnection { try RawConnection(port: port) }

    /// At the Unix socket.
    func connectLocally() throws -> RawConnection { try RawConnection(path: socket) }

    /// One request on a connection of its own; what comes back.
    ///
    /// - Parameter isEndless: whether the body may have no end; it is not read.
    func ask(
        _ request: String, _ fields: String = "", host: String? = nil, body: String = "",
        isEndless: Bool = false
    ) throws -> RawAnswer {
        let client = try connect()
        try client.send(
            "\(request) HTTP/1.1\r\nHost: \(host ?? self.host)\r\n\(fields)Connection: close\r\n"
                + (body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n") + "\r\n\(body)")
        return try client.readAnswer(toHead: isEndless || request.hasPrefix("HEAD"))
    }
}

/// What a server answers.
struct RawAnswer {
    let status: Int
    /// Names in lower case.
    let fields: [String: String]
    let body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
    var code: String? { (try? JSON(parsing: body))?["error"]?["code"]?.string }
}

struct NoAnswer: Error, CustomStringConvertible {
    let description: String
}

/// A client that sends and receives bytes.
final class RawConnection {
    private(set) var descriptor: Int32
    private var buffer: [UInt8] = []

    init(port: Int) throws {
        descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try prepare()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0),
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw CallFailed("connect") }
    }

    init(path: String) throws {
        descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try prepare()
        try withSocketAddress(path) { address, length in
            let address = __CONST_SOCKADDR_ARG(__sockaddr__: address)
            guard Glibc.connect(descriptor, address, length) == 0 else { throw CallFailed("connect") }
        }
    }

    private func prepare() throws {
        _ = brokenPipesAreErrors
        guard descriptor >= 0 else { throw CallFailed("socket") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var time = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { hangUp() }

    func hangUp() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        hangUp()
    }

    func send(_ text: String) throws { try send([UInt8](text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard writeAll(bytes, to: descriptor) else { throw CallFailed("write") }
    }

    /// Sends as long as the server takes it; false when it has closed.
    func offer(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: descriptor) }

    /// Everything up to the end; a reset counts as one.
    func readToEnd() -> [UInt8] {
        while let chunk = readChunk(descriptor) { buffer += chunk }
        defer { buffer = [] }
        return buffer
    }

    /// Exactly so many bytes.
    func read(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func fill() throws {
        guard let chunk = readChunk(descriptor) else {
            throw NoAnswer(
                description: "the end after \(String(decoding: buffer, as: UTF8.self).debugDescription)")
        }
        buffer += chunk
    }

    func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                defer { buffer.removeFirst(end + 1) }
                return String(decoding: buffer[..<end].filter { $0 != 13 }, as: UTF8.self)
            }
            try fill()
        }
    }

    /// The next answer, by the rules for its length.
    func readAnswer(toHead: Bool = false) throws -> RawAnswer {
        let line = try readLine()
        guard line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9).prefix(3)) else {
            throw NoAnswer(description: line)
        }
        var fields: [String: String] = [:]
        while case let field = try readLine(), !field.isEmpty {
            let colon = field.firstIndex(of: ":") ?? field.endIndex
            fields[field[..<colon].lowercased()] = String(field[colon...].dropFirst().drop { $0 == " " })
        }
        var body: [UInt8] = []
        if toHead || status < 200 || status == 204 || status == 304 {
        } else if let length = fields["content-length"].flatMap({ Int($0) }) {
            body = try read(length)
        } else if fields["transfer-encoding"] == "chunked" {
            while case let count = Int(try readLine(), radix: 16) ?? 0, count > 0 {
                body += try read(count)
                _ = try readLine()
            }
            _ = try readLine()
        } else {
            body = readToEnd()
        }
        return RawAnswer(status: status, fields: fields, body: body)
    }

    // MARK: WebSocket

    /// Asks to become a WebSocket, and must.
    func upgrade(_ path: String, _ fields: String = "", host: String = "keeper") throws {
        try send(
            "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(fields)\r\n")
        let answer = try readAnswer()
        guard answer.status == 101 else { throw NoAnswer(description: "\(answer)") }
    }

    /// The next frame of the server's, whose frames have no mask.
    func readFrame() throws -> (opcode: UInt8, payload: [UInt8]) {
        let head = try read(2)
        var count = Int(head[1])
        if count == 126 { count = try read(2).reduce(0) { $0 << 8 | Int($1) } }
        if count == 127 { count = try read(8).reduce(0) { $0 << 8 | Int($1) } }
        return (head[0] & 15, try read(count))
    }

    /// The code that the server closes with.
    func readCloseCode() throws -> Int {
        while true {
            let (opcode, payload) = try readFrame()
            if opcode == 8 { return payload.prefix(2).reduce(0) { $0 << 8 | Int($1) } }
        }
    }
}

/// A client's frame, masked.
func clientFrame(
    _ opcode: UInt8, _ payload: [UInt8], isLast: Bool = true, mask: [UInt8] = [1, 2, 3, 4]
) -> [UInt8] {
    var frame = [opcode | (isLast ? 0x80 : 0)]
    switch payload.count {
    case ..<126: frame.append(0x80 | UInt8(payload.count))
    case ..<65_536: frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    default:
        frame.append(0x80 | 127)
        for shift in stride(from: 56, through: 0, by: -8) {
            frame.append(UInt8(truncatingIfNeeded: payload.count >> shift))
        }
    }
    return frame + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
}
