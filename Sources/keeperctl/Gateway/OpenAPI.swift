import KeeperShared

/// The table of routes as OpenAPI 3.1 describes an interface.
struct OpenAPI {
    private var json = JSONWriter()
    private let spawnOptions: [OptionSpec]

    /// Statuses that mean that a request is refused before anything is done, whatever its route.
    private static let refusals = [400, 401, 403, 421, 429, 500, 503]
    /// Those of a request with a body.
    private static let bodyRefusals = [408, 409, 413, 415, 422]

    /// - Parameter base: what all paths begin with, without the last slash.
    /// - Parameter spawnOptions: what `spawn` takes besides its route's own fields.
    static func document(_ base: String, _ spawnOptions: [OptionSpec]) -> [UInt8] {
        var document = OpenAPI(spawnOptions: spawnOptions)
        document.write(base)
        return document.json.bytes
    }

    private init(spawnOptions: [OptionSpec]) { self.spawnOptions = spawnOptions }

    private mutating func write(_ base: String) {
        json.beginObject()
        json.member("openapi", text: "3.1.0")
        json.key("info")
        json.beginObject()
        json.member("title", text: "keeper")
        json.member("version", text: keeperVersion)
        json.member(
            "description",
            text:
                "Sessions over HTTP. A WebSocket at /api/v1/ws has the same operations as methods of JSON-RPC 2.0."
        )
        json.endObject()
        json.key("servers")
        json.raw(Array("[{\"url\":".utf8) + quotedJSON(base.utf8.isEmpty ? "/" : base) + Array("}]".utf8))
        json.key("security")
        json.raw(Array("[{\"token\":[]},{\"cookie\":[]}]".utf8))
        json.key("paths")
        json.beginObject()
        for (number, route) in Routes.all.enumerated() {
            let path = "\(route.path)"
            if Routes.all[..<number].contains(where: { equalUTF8("\($0.path)", path) }) { continue }
            json.key(route.fullPath)
            json.beginObject()
            for other in Routes.all where equalUTF8("\(other.path)", path) { operation(other) }
            json.endObject()
        }
        json.endObject()
        json.key("components")
        json.raw(Array("\(OpenAPI.components)".utf8.filter { $0 != 10 }))
        json.endObject()
        json.endLine()
    }

    // MARK: Operations

    private mutating func operation(_ route: Route) {
        json.key(String(decoding: lowerCase(Array(route.method.rawValue.utf8)), as: UTF8.self))
        json.beginObject()
        json.member("operationId", text: route.name)
        json.member("summary", "\(route.summary)")
        json.member("x-right", text: route.right == .read ? "read" : "control")
        json.key("parameters")
        json.beginArray()
        if route.hasID { json.raw(Array("{\"$ref\":\"#/components/parameters/id\"}".utf8)) }
        if route.method == .post {
            json.raw(Array("{\"$ref\":\"#/components/parameters/idempotencyKey\"}".utf8))
        }
        if !route.hasBody { for field in route.fields { parameter(field) } }
        json.endArray()
        if route.hasBody { body(route) }
        responses(route)
        json.endObject()
    }

    private mutating func parameter(_ field: RouteField) {
        json.beginObject()
        json.member("name", text: field.name)
        json.member("in", text: "query")
        json.member("description", "\(field.help)")
        json.member("required", field.isRequired)
        json.key("schema")
        schema(field, isDescribed: false)
        json.endObject()
    }

