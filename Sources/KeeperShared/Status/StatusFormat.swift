// The JSON form of a session's status, written by keepers and read by everybody.

extension SessionStatus {
    /// Appends the status as one JSON object.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("format")
        json.integer(1)
        json.key("sessionId")
        json.string(sessionID)
        json.key("instance")
        json.string(instance)
        json.key("state")
        json.string("\(state.name)")
        if let reason {
            json.key("reason")
            json.string(reason)
        }
        if let note {
            json.key("note")
            json.string(utf8: note)
        }
        if let nextStartAt { write("nextStartAt", nextStartAt, to: &json) }
        json.key("keeper")
        json.beginObject()
        write(keeper.identity, to: &json)
        json.key("bootId")
        json.string(keeper.bootID)
        json.key("pidNamespace")
        json.string(keeper.pidNamespace)
        json.key("version")
        json.string(keeper.version)
        write("startedAt", keeper.startedAt, to: &json)
        if let previous = keeper.previousPID {
            json.key("previousPid")
            json.integer(previous)
        }
        write("unit", keeper.unit, to: &json)
        write("cgroup", keeper.cgroup, to: &json)
        json.endObject()
        if let child {
            json.key("child")
            json.beginObject()
            write(child.identity, to: &json)
            write("startedAt", child.startedAt, to: &json)
            if let readyAt = child.readyAt { write("readyAt", readyAt, to: &json) }
            json.key("restarts")
            json.integer(child.restarts)
            json.endObject()
        }
        json.key("command")
        json.beginArray()
        for argument in command { json.string(utf8: argument) }
        json.endArray()
        json.key("cwd")
        json.string(utf8: workingDirectory)
        json.key("labels")
        labels.write(to: &json)
        json.key("tty")
        json.bool(isTerminal)
        if let terminalSize {
            json.key("terminal")
            json.beginObject()
            json.key("cols")
            json.integer(terminalSize.columns)
            json.key("rows")
            json.integer(terminalSize.rows)
            json.endObject()
        }
        if let exit {
            json.key("exit")
            json.beginObject()
            exit.end.write(codeKey: "code", to: &json)
            write("at", exit.at, to: &json)
            json.endObject()
        }
        json.key("streams")
        json.beginObject()
        write("stdout", stdout, to: &json)
        write("stderr", stderr, to: &json)
        json.endObject()
        if let stderrTail {
            json.key("stderrTail")
            json.string(utf8: stderrTail)
        }
        json.endObject()
    }

    private func write(_ name: StaticString, _ text: String?, to json: inout JSONWriter) {
        guard let text else { return }
        json.key(name)
        json.string(text)
    }

    private func write(_ identity: ProcessIdentity, to json: inout JSONWriter) {
        json.key("pid")
        json.integer(identity.pid)
        json.key("startTime")
        json.integer(identity.startTime)
    }

    private func write(_ name: StaticString, _ extent: StreamExtent, to json: inout JSONWriter) {
        json.key(name)
        json.beginObject()
        json.key("first")
        json.integer(extent.first)
        json.key("next")
        json.integer(extent.next)
        json.endObject()
    }

    private func write(_ name: StaticString, _ time: Timestamp, to json: inout JSONWriter) {
        json.key(name)
        json.string(time.rfc3339)
    }

    /// Reads a status; nil when something that every status has is missing.
    package init?(_ json: JSONValue) {
        guard let sessionID = json["sessionId"]?.stringValue, let instance = json["instance"]?.stringValue,
            let state = json["state"]?.stringValue.flatMap({ SessionState($0) }),
            let keeper = json["keeper"], let identity = ProcessIdentity(keeper)
        else { return nil }
        self.init(
            sessionID: sessionID, instance: instance, state: state,
            keeper: Keeper(
                identity: identity, bootID: keeper["bootId"]?.stringValue ?? "",
                pidNamespace: keeper["pidNamespace"]?.stringValue ?? "",
                version: keeper["version"]?.stringValue ?? "",
                startedAt: Timestamp(keeper["startedAt"]) ?? Timestamp(nanoseconds: 0)),
            command: (json["command"]?.arrayValue ?? []).map { Array(($0.stringValue ?? "").utf8) },
            workingDirectory: Array((json["cwd"]?.stringValue ?? "").utf8),
            labels: (json["labels"]?.members ?? []).map {
                Label(name: $0.name, value: $0.value.stringValue ?? "")
            })
        self.keeper.unit = keeper["unit"]?.stringValue
        self.keeper.cgroup = keeper["cgroup"]?.stringValue
        self.keeper.previousPID = keeper["previousPid"]?.intValue.map { Int32(truncatingIfNeeded: $0) }
        reason = json["reason"]?.stringValue
        isTerminal = json["tty"]?.boolValue ?? false
        if let size = json["terminal"] {
            terminalSize = TerminalSize(
                columns: Int(size["cols"]?.intValue ?? 0), rows: Int(size["rows"]?.intValue ?? 0))
        }
        if let child = json["child"], let identity = ProcessIdentity(child) {
            self.child = Child(
                identity: identity, startedAt: Timestamp(child["startedAt"]) ?? Timestamp(nanoseconds: 0))
            self.child?.readyAt = Timestamp(child["readyAt"])
            self.child?.restarts = Int(child["restarts"]?.intValue ?? 0)
        }
        if let exit = json["exit"] {
            self.exit = Exit(
                end: ProcessEnd(exit, codeKey: "code"), at: Timestamp(exit["at"]) ?? Timestamp(nanoseconds: 0)
            )
        }
        stdout = StreamExtent(json["streams"]?["stdout"])
        stderr = StreamExtent(json["streams"]?["stderr"])
        nextStartAt = Timestamp(json["nextStartAt"])
        note = json["note"]?.stringValue.map { Array($0.utf8) }
        stderrTail = json["stderrTail"]?.stringValue.map { Array($0.utf8) }
    }

    /// Reads the bytes of a status file; nil when they are none.
    package init?(bytes: [UInt8]) {
        guard let json = try? JSONValue.parse(bytes) else { return nil }
        self.init(json)
    }
}

