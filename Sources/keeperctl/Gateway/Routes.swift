import KeeperShared

/// All routes, in the order in which the documents show them.
enum Routes {
    static let all: [Route] = sessions + lives + talk + output + live + gateway

    /// Which sessions there are.
    private static let sessions: [Route] = [
        Route(
            name: "list", method: .get, path: "sessions", right: .read, summary: "List sessions",
            fields: [
                RouteField(
                    "label", .texts, "Those that have this label, NAME or NAME=VALUE; may be repeated"),
                RouteField("state", .texts, "Those in this state; may be repeated"),
                RouteField("all", .flag, "Those that have ended as well"),
            ],
            result: RouteResult("An array of what `keeperctl ls --json` prints", "Sessions")
        ) { gateway, input throws(HTTPFailure) in
            var line = ["ls", "--json"]
            if input.flag("all") { line.append("--all") }
            for label in input.texts("label") { line.append(concat("--filter=label=", label)) }
            for state in input.texts("state") { line.append(concat("--filter=state=", state)) }
            return try gateway.list(line)
        },
        Route(
            name: "spawn", method: .post, path: "sessions", right: .control, summary: "Start a session",
            fields: [
                RouteField("command", .texts, "The program and its arguments", required: true),
                RouteField("sessionId", .text, "The session's id; a random one without it"),
                RouteField("labels", .labels, "Labels"),
                RouteField("wait", .choice(["started", "ready", "none"]), "When to answer"),
                RouteField("timeout", RouteField.duration, "How long to wait, such as 30s"),
            ],
            result: RouteResult(201, MediaType.json, "The session's id", "SessionID"),
            failures: [409, 422, 504]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(CommandLine(try gateway.spawnLine(input.members), .sessionID))
        },
        Route(
            name: "status", method: .get, path: "sessions/{id}", right: .read,
            summary: "What a session is and how it is",
            result: RouteResult("What `keeperctl status --json` prints", "Status"),
            failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(CommandLine(["status", "--json", "--", input.id!.string], .json))
        },
        Route(
            name: "label", method: .patch, path: "sessions/{id}", right: .control,
            summary: "Set labels of a live session; null removes one",
            fields: [RouteField("labels", .labels, "Names and values", required: true)],
            result: RouteResult(204, nil, "Done"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            var line = ["label", "--", input.id!.string]
            for member in input["labels"]?.members ?? [] {
                guard let value = member.value.stringValue else {
                    line.append(concat(member.name, "-"))
                    continue
                }
                if member.name.utf8.contains(UInt8(ascii: "=")) || member.name.utf8.isEmpty {
                    throw HTTPFailure(400, concat(quoted(member.name), " can't be a label's name"))
                }
                line.append(concat(member.name, "=", value))
            }
            if line.count == 3 { throw HTTPFailure(400, "the field \"labels\" is empty") }
            return try gateway.run(CommandLine(line, .nothing))
        },
        Route(
            name: "stop", method: .delete, path: "sessions/{id}", right: .control,
            summary: "End a session by its stop steps",
            fields: [
                RouteField("now", .flag, "Without waiting: SIGKILL"),
                RouteField("timeout", RouteField.duration, "How long to wait, such as 30s"),
            ],
            result: RouteResult(204, nil, "It is over"), failures: [404, 422, 504]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(options(input, "kill", ["now", "timeout"]) + ["--", input.id!.string], .nothing))
        },
    ]

    /// What changes a session's life.
    private static let lives: [Route] = [
        Route(
            name: "signal", method: .post, path: "sessions/{id}/signal", right: .control,
            summary: "Send a signal to a session's processes",
            fields: [
                RouteField("name", .text, "The signal, such as TERM", required: true),
                RouteField(
                    "to", .choice(["child", "group"]),
                    "The command alone, as by default, or its process group"),
            ],
            result: RouteResult(204, nil, "Sent"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(
                    options(input, "kill", ["to"]) + [
                        concat("--signal=", input.text("name")!), "--", input.id!.string,
                    ], .nothing))
        },
        change("restart", "sessions/{id}/restart", "Start a session's command anew"),
        change("pause", "sessions/{id}/pause", "Stop a session's processes where they are"),
        change("resume", "sessions/{id}/resume", "Let the processes of a paused session go on"),
    ]

