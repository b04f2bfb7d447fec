import CSystem
import KeeperShared

/// An executable file that is to be a session.
struct Worker {
    let id: SessionID
    /// Another one whenever the file was written or replaced.
    let fileVersion: String
    /// The same of the file with the options; `0` where there is none.
    let optionsVersion: String

    /// The value of the label by which changes are known.
    var version: String { concat(fileVersion, ".", optionsVersion) }

    /// Whether only the file itself differs from what a session was started from.
    func hasOptions(of version: String) -> Bool {
        version.utf8.count > optionsVersion.utf8.count
            && version.utf8.suffix(optionsVersion.utf8.count + 1).elementsEqual(
                concat(".", optionsVersion).utf8)
    }

    static func version(of file: FileMetadata?) -> String {
        guard let file else { return "0" }
        // FNV-1a over what changes when a file is written or replaced.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for number in [UInt64(file.inode), UInt64(file.size), UInt64(bitPattern: file.modifiedTime)] {
            for shift: UInt64 in [0, 8, 16, 24, 32, 40, 48, 56] {
                hash = (hash ^ (number >> shift & 0xFF)) &* 0x100_0000_01B3
            }
        }
        return String(Int(hash >> 1))
    }
}

/// A directory whose executable files are to be sessions.
struct WorkerDirectory {
    /// From the root of the file system, as it was named: a link that comes to lead elsewhere is still the same.
    let path: [UInt8]
    /// Where the sessions are, for the keepers that are started.
    let sessionsPath: String

    var pathText: String { String(decoding: path, as: UTF8.self) }

