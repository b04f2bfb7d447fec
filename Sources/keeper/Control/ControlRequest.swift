import KeeperShared

/// A request of JSON-RPC 2.0.
struct ControlRequest {
    let method: String
    /// An object.
    let parameters: JSONValue
    let reply: Reply
}

extension ControlRequest {
    /// Why a line is no request, and where to say so.
    struct Refusal: Error {
        /// nil where nothing is said: a notification.
        let reply: Reply?
        let error: ControlError
    }

    /// - Parameter connection: where the line came from.
    init(_ line: UnsafeBufferPointer<UInt8>, from connection: UInt64) throws(Refusal) {
        let null = Reply(connection: connection, id: Array("null".utf8))
        let request: JSONValue
        do throws(JSONError) {
            request = try JSONValue.parse(line)
        } catch {
            throw Refusal(reply: null, error: .parse(error))
        }
        guard request.members != nil else {
            throw Refusal(reply: null, error: .invalidRequest("one object per line is expected"))
        }
        var id: [UInt8]?
        if let value = request["id"] {
            switch value {
            case .string, .integer, .number, .null:
                var json = JSONWriter()
                json.value(value)
                id = json.bytes
            case .bool, .array, .object:
                throw Refusal(reply: null, error: .invalidRequest("id must be a string or a number"))
            }
        }
        reply = Reply(connection: connection, id: id)
        // What is no request is answered even when it has no id; a notification is a valid request without one.
        let orNull = id == nil ? null : reply
        guard equalUTF8(request["jsonrpc"]?.stringValue ?? "", "2.0") else {
            throw Refusal(reply: orNull, error: .invalidRequest("jsonrpc must be \"2.0\""))
        }
        guard let method = request["method"]?.stringValue else {
            throw Refusal(reply: orNull, error: .invalidRequest("method must be a string"))
        }
        self.method = method
        parameters = request["params"] ?? .object([])
        guard parameters.members != nil else {
            throw Refusal(reply: reply, error: .invalidParameters("an object is expected"))
        }
    }
}
