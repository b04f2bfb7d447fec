import KeeperShared

/// One thing that can be asked for: how over HTTP, how as a method of JSON-RPC, what it takes, and what it does.
///
/// Dispatch, `/openapi.json` and the table in the man page are made of these.
struct Route {
    /// The name of the method, and of the operation in OpenAPI.
    let name: StaticString
    let method: HTTPMethod
    /// Below `/api/v1`, or from the root where it begins with a slash. `{id}` is a session's id.
    let path: StaticString
    let right: Right
    let summary: StaticString
    var fields: [RouteField] = []
    /// What comes back when it is done.
    let result: RouteResult
    /// Statuses that mean that it is not done, besides those that every route has.
    var failures: [Int] = []
    /// Whether it is a method of JSON-RPC as well: whatever answers with a document.
    var isMethod = true
    let run: @Sendable (Gateway, RouteInput) throws(HTTPFailure) -> Answer

    /// Whether its path names a session.
    var hasID: Bool { "\(path)".utf8.contains(UInt8(ascii: "{")) }
    var hasBody: Bool { method != .get && method != .delete }
}

/// What a route answers with.
struct RouteResult {
    let status: Int
    let type: StaticString?
    let summary: StaticString
    /// The name of its schema in OpenAPI; nil for any JSON, and for what is none.
    let schema: StaticString?
    /// What the body may be instead, as the request wants it.
    var otherTypes: [StaticString] = []
    /// Statuses that mean success as well.
    var others: [Int] = []

    /// JSON with status 200.
    init(_ summary: StaticString, _ schema: StaticString? = nil) {
        self.init(200, MediaType.json, summary, schema)
    }

    init(
        _ status: Int, _ type: StaticString? = MediaType.json, _ summary: StaticString,
        _ schema: StaticString? = nil, otherTypes: [StaticString] = [], others: [Int] = []
    ) {
        self.status = status
        self.type = type
        self.summary = summary
        self.schema = schema
        self.otherTypes = otherTypes
        self.others = others
    }
}

/// One member of a route's body, or one name in its query where it has no body.
struct RouteField {
    enum Kind {
        case text
        /// Text of a form, and what that is called.
        case pattern(StaticString, StaticString)
        case flag
        case integer(min: Int, max: Int)
        case texts
        /// An object whose values are strings, or null where that has a meaning.
        case labels
        case choice([StaticString])
        /// Any JSON value.
        case any
        /// Lines of text: one, or an array of them.
        case lines
    }

    let name: StaticString
    let kind: Kind
    let help: StaticString
    let isRequired: Bool

    init(_ name: StaticString, _ kind: Kind, _ help: StaticString, required: Bool = false) {
        self.name = name
        self.kind = kind
        self.help = help
        isRequired = required
    }

    /// A time such as `350ms`, `2s` or `5m`.
    static let durationPattern: StaticString = "^([0-9]{1,5}(\\.[0-9]{1,3})?(ms|s|m|h|d)|0)$"
    static let duration = Kind.pattern(durationPattern, "a duration such as 350ms, 2s or 5m")
    /// Where somebody was in a session's output.
    static let place = Kind.pattern(
        "^([0-9]{1,18}|[0-9a-f]+:[0-9]{1,18}:[0-9]{1,18})$", "a position or a cursor INSTANCE:STDOUT:STDERR")

    /// - Returns: why the value is none of this field's; nil if it is one.
    func problem(_ value: JSONValue) -> String? {
        switch kind {
        case .text: return value.stringValue == nil ? "a string" : nil
        case .pattern(let pattern, let name):
            guard let text = value.stringValue.map({ Argument($0) }) else { return "\(name)" }
            let isRight =
                isText(Array("\(pattern)".utf8), RouteField.durationPattern)
                ? text.duration != nil : decimal(text.bytes) != nil || Cursor(text.bytes) != nil
            return isRight ? nil : "\(name)"
        case .flag: return value.boolValue == nil ? "true or false" : nil
        case .integer(let min, let max):
            guard let number = value.intValue, number >= min, number <= max else {
                return concat("a whole number from ", String(min), " to ", String(max))
            }
            return nil
        case .texts:
            let isRight = value.arrayValue?.allSatisfy { $0.stringValue != nil } ?? false
            return isRight ? nil : "an array of strings"
        case .lines:
            if value.stringValue != nil { return nil }
            guard let elements = value.arrayValue, !elements.isEmpty else { return "an array of lines" }
            return nil
        case .labels:
            guard let members = value.members else { return "an object of strings" }
            for member in members {
                switch member.value {
                case .string, .null: break
                case .bool, .integer, .number, .array, .object: return "an object of strings"
                }
            }
            return nil
        case .choice(let words):
            if let text = value.stringValue, words.contains(where: { equalUTF8("\($0)", text) }) {
                return nil
            }
            var list = "one of"
            for word in words { list = concat(list, " ", "\(word)") }
            return list
        case .any: return nil
        }
    }

    /// What a text in a query means for this field; nil when it means nothing.
    func value(of text: String) -> JSONValue? {
        switch kind {
        case .flag:
            if text.utf8.isEmpty || equalUTF8(text, "true") || equalUTF8(text, "1") { return .bool(true) }
            return equalUTF8(text, "false") || equalUTF8(text, "0") ? .bool(false) : nil
        case .integer: return decimal(Array(text.utf8)).map { .integer(Int64($0)) }
        case .texts: return .array([.string(text)])
        case .text, .pattern, .choice, .any, .lines, .labels: return .string(text)
        }
    }
}

