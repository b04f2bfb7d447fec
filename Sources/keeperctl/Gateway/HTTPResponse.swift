import KeeperShared

/// An answer's status, what its body is, and the body where there is all of it.
struct HTTPResponse {
    var status = 200
    var type: StaticString? = MediaType.json
    var body: [UInt8] = []
    /// The file of the page that is the body, instead of bytes that were made.
    var file: Int32?
    /// More fields of the head, whole, without CR LF.
    var fields: [String] = []

    /// Nothing to tell.
    static let empty = HTTPResponse(status: 204, type: nil)

    /// The error body that all routes share: `{"error":{"code","message"}}`.
    init(_ failure: HTTPFailure) {
        status = failure.status
        body = errorBody(failure.code ?? HTTPResponse.code(of: failure.status), failure.message)
        if let field = failure.field { fields.append(field) }
    }

    init(status: Int = 200, type: StaticString? = MediaType.json, body: [UInt8] = [], fields: [String] = []) {
        self.status = status
        self.type = type
        self.body = body
        self.fields = fields
    }

    var bodySize: Int { file == nil ? body.count : withBody { $0.count } }

    /// Lends the body.
    func withBody<Result>(_ use: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard let file else { return body.withUnsafeBytes { use($0) } }
        return use(Page.bytes(of: file))
    }

    /// The word of a status that no command has given one.
    static func code(of status: Int) -> StaticString {
        switch status {
        case 400, 414, 431, 501, 505: "badRequest"
        case 401: "unauthorized"
        case 403, 421: "forbidden"
        case 404: "notFound"
        case 405: "methodNotAllowed"
        case 408: "timedOut"
        case 409: "conflict"
        case 413: "tooLarge"
        case 415: "unsupportedType"
        case 416: "badRange"
        case 426: "upgradeRequired"
        case 429: "tooManyAttempts"
        case 503: "busy"
        default: "failed"
        }
    }

    /// The reason phrase, for people who read along.
    static func reason(of status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 421: "Misdirected Request"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// The types of bodies.
enum MediaType {
    static let json: StaticString = "application/json"
    static let jsonLines: StaticString = "application/x-ndjson"
    static let events: StaticString = "text/event-stream"
    static let bytes: StaticString = "application/octet-stream"
    static let text: StaticString = "text/plain; charset=utf-8"
}

/// How many bytes an answer's body has.
enum HTTPLength {
    /// No body at all, not even an empty one: 1xx, 204, 304.
    case none
    case known(Int)
    /// Known when it has ended: in chunks, or up to the connection's end where the client is too old for that.
    case open
}

/// The head of an answer, with its empty line.
///
/// - Parameter isOld: whether the client speaks HTTP/1.0, and is told of the body's end by the connection's.
func httpHead(
    _ response: HTTPResponse, _ length: HTTPLength, closes: Bool, isOld: Bool = false, date: [UInt8]
) -> [UInt8] {
    var head: [UInt8] = []
    head.reserveCapacity(1024)
    head.append(literal: "HTTP/1.1 ")
    head.appendDecimal(UInt64(response.status))
    head.append(UInt8(ascii: " "))
    head.append(literal: HTTPResponse.reason(of: response.status))
    head.append(literal: "\r\nDate: ")
    head += date
    if let type = response.type {
        head.append(literal: "\r\nContent-Type: ")
        head.append(literal: type)
    }
    switch length {
    case .none: break
    case .known(let count):
        head.append(literal: "\r\nContent-Length: ")
        head.appendDecimal(UInt64(count))
    case .open: if !isOld { head.append(literal: "\r\nTransfer-Encoding: chunked") }
    }
    if closes { head.append(literal: "\r\nConnection: close") }
    head.append(literal: "\r\nX-Content-Type-Options: nosniff")
    for field in response.fields {
        head.append(literal: "\r\n")
        head.append(contentsOf: field.utf8)
    }
    head.append(literal: "\r\n\r\n")
    return head
}

/// `{"error":{"code","message"}}`
func errorBody(_ code: StaticString, _ message: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("error")
    json.beginObject()
    json.member("code", text: code)
    json.member("message", message)
    json.endObject()
    json.endObject()
    json.endLine()
    return json.bytes
}