    private mutating func body(_ route: Route) {
        let isRequired = route.fields.contains { $0.isRequired }
        json.key("requestBody")
        json.beginObject()
        json.member("required", isRequired)
        json.key("content")
        json.beginObject()
        json.key("\(MediaType.json)")
        json.beginObject()
        json.key("schema")
        json.beginObject()
        json.member("type", text: "object")
        json.key("properties")
        json.beginObject()
        for field in route.fields {
            json.key(field.name)
            schema(field, isDescribed: true)
        }
        if route.takesAll {
            for option in spawnOptions {
                let name = OpenAPI.name(of: option)
                if route.fields.contains(where: { equalUTF8("\($0.name)", name) }) { continue }
                json.key(name)
                schema(option)
            }
        }
        json.endObject()
        if isRequired {
            json.key("required")
            json.beginArray()
            for field in route.fields where field.isRequired { json.string("\(field.name)") }
            json.endArray()
        }
        json.member("additionalProperties", false)
        for _ in 0..<4 { json.endObject() }
    }

    private mutating func responses(_ route: Route) {
        json.key("responses")
        json.beginObject()
        response(route.result.status, route.result.summary, route.result)
        for status in route.result.others { response(status, HTTPResponse.reason(of: status), route.result) }
        var statuses = route.failures + OpenAPI.refusals
        if route.hasBody { statuses += OpenAPI.bodyRefusals }
        for status in 400..<600 where statuses.contains(status) {
            json.key(String(status))
            json.raw(
                Array("{\"description\":\"".utf8) + Array("\(HTTPResponse.reason(of: status))".utf8)
                    + Array("\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":".utf8)
                    + Array("\"#/components/schemas/Error\"}}}}".utf8))
        }
        json.endObject()
    }

    private mutating func response(_ status: Int, _ summary: StaticString, _ result: RouteResult) {
        json.key(String(status))
        json.beginObject()
        json.member("description", "\(summary)")
        if let type = result.type {
            json.key("content")
            json.beginObject()
            for type in [type] + result.otherTypes {
                json.key("\(type)")
                json.beginObject()
                json.key("schema")
                json.beginObject()
                if let schema = result.schema {
                    json.member("$ref", concat("#/components/schemas/", "\(schema)"))
                } else if !isText(Array("\(type)".utf8), MediaType.json) {
                    json.member("type", text: "string")
                }
                json.endObject()
                json.endObject()
            }
            json.endObject()
        }
        json.endObject()
    }

    // MARK: Schemas

    private mutating func schema(_ field: RouteField, isDescribed: Bool) {
        json.beginObject()
        if isDescribed { json.member("description", "\(field.help)") }
        switch field.kind {
        case .text: text("^[^\\u0000]*$")
        case .pattern(let pattern, _): text(pattern)
        case .flag: json.member("type", text: "boolean")
        case .integer(let min, let max): integer(min, max)
        case .texts:
            json.member("type", text: "array")
            json.key("items")
            json.raw(Array(#"{"type":"string","pattern":"^[^\\u0000]*$"}"#.utf8))
            if field.isRequired { json.member("minItems", 1) }
        case .labels:
            json.member("type", text: "object")
            json.key("additionalProperties")
            json.raw(Array(#"{"type":["string","null"]}"#.utf8))
        case .choice(let words):
            json.key("enum")
            json.beginArray()
            for word in words { json.string("\(word)") }
            json.endArray()
        case .any: break
        case .lines:
            json.key("type")
            json.raw(Array(#"["array","string"]"#.utf8))
            json.member("minItems", 1)
        }
        json.endObject()
    }

    private mutating func text(_ pattern: StaticString) {
        json.member("type", text: "string")
        json.member("pattern", "\(pattern)")
    }

    private mutating func integer(_ min: Int, _ max: Int) {
        json.member("type", text: "integer")
        json.member("minimum", min)
        if max != Int.max { json.member("maximum", max) }
    }

    /// An option of `spawn`, as a file of options has it.
    private mutating func schema(_ option: OptionSpec) {
        json.beginObject()
        json.member("description", option.help)
        if option.repeatable, case .keyValue = option.kind {
            json.member("type", text: "object")
            json.key("additionalProperties")
            json.raw(Array(#"{"type":"string"}"#.utf8))
        } else if option.repeatable {
            json.member("type", text: "array")
            json.key("items")
            json.raw(Array(#"{"type":"string"}"#.utf8))
        } else {
            switch option.kind {
            case .flag: json.member("type", text: "boolean")
            case .integer(let min, let max): integer(min, max)
            case .duration: text(RouteField.durationPattern)
            case .choice(let words):
                json.key("enum")
                json.beginArray()
                for word in words { json.string(word) }
                json.endArray()
            case .string, .moment, .size, .sessionID, .path, .keyValue, .signal, .stopSteps, .readiness,
                .restartLimit, .resourceLimit, .terminalSize, .command:
                json.member("type", text: "string")
            }
        }
        json.endObject()
    }

    /// `journal-size` is `journalSize`, and what may be repeated is in the plural.
    private static func name(of option: OptionSpec) -> String {
        var name: [UInt8] = []
        var isNext = false
        for byte in option.long.utf8 {
            if byte == UInt8(ascii: "-") {
                isNext = true
            } else {
                name.append(isNext ? byte & 0xdf : byte)
                isNext = false
            }
        }
        if equalUTF8(option.long, "label") { name.append(UInt8(ascii: "s")) }
        return String(decoding: name, as: UTF8.self)
    }

    private func quotedJSON(_ text: String) -> [UInt8] {
        var json = JSONWriter()
        json.string(text)
        return json.bytes
    }

    /// What operations refer to. Objects may get more members than are named here.
    private static let components: StaticString = #"""
        {"securitySchemes":{"token":{"type":"http","scheme":"bearer"},
        "cookie":{"type":"apiKey","in":"cookie","name":"keeper"}},
        "parameters":{"id":{"name":"id","in":"path","required":true,"description":"The session's id",
        "schema":{"type":"string","pattern":"^(?!launch-)[A-Za-z0-9_@:+][A-Za-z0-9._@:+-]{0,63}$"}},
        "idempotencyKey":{"name":"Idempotency-Key","in":"header","required":false,
        "description":"A request that comes again with the same key does nothing, and gets the first one's answer",
        "schema":{"type":"string","pattern":"^[!-~]{1,255}$"}}},
        "schemas":{"Error":{"type":"object","required":["error"],"properties":{"error":{"type":"object",
        "required":["code","message"],"properties":{"code":{"type":"string"},"message":{"type":"string"}}}}},
        "State":{"type":"string"},
        "Labels":{"type":"object","additionalProperties":{"type":"string"}},
        "Session":{"type":"object","required":["sessionId","state"],"properties":{"sessionId":{"type":"string"},
        "state":{"$ref":"#/components/schemas/State"},"keeperPid":{"type":["integer","null"]},
        "childPid":{"type":["integer","null"]},"startedAt":{"type":["string","null"]},
        "labels":{"$ref":"#/components/schemas/Labels"}}},
        "Sessions":{"type":"array","items":{"$ref":"#/components/schemas/Session"}},
        "SessionID":{"type":"object","required":["sessionId"],"properties":{"sessionId":{"type":"string"}}},
        "Status":{"type":"object","required":["format","sessionId","instance","state"],"properties":{
        "format":{"type":"integer"},"sessionId":{"type":"string"},"instance":{"type":"string"},
        "state":{"$ref":"#/components/schemas/State"},"command":{"type":"array","items":{"type":"string"}},
        "labels":{"$ref":"#/components/schemas/Labels"},"tty":{"type":"boolean"}}},
        "Stats":{"type":"array","items":{"type":"object","required":["time"],"properties":{
        "sessionId":{"type":"string"},"total":{"type":"boolean"},"time":{"type":"string"},
        "cpuPercent":{"type":["number","null"]},"rss":{"type":["integer","null"]}}}},
        "Health":{"type":"object","required":["status","version"],"properties":{"status":{"const":"ok"},
        "version":{"type":"string"},"connections":{"type":"integer"}}}}}
        """#
}
