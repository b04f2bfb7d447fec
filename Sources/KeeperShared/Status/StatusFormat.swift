import CSystem

// The JSON form of a session's status, written by keepers and read by everybody.

extension SessionStatus {
    /// Appends the status as one JSON object.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("format", 1)
        json.member("sessionId", sessionID)
        json.member("instance", instance)
        json.member("state", text: state.name)
        if let reason { json.member("reason", reason) }
        if let note { json.member("note", utf8: note) }
        if let nextStartAt { json.member("nextStartAt", nextStartAt.rfc3339) }
        json.object("keeper") { json in
            write(keeper.identity, to: &json)
            json.member("bootId", keeper.bootID)
            json.member("pidNamespace", keeper.pidNamespace)
            json.member("version", keeper.version)
            json.member("startedAt", keeper.startedAt.rfc3339)
            if let previous = keeper.previousPID { json.member("previousPid", Int(previous)) }
            if let unit = keeper.unit { json.member("unit", unit) }
            if let cgroup = keeper.cgroup { json.member("cgroup", cgroup) }
        }
        if let child {
            json.object("child") { json in
                write(child.identity, to: &json)
                json.member("startedAt", child.startedAt.rfc3339)
                if let readyAt = child.readyAt { json.member("readyAt", readyAt.rfc3339) }
                json.member("restarts", child.restarts)
            }
        }
        json.key("command")
        json.beginArray()
        for argument in command { json.string(utf8: argument) }
        json.endArray()
        json.member("cwd", utf8: workingDirectory)
        json.key("labels")
        labels.write(to: &json)
        json.member("tty", isTerminal)
        if let terminalSize {
            json.object("terminal") { json in
                json.member("cols", terminalSize.columns)
                json.member("rows", terminalSize.rows)
            }
        }
        if let exit {
            json.object("exit") { json in
                exit.end.write(codeKey: "code", to: &json)
                json.member("at", exit.at.rfc3339)
            }
        }
        json.object("streams") { json in
            write("stdout", stdout, to: &json)
            write("stderr", stderr, to: &json)
        }
        if let stderrTail { json.member("stderrTail", utf8: stderrTail) }
        json.endObject()
    }

    private func write(_ identity: ProcessIdentity, to json: inout JSONWriter) {
        json.member("pid", Int(identity.pid))
        json.member("startTime", identity.startTime)
    }

    private func write(_ name: StaticString, _ extent: StreamExtent, to json: inout JSONWriter) {
        json.object(name) { json in
            json.member("first", extent.first)
            json.member("next", extent.next)
        }
    }

    /// Reads a status; nil when something that every status has is missing.
    package init?(bytes: [UInt8]) {
        let status = bytes.withUnsafeBufferPointer { SessionStatus($0) }
        guard let status else { return nil }
        self = status
    }

    private init?(_ bytes: Bytes) {
        let unknown = Timestamp(nanoseconds: 0)
        guard let summary = StatusSummary(bytes), let sessionID = jsonText("sessionId", of: bytes),
            let instance = jsonText("instance", of: bytes)
        else { return nil }
        let keeper = jsonMember("keeper", of: bytes)
        self.init(
            sessionID: sessionID, instance: instance, state: summary.state,
            keeper: Keeper(
                identity: ProcessIdentity(pid: summary.keeper, in: keeper),
                bootID: jsonText("bootId", of: keeper) ?? "",
                pidNamespace: jsonText("pidNamespace", of: keeper) ?? "",
                version: jsonText("version", of: keeper) ?? "", startedAt: summary.startedAt ?? unknown),
            command: [], workingDirectory: jsonBytes("cwd", of: bytes) ?? [], labels: [])
        self.keeper.unit = jsonText("unit", of: keeper)
        self.keeper.cgroup = jsonText("cgroup", of: keeper)
        self.keeper.previousPID = summary.previousKeeper > 0 ? summary.previousKeeper : nil
        var arguments = JSONMembers(summary.command)
        while arguments.next() {
            command.append([])
            appendJSONString(arguments.value, to: &command[command.count - 1])
        }
        var members = JSONMembers(summary.labels)
        while members.next() {
            var (name, value): ([UInt8], [UInt8]) = ([], [])
            appendJSONString(members.name, to: &name)
            appendJSONString(members.value, to: &value)
            labels.append(
                Label(
                    name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self)
                ))
        }
        reason = jsonText("reason", of: bytes)
        isTerminal = jsonMember("tty", of: bytes).elementsEqual("true".utf8)
        let size = jsonMember("terminal", of: bytes)
        terminalSize = TerminalSize(
            columns: jsonInteger(jsonMember("cols", of: size)) ?? 0,
            rows: jsonInteger(jsonMember("rows", of: size)) ?? 0)
        if let pid = summary.child, pid > 0 {
            let child = jsonMember("child", of: bytes)
            self.child = Child(
                identity: ProcessIdentity(pid: pid, in: child),
                startedAt: jsonTime(jsonMember("startedAt", of: child)) ?? unknown)
            self.child?.readyAt = jsonTime(jsonMember("readyAt", of: child))
            self.child?.restarts = summary.restarts
        }
        if let end = summary.end { exit = Exit(end: end, at: summary.endedAt ?? unknown) }
        let streams = jsonMember("streams", of: bytes)
        stdout = StreamExtent(jsonMember("stdout", of: streams))
        stderr = StreamExtent(jsonMember("stderr", of: streams))
        nextStartAt = jsonTime(jsonMember("nextStartAt", of: bytes))
        note = jsonBytes("note", of: bytes)
        stderrTail = jsonBytes("stderrTail", of: bytes)
    }
}

extension ProcessEnd {
    /// Appends `"code":N`, `"signal":"NAME"` or `"unknown":true` to the object that is open.
    package func write(codeKey: StaticString, to json: inout JSONWriter) {
        switch self {
        case .exited(let code):
            json.member(codeKey, code)
        case .signalled(let signal):
            json.member("signal", signalName(signal))
        case .unknown:
            json.member("unknown", true)
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
    fileprivate init(pid: pid_t, in json: Bytes) {
        self.init(pid: pid, startTime: UInt64(max(0, jsonInteger(jsonMember("startTime", of: json)) ?? 0)))
    }
}

extension StreamExtent {
    fileprivate init(_ json: Bytes) {
        self.init(
            first: jsonInteger(jsonMember("first", of: json)) ?? 0,
            next: jsonInteger(jsonMember("next", of: json)) ?? 0)
    }
}
