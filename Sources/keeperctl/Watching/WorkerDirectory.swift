import CSystem
import KeeperShared

/// A directory whose executable files are to be sessions.
final class WorkerDirectory {
    /// From the root of the file system, as it was named: a link that comes to lead elsewhere is still the same.
    let path: [UInt8]
    let pathText: String
    /// Where the sessions are, for the keepers that are started.
    let sessionsPath: String
    /// Leaves out what editors leave beside a file.
    let filter = TreeFilter(includes: [], excludes: [], isStandard: true)

    init(_ name: [UInt8], sessionsPath: String) {
        path = plainPath(absolutePath(name))
        pathText = String(decoding: path, as: UTF8.self)
        self.sessionsPath = sessionsPath
    }

    /// The workers that are there, in the order of their names.
    ///
    /// - Parameter fail: told of files that can't be sessions.
    func workers(_ fail: (CommandFailure) -> Void) throws(CommandFailure) -> [Worker] {
        var workers: [Worker] = []
        do throws(SystemError) {
            let directory = try FileDescriptor.open(pathText, O_RDONLY | O_DIRECTORY)
            try directory.forEachRawEntry { name, count, _ in
                let name = Array(UnsafeRawBufferPointer(start: name, count: count))
                if name[0] == UInt8(ascii: ".") || name.suffix(5).elementsEqual(".json".utf8) { return }
                let file = joinedPath(path, name)
                guard !filter.skips(name), let metadata = fileMetadata(file), metadata.isRegular,
                    metadata.mode & 0o111 != 0
                else { return }
                do throws(SessionIDError) {
                    let worker = Worker(
                        try SessionID(bytes: name), metadata,
                        options: fileMetadata(file + Array(".json".utf8)))
                    var place = workers.count
                    while place > 0, worker.id < workers[place - 1].id { place -= 1 }
                    workers.insert(worker, at: place)
                } catch {
                    fail(
                        CommandFailure(
                            ExitStatus.failed,
                            concat(quoted(file), ": its name is no session id: ", error.message)))
                }
            }
        } catch {
            throw CommandFailure(concat("sync ", quoted(path)), error)
        }
        return workers
    }

    /// What `spawn` would be told to start a worker.
    func context(of worker: Worker) throws(CommandFailure) -> Context {
        let file = concat(pathText, "/", worker.id.string)
        let options = WorkerOptions(pathText, concat(file, ".json"))
        options.add("--sessions-dir=", sessionsPath)
        options.add("spawn", "")
        try options.read()
        if !options.hasDirectory { options.add("--cwd=", pathText) }
        options.add("--label=", concat(Worker.directoryLabel, "=", pathText))
        options.add("--label=", concat(Worker.versionLabel, "=", worker.version))
        options.add(worker.id.string, "")
        options.add("--", "")
        options.add(file, "")
        let line = options.line + options.arguments
        do throws(UsageError) {
            if case .run(let parsed) = try parseCommandLine(line, for: keeperctlTable) {
                return Context(arguments: parsed)
            }
        } catch {
            throw options.failure(error.message)
        }
        throw options.failure("it asks for help")
    }
}

/// The options in a worker's file.
private final class WorkerOptions {
    /// The command line.
    private(set) var line: [Argument] = []
    /// What follows the command.
    private(set) var arguments: [Argument] = []
    /// Whether it says where to run.
    private(set) var hasDirectory = false
    private let directory: String
    private let file: String

    init(_ directory: String, _ file: String) {
        self.directory = directory
        self.file = file
    }

    func failure(_ text: String) -> CommandFailure {
        CommandFailure(ExitStatus.failed, concat(quoted(file, limit: 4096), ": ", text))
    }

    @inline(never) func add(_ option: String, _ value: String) {
        line.append(Argument(concat(option, value)))
    }

    /// Takes what is in the file, if there is one.
    func read() throws(CommandFailure) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileDescriptor.open(file, O_RDONLY | O_NONBLOCK).readAll(limit: 1 << 20)
        } catch {
            if error.code == ENOENT { return }
            throw failure(error.reason)
        }
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONValue.parse(bytes)
        } catch {
            throw failure(concat("not JSON: ", error.message))
        }
        guard let members = parsed.members else { throw failure("not an object of options") }
        for member in members {
            if let text = take(member) { throw failure(concat(quoted(member.name), ": ", text)) }
        }
    }

    /// - Returns: why it can't be taken; nil if it is.
    private func take(_ member: JSONMember) -> String? {
        if equalUTF8(member.name, "args") {
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
        var spec = Commands.spawn.option(long: name)
        if spec == nil, name.last == UInt8(ascii: "s") {
            name.removeLast()
            spec = Commands.spawn.option(long: name)
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
