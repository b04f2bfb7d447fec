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
                    workers.insert(
                        worker, at: firstIndex(in: workers.count) { workers[$0].id < worker.id })
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
        let options = OptionFile(pathText, concat(file, ".json"), sessionsPath: sessionsPath)
        try options.read()
        if !options.hasDirectory { options.add("--cwd=", pathText) }
        options.add("--label=", concat(Worker.directoryLabel, "=", pathText))
        options.add("--label=", concat(Worker.versionLabel, "=", worker.version))
        options.add(worker.id.string, "")
        options.add("--", "")
        options.add(file, "")
        return try options.context()
    }
}
