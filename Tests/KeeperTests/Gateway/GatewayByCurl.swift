import Glibc
import Testing

/// A gateway in a sandbox, asked by curl at its Unix socket.
struct GatewayByCurl {
    let box: Sandbox
    let running: Running
    private let socket: String

    init(_ box: Sandbox, _ options: String...) throws {
        self.box = box
        socket = "\(box.root)/g.sock"
        running = try box.start(
            [Executables.keeperctl, "gateway", "--listen", "127.0.0.1:0", "--listen", "unix:\(socket)"]
                + options)
        url = try #require(try running.readLine())
    }

    /// Of its port.
    let url: String

    struct Answer {
        let status: Int
        /// Names in lower case.
        let fields: [String: String]
        let body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSON? { try? JSON(parsing: body) }
        var code: String? { json?["error"]?["code"]?.string }
    }

    /// Sends a request.
    func ask(
        _ method: String, _ path: String, _ body: String? = nil, _ more: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Answer {
        var line = ["curl", "-sS", "-i", "-X", method, "--unix-socket", socket, "http://keeper\(path)"]
        if method == "HEAD" { line = line.filter { $0 != "-X" && $0 != "HEAD" } + ["-I"] }
        if let body { line += ["-H", "Content-Type: application/json", "-d", body] }
        let outcome = try box.run(line + more, sourceLocation: sourceLocation)
        try #require(outcome.status == 0, outcome.why, sourceLocation: sourceLocation)
        let bytes = outcome.stdout
        var end = 0
        while end + 4 <= bytes.count, Array(bytes[end..<end + 4]) != [13, 10, 13, 10] { end += 1 }
        let head = String(decoding: bytes[..<min(end, bytes.count)], as: UTF8.self).split(separator: "\r\n")
        var fields: [String: String] = [:]
        for field in head.dropFirst() {
            guard let colon = field.firstIndex(of: ":") else { continue }
            fields[field[..<colon].lowercased()] =
                String(field[field.index(after: colon)...].drop { $0 == " " })
        }
        let status = try #require(
            head.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }, outcome.why,
            sourceLocation: sourceLocation)
        return Answer(status: status, fields: fields, body: Array(bytes[min(end + 4, bytes.count)...]))
    }
}
