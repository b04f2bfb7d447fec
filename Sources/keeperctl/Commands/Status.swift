import CSystem
import KeeperShared

let statusCommand = Command("status", run: runStatus) {
    CommandSpec(
        $0, summary: "Show the state of a session",
        description: ["Works for live sessions and for ended ones whose files are still there."],
        operands: [Shared.oneSession], groups: [OptionGroup("Options", [Shared.json])],
        examples: [
            ExampleSpec("keeperctl status calc", "Shows state, processes, labels and streams."),
            ExampleSpec("keeperctl status --json calc | jq .state", "Prints the state alone."),
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// Shows the state of one session, live or over.
func runStatus(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let directory = try context.directory(of: id)
    context.output.write(try statusCard(id, in: directory, isJSON: context.arguments[Shared.json]))
    context.output.flush()
    return ExitStatus.done
}

func statusCard(
    _ id: SessionID, in directory: borrowing SessionsDirectory, isJSON: Bool
) throws(CommandFailure) -> [UInt8] {
    var card = StatusCard(id, isJSON: isJSON)
    switch try SessionLookup(id, in: directory.descriptor) {
    case .none: throw CommandFailure.noSession(id, in: directory.path)
    case .live(let keeper, let status):
        if let status = ask(id, in: directory.descriptor) ?? status {
            card.add(status)
        } else {
            card.add("starting", keeper: keeper, isForeign: false)
        }
    case .foreign(let keeper): card.add("running", keeper: keeper, isForeign: true)
    case .dead(let status):
        if let status { card.add(status) } else { card.add("lost", keeper: nil, isForeign: false) }
        printError(concat(id.string, ": its keeper has died; 'keeperctl discover' clears up after it"))
    case .over(let status): card.add(status)
    }
    return card.bytes
}

/// The keeper's own word is newer than its file: positions move with every byte.
private func ask(_ id: SessionID, in directory: borrowing FileDescriptor) -> SessionStatus? {
    do throws(ControlFailure) {
        let client = try ControlClient(id, in: directory, "status")
        var json = JSONWriter()
        json.value(try client.result(deadline: monotonicNow() + .seconds(5)))
        return SessionStatus(bytes: json.bytes)
    } catch {
        return nil
    }
}

/// One session's status as text or as JSON.
private struct StatusCard {
    private let id: SessionID
    private let isJSON: Bool
    private(set) var bytes: [UInt8] = []

    init(_ id: SessionID, isJSON: Bool) {
        self.id = id
        self.isJSON = isJSON
    }

    /// A session of which there is no status.
    mutating func add(_ state: String, keeper: pid_t?, isForeign: Bool) {
        guard isJSON else {
            line("session", id.string)
            line("state", state)
            if let keeper {
                line("keeper", concat("PID ", String(keeper), isForeign ? ", a foreign keeper" : ""))
            }
            return
        }
        bytes = jsonObject(isLine: true) { json in
            json.member("format", 1)
            json.member("sessionId", id.string)
            json.member("state", state)
            if let keeper {
                json.key("keeper")
                json.raw(jsonObject { $0.member("pid", keeper) })
            }
            if isForeign { json.member("foreign", true) }
        }
    }

    mutating func add(_ status: SessionStatus) {
        if isJSON {
            var json = JSONWriter()
            status.write(to: &json)
            json.endLine()
            bytes = json.bytes
            return
        }
        let now = Timestamp.now().nanoseconds
        line("session", id.string)
        line("state", "\(status.state.name)")
        if let reason = status.reason { line("reason", reason) }
        if let note = status.note { line("note", printable(note)) }
        if let next = status.nextStartAt { line("next start", next.rfc3339) }
        let started = status.keeper.startedAt
        line(
            "started",
            concat(started.rfc3339, ", ", formatAge(now - started.nanoseconds), " ago"))
        if let exit = status.exit { line("exit", concat(exit.end.text, " at ", exit.at.rfc3339)) }
        if !status.state.isFinal {
            line(
                "keeper",
                concat("PID ", String(status.keeper.identity.pid), ", version ", status.keeper.version))
            if let unit = status.keeper.unit {
                line("unit", unit)
            } else if let cgroup = status.keeper.cgroup {
                line("cgroup", cgroup)
            }
            if let child = status.child, status.exit == nil {
                var text = concat(
                    "PID ", String(child.identity.pid), child.readyAt == nil ? ", not ready" : ", ready")
                if child.restarts > 0 {
                    text = concat(text, ", restarts: ", String(child.restarts))
                }
                line("child", text)
            }
        }
        line("command", shellText(status.command, limit: 2000))
        line("directory", printable(status.workingDirectory))
        for label in status.labels {
            line("label", printable(Array(concat(label.name, "=", label.value).utf8)))
        }
        line("stdout", extent(status.stdout))
        line("stderr", extent(status.stderr))
        if let tail = status.stderrTail, !tail.isEmpty {
            line("stderr tail", "")
            for part in tail.split(separator: UInt8(ascii: "\n")) {
                line("", printable(Array(part)))
            }
        }
    }

    private func extent(_ extent: StreamExtent) -> String {
        let text = concat(String(extent.next), " bytes")
        return extent.first > 0 ? concat(text, ", kept from ", String(extent.first)) : text
    }

    private func printable(_ bytes: [UInt8]) -> String {
        let text = quoted(bytes, limit: 1000)
        return String(decoding: Array(text.utf8.dropFirst().dropLast()), as: UTF8.self)
    }

    private mutating func line(_ key: StaticString, _ value: String) {
        let start = bytes.count
        if key.utf8CodeUnitCount > 0 {
            bytes += Array("\(key)".utf8)
            bytes.append(UInt8(ascii: ":"))
        }
        // An empty value leaves no trailing space.
        if !value.isEmpty {
            while bytes.count < start + 11 { bytes.append(UInt8(ascii: " ")) }
            bytes += Array(value.utf8)
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}