    private static func change(
        _ name: StaticString, _ path: StaticString, _ summary: StaticString
    ) -> Route {
        Route(
            name: name, method: .post, path: path, right: .control, summary: summary,
            fields: [RouteField("timeout", RouteField.duration, "How long to wait, such as 30s")],
            result: RouteResult(204, nil, "Done"), failures: [404, 422, 504]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(options(input, "\(name)", ["timeout"]) + ["--", input.id!.string], .nothing))
        }
    }

    /// The command's name, and those of its options that a request gives.
    static func options(_ input: RouteInput, _ command: String, _ names: [StaticString]) -> [String] {
        var line = [command]
        for name in names {
            switch input[name] {
            case .string(let text): line.append(concat("--", "\(name)", "=", text))
            case .integer(let number): line.append(concat("--", "\(name)", "=", String(number)))
            case .bool(true): line.append(concat("--", "\(name)"))
            case .bool, .number, .array, .object, .null, .none: break
            }
        }
        return line
    }

    /// What is said to a session's command.
    private static let talk: [Route] = [
        Route(
            name: "write", method: .post, path: "sessions/{id}/write", right: .control,
            summary: "Write lines to a session's standard input",
            fields: [
                RouteField("lines", .lines, "Lines: texts as they are, other values as JSON", required: true),
                RouteField("key", .text, "Makes a repetition harmless: a key is delivered once"),
                RouteField("timeout", RouteField.duration, "How long to try, such as 30s"),
            ],
            result: RouteResult(204, nil, "They are in the pipe"), failures: [404, 409, 422, 502, 504]
        ) { gateway, input throws(HTTPFailure) in
            let lines = try text(ofLines: input["lines"]!)
            return try gateway.run(
                CommandLine(
                    options(input, "write", ["key", "timeout"]) + ["--", input.id!.string], input: lines,
                    .nothing))
        },
        Route(
            name: "eof", method: .post, path: "sessions/{id}/eof", right: .control,
            summary: "Close a session's standard input",
            result: RouteResult(204, nil, "Done"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(CommandLine(["eof", "--", input.id!.string], .nothing))
        },
        Route(
            name: "keys", method: .post, path: "sessions/{id}/keys", right: .control,
            summary: "Type at a session's terminal",
            fields: [
                RouteField(
                    "keys", .texts, "Names such as Enter, C-c or Up; other texts as they are", required: true),
                RouteField("literal", .flag, "All are texts"),
            ],
            result: RouteResult(204, nil, "The terminal has them"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(
                    options(input, "send-keys", ["literal"]) + ["--", input.id!.string] + input.texts("keys"),
                    .nothing))
        },
        Route(
            name: "resize", method: .post, path: "sessions/{id}/resize", right: .control,
            summary: "Change the size of a session's terminal",
            fields: [
                RouteField("cols", .integer(min: 1, max: 1000), "Columns", required: true),
                RouteField("rows", .integer(min: 1, max: 1000), "Rows", required: true),
            ],
            result: RouteResult(204, nil, "Done"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            let size = concat(String(input.integer("cols")!), "x", String(input.integer("rows")!))
            return try gateway.run(CommandLine(["resize", "--", input.id!.string, size], .nothing))
        },
        Route(
            name: "call", method: .post, path: "sessions/{id}/call", right: .control,
            summary: "Call a method of a session that speaks JSON-RPC",
            fields: [
                RouteField("method", .text, "The method", required: true),
                RouteField("params", .any, "Its parameters"),
                RouteField("timeout", RouteField.duration, "How long to wait; each progress extends it"),
            ],
            result: RouteResult("The result"), failures: [404, 409, 422, 502, 504]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(callLine(input))
        },
        Route(
            name: "turn", method: .post, path: "sessions/{id}/turn", right: .control,
            summary: "Have one turn of a conversation with an agent",
            fields: [
                RouteField("message", .text, "What to say", required: true),
                RouteField("protocol", .choice(["stream-json", "codex", "lines"]), "What the agent speaks"),
                RouteField("until", .text, "With lines: what ends the turn"),
                RouteField("wait", .flag, "Wait while somebody else has a turn"),
                RouteField("echo-timeout", RouteField.duration, "Give up without any output after this time"),
                RouteField(
                    "silence-timeout", RouteField.duration, "Give up without more output after this time"),
            ],
            result: RouteResult(
                200, MediaType.jsonLines, "The events of `keeperctl turn --json`, as they come",
                otherTypes: [MediaType.events]),
            failures: [404, 409, 422, 502, 504]
        ) { gateway, input throws(HTTPFailure) in
            let names: [StaticString] = ["protocol", "until", "wait", "echo-timeout", "silence-timeout"]
            return try gateway.run(
                CommandLine(
                    options(input, "turn", names) + ["--json", "--", input.id!.string, "-"],
                    input: Array(input.text("message")!.utf8), .events(asEventStream: input.wantsEventStream))
            )
        },
    ]

    /// A call's parameters go through standard input: an argument has a bound.
    private static func callLine(_ input: RouteInput) -> CommandLine {
        var json = JSONWriter()
        let params = input["params"]
        if let params { json.value(params) }
        return CommandLine(
            options(input, "call", ["timeout"]) + ["--", input.id!.string, input.text("method")!]
                + (params == nil ? [] : ["-"]), input: json.bytes, .json)
    }

    /// A line feed after each; a line that has one would be two.
    private static func text(ofLines value: JSONValue) throws(HTTPFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in value.arrayValue ?? [value] {
            let start = bytes.count
            if let text = line.stringValue {
                bytes += Array(text.utf8)
                if bytes.last == 10, bytes.count > start { bytes.removeLast() }
            } else {
                var json = JSONWriter()
                json.value(line)
                bytes += json.bytes
            }
            if bytes[start...].contains(10) {
                throw HTTPFailure(400, "a line of \"lines\" has a line feed in it: give each line by itself")
            }
            bytes.append(10)
        }
        return bytes
    }

    /// What sessions have written, and how they are.
    private static let output: [Route] = [
        Route(
            name: "logs", method: .get, path: "sessions/{id}/logs", right: .read,
            summary: "What a session has written, as it is",
            fields: [
                RouteField(
                    "stream", .choice(["stdout", "stderr", "all"]), "Which of them; stdout by default"),
                RouteField("from", RouteField.place, "Where to start: a position in bytes, or a cursor"),
                RouteField("before", RouteField.place, "Where to stop: a position in bytes, or a cursor"),
                RouteField("tail", .integer(min: 0, max: Int(Int32.max)), "Only the last lines"),
                RouteField(
                    "limit", .integer(min: 0, max: Int(Int32.max)),
                    "Only this many lines: with `before` and without `from` the last ones, else the first"),
                RouteField("grep", .text, "Only lines that contain this text"),
                RouteField("since", .text, "Only what is as young as this: 10m, or a time"),
                RouteField("follow", .flag, "Go on with what comes"),
                RouteField("json", .flag, "Events instead of bytes, one a line"),
            ],
            result: RouteResult(
                200, MediaType.bytes, "The bytes; of one stream without other fields also a Range of them",
                otherTypes: [MediaType.jsonLines, MediaType.events], others: [206]),
            failures: [404, 416, 422]
        ) { gateway, input throws(HTTPFailure) in
            let stream = input.text("stream") ?? ""
            let isOfBoth = equalUTF8(stream, "all")
            if input.request != nil, !isOfBoth,
                input.members.allSatisfy({ equalUTF8($0.name, "stream") })
            {
                let name = equalUTF8(stream, "stderr") ? StreamName.stderr : .stdout
                return .stream(
                    try JournalBytes(name, of: input.id!, input.request, in: gateway.directoryPath))
            }
            var line = options(
                input, "logs", ["from", "before", "tail", "grep", "since", "follow", "json"])
            if let limit = input.integer("limit") {
                if input.integer("tail") != nil {
                    throw HTTPFailure(400, "\"tail\" and \"limit\" can't be given together")
                }
                let isBack = input.text("before") != nil && input.text("from") == nil
                line.append(concat(isBack ? "--tail=" : "--head=", String(limit)))
            }
            if equalUTF8(stream, "stderr") { line.append("--stderr") }
            if isOfBoth, !input.flag("json") { line.append("--all") }
            line += ["--", input.id!.string]
            var command = CommandLine(
                line, input.flag("json") ? .events(asEventStream: input.wantsEventStream) : .bytes)
            command.endsWithReader = true
            return try gateway.run(command)
        },
        Route(
            name: "screen", method: .get, path: "sessions/{id}/screen", right: .read,
            summary: "What a session's terminal shows, or its last lines, as text",
            fields: [RouteField("lines", .integer(min: 1, max: 1_000_000), "How many lines")],
            result: RouteResult(200, MediaType.text, "The text"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(CommandLine(options(input, "peek", ["lines"]) + ["--", input.id!.string], .text))
        },
        Route(
            name: "history", method: .get, path: "sessions/{id}/events", right: .read,
            summary: "What happened to a session, as far as it is kept",
            fields: [RouteField("since", .text, "Only what is as young as this: 10m, or a time")],
            result: RouteResult("An array of what `keeperctl events --json` prints"), failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(options(input, "events", ["since"]) + ["--json", "--", input.id!.string], .list))
        },
        Route(
            name: "stats", method: .get, path: "stats", right: .read, summary: "What sessions use now",
            fields: [RouteField("session", .texts, "Only these; may be repeated")],
            result: RouteResult("An array of what `keeperctl stats --json --no-stream` prints", "Stats"),
            failures: [404, 422]
        ) { gateway, input throws(HTTPFailure) in
            try gateway.run(
                CommandLine(["stats", "--json", "--no-stream", "--"] + input.texts("session"), .list))
        },
        Route(
            name: "metrics", method: .get, path: "/metrics", right: .read, summary: "The same for Prometheus",
            result: RouteResult(200, MediaType.text, "The text format of Prometheus")
        ) { gateway, _ throws(HTTPFailure) in try gateway.run(CommandLine(["metrics"], .text)) },
    ]

    /// What goes on for as long as somebody listens.
    private static let live: [Route] = [
        Route(
            name: "events", method: .get, path: "events", right: .read,
            summary:
                "What sessions write and how they are, as server-sent events; Last-Event-ID goes on after a break",
            fields: [
                RouteField("session", .texts, "Only these; may be repeated"),
                RouteField("label", .text, "Those that have this label, NAME or NAME=VALUE"),
                RouteField("all", .flag, "All; so it is without the other two"),
                RouteField("from", .text, "now, oldest, or ID=CURSOR[,ID=CURSOR...]"),
                RouteField("metrics", RouteField.duration, "What sessions use as well, this often: 1s"),
                RouteField(
                    "output", .choice(["all", "last"]),
                    "Of much output at once only the last line, with how many it is"),
            ],
            result: RouteResult(200, MediaType.events, "The events of `keeperctl follow`"), isMethod: false
        ) { gateway, input throws(HTTPFailure) in
            .stream(try EventStream(try FollowChoice(input), gateway))
        },
        Route(
            name: "attach", method: .get, path: "sessions/{id}/attach", right: .read,
            summary:
                "A WebSocket as a session's terminal: binary frames are its bytes, {\"resize\":{\"cols\",\"rows\"}} its size",
            fields: [
                RouteField("cols", .integer(min: 1, max: 9999), "The client's columns"),
                RouteField("rows", .integer(min: 1, max: 9999), "The client's rows"),
            ],
            result: RouteResult(101, nil, "It is one now"), failures: [404, 426], isMethod: false
        ) { gateway, input throws(HTTPFailure) in
            guard let request = input.request else { throw HTTPFailure(400, "this is no method") }
            try checkHandshake(request)
            var size: TerminalSize?
            if let columns = input.integer("cols"), let rows = input.integer("rows") {
                size = TerminalSize(columns: columns, rows: rows)
            }
            let offered = listedWords(of: request.field("sec-websocket-protocol"))
            return .webSocket(
                try AttachSocket(input.id!, size, input.right, gateway),
                subprotocol: offered.first { $0.utf8.starts(with: "\(Access.subprotocol)".utf8) })
        },
    ]

    /// The gateway itself.
    private static let gateway: [Route] = [
        Route(
            name: "ws", method: .get, path: "ws", right: .read,
            summary: "A WebSocket with JSON-RPC 2.0: all that has a name here, and `follow`",
            result: RouteResult(101, nil, "It is one now"), failures: [426], isMethod: false
        ) { gateway, input throws(HTTPFailure) in
            guard let request = input.request else { throw HTTPFailure(400, "this is no method") }
            try checkHandshake(request)
            let offered = listedWords(of: request.field("sec-websocket-protocol"))
            let known = offered.first { equalUTF8($0, RPCSocket.subprotocol) }
            return .webSocket(
                RPCSocket(gateway, input.right, greets: known == nil),
                // Of what a client offers one has to be chosen; its token is not said again.
                subprotocol: known ?? offered.first { $0.utf8.starts(with: "\(Access.subprotocol)".utf8) })
        },
        Route(
            name: "login", method: .post, path: "login", right: .read,
            summary: "Give the token that came in the head back as a cookie, for the page",
            result: RouteResult(204, nil, "Done"), isMethod: false
        ) { gateway, input throws(HTTPFailure) in .now(gateway.login(input)) },
        Route(
            name: "hello", method: .get, path: "hello", right: .read,
            summary: "What the gateway is, and what the caller may do",
            result: RouteResult("An object with version, right, host and directory")
        ) { gateway, input throws(HTTPFailure) in .now(HTTPResponse(body: gateway.hello(input.right))) },
        Route(
            name: "health", method: .get, path: "/healthz", right: .read,
            summary: "Whether the gateway works",
            result: RouteResult("`{\"status\":\"ok\"}` with the version", "Health")
        ) { gateway, _ throws(HTTPFailure) in .now(HTTPResponse(body: gateway.health)) },
        Route(
            name: "openapi", method: .get, path: "/openapi.json", right: .read,
            summary: "What this interface is, as OpenAPI 3.1 describes it",
            result: RouteResult("The document")
        ) { gateway, _ throws(HTTPFailure) in .now(HTTPResponse(body: gateway.openAPI)) },
    ]
}

extension RouteInput {
    /// Whether the client asks for server-sent events rather than lines.
    var wantsEventStream: Bool { request?.has("text/event-stream", in: "accept") ?? false }
}
