import CSystem
import KeeperShared

let syncCommand = Command("sync", run: runSync) {
    CommandSpec(
        $0, summary: "Make the executable files of a directory sessions",
        description: [
            "Each executable file in DIR becomes a session of the same name: those that don't run are started, sessions "
                + "whose file is gone are stopped, those whose file has changed are restarted, and all others stay as they are. "
                + "Sessions that sync did not start are left alone; it knows its own by their label sync.dir.",
            "NAME.json beside a file holds an object of spawn's options for it: \"args\" (an array), \"env\" and \"labels\" "
                + "(objects), and all others by their names, like \"cwd\" or \"journalSize\". Paths in it are relative to "
                + "DIR, where the sessions run.",
        ],
        operands: [OperandSpec("DIR", .path)],
        groups: [
            OptionGroup(
                "Options",
                [
                    SyncOptions.watch,
                    WatchOptions.debounce,
                    SyncOptions.dryRun,
                    Shared.json,
                ])
        ],
        examples: [
            ExampleSpec(
                "keeperctl sync workers", "Starts, stops and restarts what is necessary, once."),
            ExampleSpec(
                "keeperctl spawn workers -- keeperctl sync --watch \"$PWD/workers\"",
                "Follows the directory for good, in a session of its own."),
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec("1", "Something could not be done for a session; the others are done."),
            ExitStatusSpec("5", "A session of the same name runs that sync did not start."),
        ])
}

/// The options of `sync`.
enum SyncOptions {
    static let watch = Flag("watch", help: "Go on, and do it again whenever DIR changes")
    static let dryRun = Flag("dry-run", help: "Print what would be done, and do nothing", excludes: ["watch"])
}

/// `sync`: makes the executable files of a directory sessions, once or for good.
func runSync(_ context: Context) throws(CommandFailure) -> Int32 {
    let name = context.arguments.operands[0].bytes
    let sync = Sync(context, WorkerDirectory(name, sessionsPath: try context.directoryPath()))
    if context.arguments[SyncOptions.watch] { return try sync.follow(name) }
    try sync.pass()
    return sync.status
}

/// The sessions of a directory.
private final class Sync {
    private let place: WorkerDirectory
    private let report: ActionReport
    private let context: Context
    private let isDry: Bool
    /// What was there in the last pass: only what has changed since is looked at in the next, so that a session that
    /// ended, or could not be started, isn't tried again and again.
    private var known: [Worker] = []
    private var ending = ExitStatus.done

    init(_ context: Context, _ place: WorkerDirectory) {
        self.context = context
        self.place = place
        report = ActionReport(context)
        isDry = context.arguments[SyncOptions.dryRun]
    }

    /// The first failure's.
    var status: Int32 { report.status != ExitStatus.done ? report.status : ending }

    /// Passes whenever the directory has changed, until it is told to end.
    func follow(_ name: [UInt8]) throws(CommandFailure) -> Int32 {
        let tree = try TreeWatch()
        let root = WatchedRoot(place.path, place.filter, isShallow: true)
        try tree.add(root)
        tree.begin()
        let signals = try EndSignals()
        try pass()
        report.watching(tree)
        var quiet = QuietTime(context.arguments[WatchOptions.debounce])
        let set = PollSet()
        while true {
            set.clear()
            tree.prepare(set)
            if let deadline = quiet.deadline { set.limit(deadline: deadline) }
            if try signals.wait(set) { return ExitStatus.done }
            tree.turn(set)
            let now = monotonicNow()
            if root.takeNews() != nil { quiet.note(now) }
            if !quiet.isOver(now) { continue }
            if root.isPresent {
                do throws(CommandFailure) { try pass() } catch { report.failed(error) }
            } else {
                // More likely on its way to being replaced than meant to end everything.
                printError(
                    concat(quoted(name), " is gone; its sessions stay as they are until it is there again"))
            }
        }
    }

    /// Does what is to be done.
    ///
    /// - Throws: when the directory can't be read.
    func pass() throws(CommandFailure) {
        let workers = try place.workers { report.failed($0) }
        var removed: [SessionID] = []
        // Not even the sessions directory is made for a dry run.
        if !isDry { _ = try context.makeDirectory() }
        if let directory = try context.openDirectory() {
            removed = try ownSessions(directory, except: workers)
            for worker in workers where !isKnown(worker) {
                do throws(CommandFailure) {
                    worker.action = try action(for: worker, directory)
                } catch { report.failed(error, worker.id) }
            }
        } else {
            for worker in workers { worker.action = .start }
        }
        known = workers
        prepare(workers)
        try end(removed, workers)
        try restart(workers)
        start(workers)
    }

    // MARK: What is to be done

