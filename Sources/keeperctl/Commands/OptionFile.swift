import CSystem
import KeeperShared

/// A file of a session's options: one JSON object, of what `spawn` would be told.
final class OptionFile {
    /// The command line of `spawn`, up to the command.
    private var line: [Argument] = []
    /// The command, or what follows it.
    private(set) var arguments: [Argument] = []
    /// Whether it says where to run.
    private(set) var hasDirectory = false
    /// Where relative paths begin.
    private let directory: String
    private let file: String
    /// What the file calls ``arguments``.
    private let argumentsKey: String

    /// - Parameter sessionsPath: the sessions directory of the session; nil where that is said elsewhere.
    init(_ directory: String, _ file: String, sessionsPath: String?, argumentsKey: String = "args") {
        self.directory = directory
        self.file = file
        self.argumentsKey = argumentsKey
        if let sessionsPath { add("--sessions-dir=", sessionsPath) }
        add("spawn", "")
    }

    func failure(_ text: String) -> CommandFailure {
        CommandFailure(ExitStatus.failed, concat(quoted(file, limit: 4096), ": ", text))
    }

    @inline(never) func add(_ option: String, _ value: String) {
        line.append(Argument(concat(option, value)))
    }

    /// What the whole line asks for, by the table of `spawn`.
    func context() throws(CommandFailure) -> Context {
        do throws(UsageError) {
            if case .run(let parsed) = try parseCommandLine(line + arguments, for: keeperctlTable) {
                return Context(arguments: parsed)
            }
        } catch {
            throw failure(error.message)
        }
        throw failure("it asks for help")
    }

    /// Takes what is in the file.
    ///
    /// - Returns: false when there is none.
    @discardableResult
    func read() throws(CommandFailure) -> Bool {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileDescriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(limit: 1 << 20)
        } catch {
            if error.code == ENOENT { return false }
            throw failure(error.reason)
        }
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONValue.parse(bytes)
        } catch {
            throw failure(concat("not JSON: ", error.message))
        }
        guard let members = parsed.members else { throw failure("not an object of options") }
        try take(members)
        return true
    }

    private func take(_ members: [JSONMember]) throws(CommandFailure) {
        for member in members {
            if let text = take(member) { throw failure(concat(quoted(member.name), ": ", text)) }
        }
    }

    /// The command line of `spawn` that members stand for: those of a file of options, the session's id, and how to wait.
    func spawnLine(_ members: [JSONMember]) throws(CommandFailure) -> [Argument] {
        var id: [Argument] = []
        for member in members {
            let text = member.value.stringValue
            if equalUTF8(member.name, "sessionId") {
                guard let text else { throw failure("\"sessionId\" is not a string") }
                id = [Argument(text)]
            } else if let text, equalUTF8(member.name, "wait") || equalUTF8(member.name, "timeout") {
                add(concat("--", member.name, "="), text)
            } else {
                try take([member])
            }
        }
        // The gateway's own directory means nothing to its callers.
        if !hasDirectory { add("--cwd=", environment("HOME") ?? "/") }
        return line + id + [Argument("--")] + arguments
    }

    /// - Returns: why it can't be taken; nil if it is.
    private func take(_ member: JSONMember) -> String? {
        if equalUTF8(member.name, argumentsKey) {
            guard let elements = member.value.arrayValue else { return "not an array" }
            for element in elements {
                guard let text = text(of: element) else { return neither }
                arguments.append(Argument(text))
            }
            return nil
        }
        guard let spec = option(called: member.name) else {
            return "no such option; 'keeperctl help spawn' has them all"
        }
        switch member.value {
        case .null, .bool(false): return nil
        case .bool(true) where !spec.takesValue: add("--", spec.long)
        case .array(let elements):
            for element in elements where !add(spec, "", element) { return neither }
        case .object(let members):
            for member in members where !add(spec, concat(member.name, "="), member.value) { return neither }
        case .bool, .integer, .number, .string:
            if !spec.takesValue { return "neither true nor false" }
            if !add(spec, "", member.value) { return neither }
        }
        return nil
    }

    private let neither = "neither a string without NUL nor a number"

    /// `journalSize` and `journal-size` are the same; `labels` is what the command line calls `label`.
    private func option(called key: String) -> OptionSpec? {
        var name: [UInt8] = []
        for byte in key.utf8 {
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                name.append(UInt8(ascii: "-"))
                name.append(byte | 0x20)
            } else {
                name.append(byte)
            }
        }
        let command = spawnCommand.entry.spec
        var spec = command.option(long: name)
        if spec == nil, name.last == UInt8(ascii: "s") {
            name.removeLast()
            spec = command.option(long: name)
        }
        guard let spec else { return nil }
        // About waiting for a session, not about what it is.
        return equalUTF8(spec.long, "wait") || equalUTF8(spec.long, "timeout") ? nil : spec
    }

    /// - Returns: false when it is no value.
    private func add(_ spec: OptionSpec, _ name: String, _ value: JSONValue) -> Bool {
        guard var text = text(of: value) else { return false }
        if case .path = spec.kind, text.utf8.first != UInt8(ascii: "/") {
            text = concat(directory, "/", text)
        }
        if equalUTF8(spec.long, "cwd") { hasDirectory = true }
        add(concat("--", spec.long, "=", name), text)
        return true
    }

    /// nil for what no argument can hold.
    private func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text), .number(let text): text.utf8.contains(0) ? nil : text
        case .integer(let number): String(Int(number))
        case .null, .bool, .array, .object: nil
        }
    }
}
