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
        let name = concat(pathText, "/", worker.id.string, ".json")
        var file = OptionFile(path: name, folder: path)
        try file.read()
        var line = [
            Argument(concat("--label=", Worker.directoryLabel, "=", pathText)),
            Argument(concat("--label=", Worker.versionLabel, "=", worker.version)),
        ]
        if !file.setsDirectory { line.append(Argument(bytes: Array("--cwd=".utf8) + path)) }
        file.options = line + file.options
        file.command.insert(Argument(bytes: path(of: worker.id.string)), at: 0)
        return try file.context(for: worker.id, sessionsPath: sessionsPath)
    }
}

extension Worker {
    /// The label that says which directory a session is of.
    static let directoryLabel = "sync.dir"
    /// The label that says from which files it was started.
    static let versionLabel = "sync.version"
}
