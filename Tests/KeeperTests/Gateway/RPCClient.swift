import Testing

/// A client of the gateway's WebSockets.
final class RPCClient {
    let connection: RawConnection
    /// Messages that came before an answer that was waited for.
    private(set) var told: [JSON] = []
    private var number = 0

    /// - Parameter token: over TCP with it; without it at the Unix socket.
    init(
        _ gateway: RawGateway, _ path: String = "ws", greets: Bool = false, token: String? = nil
    ) throws {
        connection = try token == nil ? gateway.connectLocally() : gateway.connect()
        var protocols = greets ? [] : ["keeper.v1"]
        if let token { protocols.append("keeper.bearer.\(token)") }
        let field =
            protocols.isEmpty
            ? "" : "Sec-WebSocket-Protocol: \(protocols.joined(separator: ", "))\r\n"
        try connection.upgrade("/api/v1/\(path)", field, host: token == nil ? "keeper" : gateway.host)
    }

    func send(_ text: String) throws { try connection.send(clientFrame(1, [UInt8](text.utf8))) }

    func type(_ text: String) throws { try connection.send(clientFrame(2, [UInt8](text.utf8))) }

    /// The next message as it came.
    func text() throws -> String {
        while true {
            let (opcode, payload) = try connection.readFrame()
            if opcode == 1 || opcode == 2 { return String(decoding: payload, as: UTF8.self) }
            if opcode == 8 { throw NoAnswer(description: "close: \(payload)") }
        }
    }

    func message() throws -> JSON { try JSON(parsing: try text().utf8) }

    /// Sends a request.
    @discardableResult
    func ask(_ method: String, _ params: String = "{}") throws -> Int {
        number += 1
        try send("{\"jsonrpc\":\"2.0\",\"id\":\(number),\"method\":\"\(method)\",\"params\":\(params)}")
        return number
    }

    /// The answer to a request.
    func answer(to number: Int) throws -> JSON {
        while true {
            let message = try message()
            if message["id"]?.int == number {
                #expect(message["jsonrpc"]?.string == "2.0")
                return message
            }
            told.append(message)
        }
    }

    func call(_ method: String, _ params: String = "{}") throws -> JSON {
        try answer(to: try ask(method, params))
    }

    /// Bytes up to some text.
    func read(until end: String) throws -> String {
        var text = ""
        while !text.contains(end) { text += try self.text() }
        return text
    }

    /// Events of a subscription as they came, up to one that has some text in it.
    func events(_ subscription: Int, until end: String) throws -> [String] {
        let head =
            "{\"jsonrpc\":\"2.0\",\"method\":\"follow\",\"params\":{\"subscription\":\(subscription),\"event\":"
        var events: [String] = []
        while true {
            let text = try text()
            guard text.hasPrefix(head), text.hasSuffix("}}") else { throw NoAnswer(description: text) }
            events.append(String(text.dropFirst(head.count).dropLast(2)))
            if text.contains(end) { return events }
        }
    }
}
