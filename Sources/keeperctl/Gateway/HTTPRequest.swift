import KeeperShared

/// Why a request gets no answer but an error: its status and one line for people.
struct HTTPFailure: Error {
    let status: Int
    let message: String
    /// A word for programs instead of the status's own.
    var code: StaticString?
    /// Another field of the answer's head, whole, such as `Allow: GET`.
    var field: String?
    /// Whether what follows in the stream can't be told apart from this request any more.
    var endsConnection = false

    init(
        _ status: Int, _ message: String, code: StaticString? = nil, field: String? = nil,
        endsConnection: Bool = false
    ) {
        self.status = status
        self.message = message
        self.code = code
        self.field = field
        self.endsConnection = endsConnection
    }

    /// A request that breaks the rules of RFC 9112: where the next one would begin can't be known.
    static func malformed(_ message: String) -> HTTPFailure {
        HTTPFailure(400, message, endsConnection: true)
    }
}

/// What a request wants done.
enum HTTPMethod: String, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
    case connect = "CONNECT"
    case trace = "TRACE"
}

/// The fields of a head, where they lie in its bytes.
struct HTTPFields {
    struct Field {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// The whole head; names are in lower case.
    fileprivate var bytes: [UInt8]
    fileprivate var fields: [Field] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { fields.count }

    /// - Parameter name: in whatever case.
    mutating func append(name: Range<Int>, value: Range<Int>) {
        for index in name { bytes[index] = lowerCase(bytes[index]) }
        fields.append(Field(name: name, value: value))
    }

    /// Puts a value in the place of those that were there.
    mutating func replace(_ name: StaticString, with value: [UInt8]) {
        fields.removeAll { isText(bytes[$0.name], name) }
        let start = bytes.count
        bytes.append(literal: name)
        let end = bytes.count
        bytes += value
        fields.append(Field(name: start..<end, value: end..<bytes.count))
    }
}

/// The head of a request, as RFC 9112 has it.
struct HTTPRequest {
    /// How its body's end is known.
    enum Body: Equatable {
        case none
        case length(Int)
        case chunked
    }

    let method: HTTPMethod
    /// The decoded parts of the path, without the empty ones at its ends.
    let path: [String]
    /// Names and values after the question mark, decoded, in order.
    let query: [(name: String, value: String)]
    /// Whether it came in HTTP/1.0, which knows neither chunks nor a second request.
    let isOld: Bool
    private(set) var body = Body.none
    /// Whether another request may follow on the connection.
    private(set) var keepsAlive: Bool
    private let fields: HTTPFields

    /// - Throws: what the fields say about the body that could be understood in two ways.
    init(
        method: HTTPMethod, path: [String], query: [(name: String, value: String)], isOld: Bool,
        fields: HTTPFields
    ) throws(HTTPFailure) {
        self.method = method
        self.path = path
        self.query = query
        self.isOld = isOld
        self.fields = fields
        keepsAlive = !isOld
        body = try framing()
        if has("close", in: "connection") { keepsAlive = false }
    }

    private func framing() throws(HTTPFailure) -> Body {
        var hosts = 0
        var length: Int?
        var isChunked = false
        for field in fields.fields {
            if isText(fields.bytes[field.name], "host") {
                hosts += 1
            } else if isText(fields.bytes[field.name], "content-length") {
                // Twice, even with the same value, is how one request becomes two.
                guard length == nil, field.value.count <= 18,
                    let value = decimal(Array(fields.bytes[field.value]))
                else { throw .malformed("Content-Length is not one decimal number") }
                length = value
            } else if isText(fields.bytes[field.name], "transfer-encoding") {
                if isChunked || !isText(lowerCase(Array(fields.bytes[field.value])), "chunked") {
                    throw HTTPFailure(
                        501, "no Transfer-Encoding but chunked is understood", endsConnection: true)
                }
                isChunked = true
            }
        }
        if isChunked && (length != nil || isOld) {
            throw .malformed("Transfer-Encoding with Content-Length, or in HTTP/1.0")
        }
        if hosts > 1 || (hosts == 0 && !isOld) {
            throw .malformed(hosts == 0 ? "there is no field Host" : "there is more than one field Host")
        }
        if isChunked { return .chunked }
        if let length, length > 0 { return .length(length) }
        return .none
    }

    /// The value of the only field of that name; several are joined by commas (RFC 9110, 5.3). Nil without any.
    ///
    /// - Parameter name: in lower case.
    func field(_ name: StaticString) -> [UInt8]? {
        var value: [UInt8]?
        for field in fields.fields where isText(fields.bytes[field.name], name) {
            let own = fields.bytes[field.value]
            if value == nil { value = Array(own) } else { value! += Array(", ".utf8) + own }
        }
        return value
    }

    /// The field's value as text.
    func text(_ name: StaticString) -> String? { field(name).map { String(decoding: $0, as: UTF8.self) } }

    /// Whether a field that is a list of words has this one, in whatever case.
    ///
    /// - Parameter word: in lower case.
    func has(_ word: StaticString, in name: StaticString) -> Bool {
        guard let value = field(name) else { return false }
        for part in value.split(separator: UInt8(ascii: ",")) where isText(lowerCase(trimmed(part)), word) {
            return true
        }
        return false
    }
}

/// Whether bytes are this text.
func isText(_ bytes: [UInt8], _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount
        && bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

/// Whether these bytes are this text.
func isText(_ bytes: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount
        && bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

/// ASCII letters in lower case.
func lowerCase(_ bytes: [UInt8]) -> [UInt8] { bytes.map { lowerCase($0) } }

func lowerCase(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// Without the spaces and tabs at both ends.
func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var rest = bytes
    while let first = rest.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
        rest = rest.dropFirst()
    }
    while let last = rest.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
        rest = rest.dropLast()
    }
    return Array(rest)
}