extension ProcessEnd {
    /// Appends `"code":N`, `"signal":"NAME"` or `"unknown":true` to the object that is open.
    package func write(codeKey: StaticString, to json: inout JSONWriter) {
        switch self {
        case .exited(let code):
            json.key(codeKey)
            json.integer(code)
        case .signalled(let signal):
            json.key("signal")
            json.string(signalName(signal))
        case .unknown:
            json.key("unknown")
            json.bool(true)
        }
    }

    /// The reverse: what names neither is unknown.
    package init(_ json: JSONValue, codeKey: String) {
        if let code = json[codeKey]?.intValue {
            self = .exited(Int32(truncatingIfNeeded: code))
        } else if let signal = json["signal"]?.stringValue.flatMap({ signalNumber($0) }) {
            self = .signalled(signal)
        } else {
            self = .unknown
        }
    }
}

extension [Label] {
    /// Appends the labels as an object.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        for label in self {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
    }
}

extension ProcessIdentity {
    init?(_ json: JSONValue) {
        guard let pid = json["pid"]?.intValue, pid > 0, pid <= Int64(Int32.max) else { return nil }
        self.init(pid: Int32(pid), startTime: UInt64(max(0, json["startTime"]?.intValue ?? 0)))
    }
}

extension StreamExtent {
    init(_ json: JSONValue?) {
        self.init(first: Int(json?["first"]?.intValue ?? 0), next: Int(json?["next"]?.intValue ?? 0))
    }
}

extension Timestamp {
    init?(_ json: JSONValue?) {
        guard let text = json?.stringValue else { return nil }
        self.init(rfc3339: text)
    }
}