    init(_ name: [UInt8], sessionsPath: String) {
        let slash = UInt8(ascii: "/")
        let whole = name.first == slash ? name : currentDirectory() + [slash] + name
        var path: [UInt8] = []
        for part in whole.split(separator: slash) {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                while let last = path.popLast(), last != slash {}
                continue
            }
            path.append(slash)
            path += part
        }
        self.path = path.isEmpty ? [slash] : path
        self.sessionsPath = sessionsPath
    }

    func path(of name: String) -> [UInt8] { path + [UInt8(ascii: "/")] + Array(name.utf8) }

    /// The workers that are there, in the order of their names.
    ///
    /// - Parameter fail: told of files that can't be sessions.
    func workers(_ filter: TreeFilter, _ fail: (CommandFailure) -> Void) throws(CommandFailure) -> [Worker] {
        var workers: [Worker] = []
        do throws(SystemError) {
            let directory = try FileDescriptor.open(pathText, O_RDONLY | O_DIRECTORY)
            try directory.forEachRawEntry { name, count, _ in
                let name = Array(UnsafeRawBufferPointer(start: name, count: count))
                if name[0] == UInt8(ascii: ".") || name.suffix(5).elementsEqual(".json".utf8) { return }
                let file = path + [UInt8(ascii: "/")] + name
                guard !filter.skips(name), let metadata = fileMetadata(file), metadata.isRegular,
                    metadata.mode & 0o111 != 0
                else { return }
                do throws(SessionIDError) {
                    let worker = Worker(
                        id: try SessionID(bytes: name), fileVersion: Worker.version(of: metadata),
                        optionsVersion: Worker.version(of: fileMetadata(file + Array(".json".utf8))))
                    let place = workers.firstIndex { worker.id < $0.id } ?? workers.count
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

    // MARK: Options

    /// What `spawn` would be told to start a worker.
    func context(of worker: Worker) throws(CommandFailure) -> Context {
        var options: [Argument] = []
        var arguments: [Argument] = []
        var hasDirectory = false
        let file = concat(worker.id.string, ".json")
        for member in try readOptions(file) {
            do throws(OptionFailure) {
                let name = try optionName(member.name)
                if equalUTF8(name, "cwd") { hasDirectory = true }
                try add(member.value, name, to: &options, &arguments)
            } catch {
                throw CommandFailure(
                    ExitStatus.failed,
                    concat(quoted(path(of: file)), ": ", quoted(member.name), ": ", error.text))
            }
        }
        var line = [
            Argument("--sessions-dir"), Argument(sessionsPath), Argument("spawn"),
            Argument(concat("--label=", Worker.directoryLabel, "=", pathText)),
            Argument(concat("--label=", Worker.versionLabel, "=", worker.version)),
        ]
        if !hasDirectory { line.append(Argument(bytes: Array("--cwd=".utf8) + path)) }
        line += options
        line += [Argument(worker.id.string), Argument("--"), Argument(bytes: path(of: worker.id.string))]
        line += arguments
        do throws(UsageError) {
            if case .run(let parsed) = try parseCommandLine(line, for: keeperctlTable) {
                return Context(arguments: parsed)
            }
        } catch {
            throw CommandFailure(ExitStatus.failed, concat(quoted(path(of: file)), ": ", error.message))
        }
        throw CommandFailure(ExitStatus.failed, concat(quoted(path(of: file)), ": it asks for help"))
    }

    /// The members of a file of options; none when there is no such file.
    private func readOptions(_ file: String) throws(CommandFailure) -> [JSONMember] {
        let bytes: [UInt8]
        let name = quoted(path(of: file))
        do throws(SystemError) {
            bytes = try FileDescriptor.open(concat(pathText, "/", file), O_RDONLY | O_NONBLOCK).readAll(
                limit: 1 << 20)
        } catch {
            if error.code == ENOENT { return [] }
            throw CommandFailure(name, error)
        }
        do throws(JSONError) {
            if let members = try JSONValue.parse(bytes).members { return members }
        } catch {
            throw CommandFailure(ExitStatus.failed, concat(name, ": not JSON: ", error.message))
        }
        throw CommandFailure(ExitStatus.failed, concat(name, ": not an object of options"))
    }

    /// An option that can't be taken, and why.
    private struct OptionFailure: Error {
        let text: String
    }

    /// `journalSize` and `journal-size` are the same; `labels` is what the command line calls `label`.
    private func optionName(_ key: String) throws(OptionFailure) -> String {
        var name: [UInt8] = []
        for byte in key.utf8 {
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                name += [UInt8(ascii: "-"), byte | 0x20]
            } else {
                name.append(byte)
            }
        }
        if name.elementsEqual("args".utf8) || Worker.isOption(name) {
            return String(decoding: name, as: UTF8.self)
        }
        if name.last == UInt8(ascii: "s") {
            name.removeLast()
            if Worker.isOption(name) { return String(decoding: name, as: UTF8.self) }
        }
        throw OptionFailure(text: "no such option; 'keeperctl help sync' says which there are")
    }

    private func add(
        _ value: JSONValue, _ name: String, to options: inout [Argument], _ arguments: inout [Argument]
    ) throws(OptionFailure) {
        if equalUTF8(name, "args") {
            guard let elements = value.arrayValue else {
                throw OptionFailure(text: "not an array of strings")
            }
            for element in elements { arguments.append(Argument(try text(of: element))) }
            return
        }
        guard let spec = Commands.spawn.option(long: Array(name.utf8)) else { return }
        switch value {
        case .null, .bool(false): return
        case .bool(true) where !spec.takesValue: options.append(Argument(concat("--", name)))
        case .array(let elements):
            for element in elements { options.append(try option(spec, try text(of: element))) }
        case .object(let members):
            for member in members {
                options.append(try option(spec, concat(member.name, "=", try text(of: member.value))))
            }
        case .bool, .integer, .number, .string: options.append(try option(spec, try text(of: value)))
        }
    }

    private func option(_ spec: OptionSpec, _ value: String) throws(OptionFailure) -> Argument {
        if !spec.takesValue { throw OptionFailure(text: "neither true nor false") }
        var bytes = Array(value.utf8)
        if case .path = spec.kind, let first = bytes.first, first != UInt8(ascii: "/") {
            bytes = path + [UInt8(ascii: "/")] + bytes
        }
        return Argument(bytes: Array(concat("--", spec.long, "=").utf8) + bytes)
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

extension Worker {
    /// The label that says which directory a session is of.
    static let directoryLabel = "sync.dir"
    /// The label that says from which files it was started.
    static let versionLabel = "sync.version"

    /// Whether `spawn` has such an option, and it is about the session, not about waiting for it.
    fileprivate static func isOption(_ name: [UInt8]) -> Bool {
        Commands.spawn.option(long: name) != nil && !name.elementsEqual("wait".utf8)
            && !name.elementsEqual("timeout".utf8)
    }
}