    private func action(
        for worker: Worker, _ directory: borrowing SessionsDirectory
    ) throws(CommandFailure) -> Worker.Action {
        switch try SessionLookup(worker.id, in: directory.descriptor) {
        case .none, .over, .dead: return .start
        case .foreign: break
        case .live(_, let status):
            guard let status, isOwn(status) else { break }
            let version = status.label(Worker.versionLabel)
            if equalUTF8(version, worker.version) { return .nothing }
            return worker.hasOptions(of: version) ? .restart : .replace
        }
        throw CommandFailure(
            ExitStatus.conflict,
            concat(
                worker.id.string,
                ": left alone: a session of this name runs that was not started by 'keeperctl sync ",
                place.pathText, "'"))
    }

    private func isKnown(_ worker: Worker) -> Bool {
        for old in known where old.id == worker.id { return equalUTF8(old.version, worker.version) }
        return false
    }

    private func isOwn(_ status: SessionStatus) -> Bool {
        equalUTF8(status.label(Worker.directoryLabel), place.pathText)
    }

    /// Live sessions of this directory, and those whose keepers have died, that have no file any more.
    private func ownSessions(
        _ directory: borrowing SessionsDirectory, except workers: [Worker]
    ) throws(CommandFailure) -> [SessionID] {
        var ids: [SessionID] = []
        for id in try liveSessions(in: directory.descriptor) {
            if workers.contains(where: { $0.id == id }) { continue }
            let folder = SessionNames(id).folder
            if let status = SessionStatus.read(folder, in: directory.descriptor), isOwn(status) {
                ids.append(id)
            }
        }
        return ids
    }

    /// Reads the options of those that are to be started; one with a mistake in them stays as it is.
    private func prepare(_ workers: [Worker]) {
        for worker in workers {
            switch worker.action {
            case .nothing, .restart: continue
            case .start, .replace: break
            }
            do throws(CommandFailure) {
                worker.context = try place.context(of: worker)
            } catch {
                worker.action = .nothing
                report.failed(error, worker.id)
            }
        }
    }

    // MARK: Doing it

    private func end(_ removed: [SessionID], _ workers: [Worker]) throws(CommandFailure) {
        if !isDry {
            var ids = removed
            for worker in workers {
                if case .replace = worker.action { ids.append(worker.id) }
            }
            let killing = Killing(try context.makeDirectory())
            killing.end(ids)
            if ending == ExitStatus.done { ending = killing.status }
        }
        for id in removed where isDry || !isLive(id) { report.done("stopped", id, isDry: isDry) }
    }

    private func isLive(_ id: SessionID) -> Bool {
        // One that can't be looked at is not known to live; its end was asked for, and a failure of that was told.
        guard let directory = try? context.openDirectory(),
            let lookup = try? SessionLookup(id, in: directory.descriptor)
        else { return false }
        if case .live = lookup { return true }
        return false
    }

    private func restart(_ workers: [Worker]) throws(CommandFailure) {
        let due = workers.filter { if case .restart = $0.action { true } else { false } }
        if isDry {
            for worker in due { report.done("restarted", worker.id, isDry: true) }
            return
        }
        let directory = try context.makeDirectory()
        askAll(due.map { $0.id }, in: directory, "restart") { id, answer in
            do throws(CommandFailure) {
                _ = try answer.get()
                for worker in due where worker.id == id { try setVersion(worker, in: directory) }
                report.done("restarted", id)
            } catch { report.failed(error, id) }
        }
    }

    private func setVersion(
        _ worker: Worker, in directory: borrowing SessionsDirectory
    ) throws(CommandFailure) {
        let label = jsonObject { json in
            json.key(Worker.versionLabel)
            json.string(worker.version)
        }
        try ControlClient.ask(worker.id, in: directory, "label", parameters: label)
            .commandResult(of: worker.id)
    }

    private func start(_ workers: [Worker]) {
        for worker in workers {
            guard let context = worker.context else { continue }
            var isReplaced = false
            if case .replace = worker.action { isReplaced = true }
            do throws(CommandFailure) {
                if !isDry {
                    let starter = try SessionStarter(
                        context, isWaitedFor: true,
                        removesFiles: context.arguments[SessionOptions.removesFiles])
                    _ = try starter.start(deadline: nil)
                }
                report.done(isReplaced ? "restarted" : "started", worker.id, isDry: isDry)
            } catch { report.failed(error, worker.id) }
            worker.context = nil
        }
    }
}

extension SessionStatus {
    /// The value of a label; empty without it.
    fileprivate func label(_ name: String) -> String {
        labels.first { equalUTF8($0.name, name) }?.value ?? ""
    }
}
