import CSystem
import KeeperShared

/// A file of a session's options, one JSON object: what `spawn` would be told on its command line.
struct OptionFile {
    /// As messages name it.
    private let path: String
    /// Where relative paths in it begin.
    private let folder: [UInt8]
    /// What the arguments of the command are called there.
    private let commandKey: StaticString
    var options: [Argument] = []
    var command: [Argument] = []
    /// Whether it says where the command runs.
    private(set) var setsDirectory = false

    init(path: String, folder: [UInt8], commandKey: StaticString = "args") {
        self.path = path
        self.folder = folder
        self.commandKey = commandKey
    }

    private var name: String { quoted(Array(path.utf8)) }

    /// Takes in what the file says.
    ///
    /// - Returns: false when there is no such file.
    @discardableResult
    mutating func read() throws(CommandFailure) -> Bool {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK).readAll(limit: 1 << 20)
        } catch {
            if error.code == ENOENT { return false }
            throw CommandFailure(name, error)
        }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue.parse(bytes)
        } catch {
            throw CommandFailure(ExitStatus.failed, concat(name, ": not JSON: ", error.message))
        }
        guard let members = document.members else {
            throw CommandFailure(ExitStatus.failed, concat(name, ": not an object of options"))
        }
        for member in members {
            do throws(OptionFailure) {
                try add(member)
            } catch {
                throw CommandFailure(
                    ExitStatus.failed, concat(name, ": ", quoted(member.name), ": ", error.text))
            }
        }
        return true
    }

    /// The same as a command line of `spawn`, checked by the table.
    func context(for id: SessionID, sessionsPath: String) throws(CommandFailure) -> Context {
        let line =
            [Argument("--sessions-dir"), Argument(sessionsPath), Argument("spawn")] + options
            + [Argument(id.string), Argument("--")] + command
        do throws(UsageError) {
            if case .run(let parsed) = try parseCommandLine(line, for: keeperctlTable) {
                return Context(arguments: parsed)
            }
        } catch {
            throw CommandFailure(ExitStatus.failed, concat(name, ": ", error.message))
        }
        throw CommandFailure(ExitStatus.failed, concat(name, ": it asks for help"))
    }

    /// An option that can't be taken, and why.
    private struct OptionFailure: Error {
        let text: String
    }

    private mutating func add(_ member: JSONMember) throws(OptionFailure) {
        let value = member.value
        if equalUTF8(member.name, "\(commandKey)") {
            guard let elements = value.arrayValue else {
                throw OptionFailure(text: "not an array of strings")
            }
            for element in elements { command.append(Argument(try text(of: element))) }
            return
        }
        let spec = try option(called: member.name)
        if equalUTF8(spec.long, "cwd") { setsDirectory = true }
        switch value {
        case .null, .bool(false): return
        case .bool(true) where !spec.takesValue: options.append(Argument(concat("--", spec.long)))
        case .array(let elements):
            for element in elements { try add(spec, try text(of: element)) }
        case .object(let members):
            for member in members {
                try add(spec, concat(member.name, "=", try text(of: member.value)))
            }
        case .bool, .integer, .number, .string: try add(spec, try text(of: value))
        }
    }

    /// `journalSize` and `journal-size` are the same; `labels` is what the command line calls `label`.
    private func option(called key: String) throws(OptionFailure) -> OptionSpec {
        var name: [UInt8] = []
        for byte in key.utf8 {
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                name += [UInt8(ascii: "-"), byte | 0x20]
            } else {
                name.append(byte)
            }
        }
        for _ in 0..<2 {
            // What is about waiting is not about the session.
            if !name.elementsEqual("wait".utf8), !name.elementsEqual("timeout".utf8),
                let spec = Commands.spawn.option(long: name)
            {
                return spec
            }
            if name.popLast() != UInt8(ascii: "s") { break }
        }
        throw OptionFailure(text: "no such option; 'keeperctl help spawn' says which there are")
    }

    private mutating func add(_ spec: OptionSpec, _ value: String) throws(OptionFailure) {
        if !spec.takesValue { throw OptionFailure(text: "neither true nor false") }
        var bytes = Array(value.utf8)
        if case .path = spec.kind, let first = bytes.first, first != UInt8(ascii: "/") {
            bytes = folder + [UInt8(ascii: "/")] + bytes
        }
        options.append(Argument(bytes: Array(concat("--", spec.long, "=").utf8) + bytes))
    }

    private func text(of value: JSONValue) throws(OptionFailure) -> String {
        switch value {
        case .string(let text), .number(let text):
            // No argument can hold it.
            if text.utf8.contains(0) { throw OptionFailure(text: "there is a NUL in it") }
            return text
        case .integer(let number): return String(Int(number))
        case .null, .bool, .array, .object: throw OptionFailure(text: "neither a string nor a number")
        }
    }
}