/// What a request says, checked against its route's fields.
struct RouteInput {
    let id: SessionID?
    let members: [JSONMember]
    /// Nil for a message on a WebSocket.
    let request: HTTPRequest?
    /// What the caller may do.
    let right: Right

    subscript(_ name: StaticString) -> JSONValue? {
        for member in members where isText(Array(member.name.utf8), name) {
            if case .null = member.value { return nil }
            return member.value
        }
        return nil
    }

    func text(_ name: StaticString) -> String? { self[name]?.stringValue }
    func flag(_ name: StaticString) -> Bool { self[name]?.boolValue ?? false }
    func integer(_ name: StaticString) -> Int? { self[name]?.intValue.map { Int($0) } }
    func texts(_ name: StaticString) -> [String] {
        (self[name]?.arrayValue ?? []).compactMap { $0.stringValue }
    }
}

extension Route {
    /// From the root, as OpenAPI and the documents write it.
    var fullPath: String {
        let path = "\(path)"
        return path.utf8.first == UInt8(ascii: "/") ? path : concat("/api/v1/", path)
    }

    /// Takes the parts of a path that this route has.
    ///
    /// - Returns: nil when it is another route's; the text in the place of `{id}`, empty for none, if it is this one's.
    func match(_ parts: [String]) -> String? {
        var id = ""
        var rest = parts[...]
        var pattern = UnsafeBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount)[...]
        let slash = UInt8(ascii: "/")
        if pattern.first == slash {
            pattern = pattern.dropFirst()
        } else {
            guard rest.count >= 2, equalUTF8(rest[0], "api"), equalUTF8(rest[1], "v1") else { return nil }
            rest = rest.dropFirst(2)
        }
        while !pattern.isEmpty {
            guard let part = rest.popFirst() else { return nil }
            let end = pattern.firstIndex(of: slash) ?? pattern.endIndex
            if pattern.first == UInt8(ascii: "{") {
                id = part
            } else if !part.utf8.elementsEqual(pattern[..<end]) {
                return nil
            }
            pattern = pattern[end...].dropFirst()
        }
        return rest.isEmpty ? id : nil
    }

    /// - Throws: 403 for a caller who may not do this.
    func check(_ right: Right) throws(HTTPFailure) {
        if right < self.right {
            throw HTTPFailure(403, "this token is good for looking, not for changing anything")
        }
    }

    /// Checks what a request says.
    ///
    /// - Throws: 400 that names the field: an unknown one, a missing one, one of another type.
    func input(
        id: String, _ members: [JSONMember], _ request: HTTPRequest?, _ right: Right
    ) throws(HTTPFailure) -> RouteInput {
        var session: SessionID?
        if hasID {
            do throws(SessionIDError) { session = try SessionID(bytes: Array(id.utf8)) } catch {
                throw HTTPFailure(
                    404, concat(quoted(id), " is not a session id: ", error.message), code: "noSession")
            }
        }
        for (number, member) in members.enumerated() {
            for other in members[..<number] where equalUTF8(other.name, member.name) {
                throw HTTPFailure(400, concat("the field ", quoted(member.name), " is there twice"))
            }
            if takesAll { continue }
            guard let field = field(member.name) else {
                throw HTTPFailure(
                    400, concat("unknown field ", quoted(member.name), "; ", names))
            }
            if case .null = member.value, !field.isRequired { continue }
            if let wanted = field.problem(member.value) {
                throw HTTPFailure(400, concat("the field ", quoted(member.name), " must be ", wanted))
            }
        }
        for field in fields where field.isRequired {
            if !members.contains(where: { isText(Array($0.name.utf8), field.name) }) {
                throw HTTPFailure(400, concat("the field ", quoted("\(field.name)"), " is missing"))
            }
        }
        return RouteInput(id: session, members: members, request: request, right: right)
    }

    func field(_ name: String) -> RouteField? { fields.first { isText(Array(name.utf8), $0.name) } }

    private var names: String {
        if fields.isEmpty { return "it takes none" }
        var list = "it takes"
        for field in fields { list = concat(list, " ", "\(field.name)") }
        return list
    }

    /// What a query says, as members: repeated names are arrays where the field is one.
    func members(ofQuery query: [(name: String, value: String)]) throws(HTTPFailure) -> [JSONMember] {
        var members: [JSONMember] = []
        for pair in query {
            guard let field = field(pair.name) else {
                throw HTTPFailure(400, concat("unknown name ", quoted(pair.name), " in the query; ", names))
            }
            guard let value = field.value(of: pair.value) else {
                let wanted = field.problem(.null) ?? "something else"
                throw HTTPFailure(400, concat(quoted(pair.name), " in the query must be ", wanted))
            }
            if case .texts = field.kind,
                let place = members.firstIndex(where: { equalUTF8($0.name, pair.name) }),
                let before = members[place].value.arrayValue
            {
                members[place].value = .array(before + [.string(pair.value)])
            } else {
                members.append(JSONMember(name: pair.name, value: value))
            }
        }
        return members
    }

    /// Options of `spawn`, which its own table checks.
    var takesAll: Bool { isText(Array("\(name)".utf8), "spawn") }
}
