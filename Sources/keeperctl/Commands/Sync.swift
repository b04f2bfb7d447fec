import CSystem
import KeeperShared

/// `sync`: makes the executable files of a directory sessions, once or for good.
func runSync(_ context: Context) throws(CommandFailure) -> Int32 {
    let name = context.arguments.operands[0].bytes
    let sync = Sync(context, WorkerDirectory(name, sessionsPath: try context.directoryPath()))
    if !context.arguments.flag("watch") {
        try sync.pass()
        return sync.status
    }
    let signals = try endSignals()
    let tree = try TreeWatch()
    let root = WatchedRoot(sync.place.path, sync.filter, isShallow: true)
    try tree.add(root)
    tree.begin()
    try sync.pass()
    var quiet = QuietTime(context.arguments.duration("debounce") ?? 0)
    let set = PollSet()
    while true {
        set.clear()
        set.add(signals.descriptor, .input)
        tree.prepare(set)
        if let deadline = quiet.deadline { set.limit(deadline: deadline) }
        do throws(SystemError) { try set.wait() } catch { throw CommandFailure("wait", error) }
        if signals.next() != nil { return ExitStatus.done }
        tree.turn(set)
        if root.takeNews() != nil { quiet.note(monotonicNow()) }
        if !quiet.isOver(monotonicNow()) { continue }
        if root.isPresent {
            do throws(CommandFailure) { try sync.pass() } catch { sync.report.failed(error) }
        } else {
            // More likely on its way to being replaced than meant to end everything.
            printError(
                concat(quoted(name), " is gone; its sessions stay as they are until it is there again"))
        }
    }
}

/// The sessions of a directory.
private final class Sync {
    let place: WorkerDirectory
    /// Leaves out what editors leave beside a file.
    let filter = TreeFilter(includes: [], excludes: [], isStandard: true)
    let report: ActionReport
    private let context: Context
    private let isDry: Bool
    /// What was there in the last pass: only what has changed since is looked at in the next, so that a session that
    /// ended, or could not be started, isn't tried again and again.
    private var known: [Worker]?
    private var ending = ExitStatus.done

    init(_ context: Context, _ place: WorkerDirectory) {
        self.context = context
        self.place = place
        report = ActionReport(context)
        isDry = context.arguments.flag("dry-run")
    }

    /// The first failure's.
    var status: Int32 { report.status != ExitStatus.done ? report.status : ending }

    /// Does what is to be done.
    ///
    /// - Throws: when the directory can't be read.
    func pass() throws(CommandFailure) {
        let workers = try place.workers(filter) { report.failed($0) }
        var plan = Plan()
        if isDry {
            // Not even the sessions directory is made.
            if let directory = try context.openDirectory() {
                plan = try makePlan(workers, directory)
            } else {
                for worker in workers { plan.addStart(worker, place, report) }
            }
        } else {
            plan = try makePlan(workers, try context.makeDirectory())
        }
        known = workers
        stop(plan.stops + plan.replaced.map { $0.id }, announced: plan.stops)
        restart(plan.restarts)
        start(plan)
    }

    /// What a pass is to do.
    private struct Plan {
        var stops: [SessionID] = []
        var restarts: [Worker] = []
        /// Ended first, as their options have changed.
        var replaced: [Worker] = []
        var starts: [(id: SessionID, context: Context)] = []

        /// - Returns: whether its options can be understood.
        @discardableResult
        mutating func addStart(
            _ worker: Worker, _ place: WorkerDirectory, _ report: ActionReport
        ) -> Bool {
            do throws(CommandFailure) {
                starts.append((worker.id, try place.context(of: worker)))
                return true
            } catch {
                report.failed(error, worker.id)
                return false
            }
        }
    }

    private func makePlan(
        _ workers: [Worker], _ directory: borrowing SessionsDirectory
    ) throws(CommandFailure) -> Plan {
        var plan = Plan()
        for id in try ownSessions(directory) where !workers.contains(where: { $0.id == id }) {
            plan.stops.append(id)
        }
        for worker in workers where !isKnown(worker) {
            do throws(CommandFailure) {
                switch try SessionLookup(worker.id, in: directory.descriptor) {
                case .none, .over, .dead: plan.addStart(worker, place, report)
                case .foreign: throw stranger(worker.id)
                case .live(_, let status):
                    guard let status, isOwn(status) else { throw stranger(worker.id) }
                    let version = status.label(Worker.versionLabel)
                    if equalUTF8(version, worker.version) { continue }
                    if worker.hasOptions(of: version) {
                        plan.restarts.append(worker)
                    } else if plan.addStart(worker, place, report) {
                        plan.replaced.append(worker)
                    }
                }
            } catch { report.failed(error, worker.id) }
        }
        return plan
    }

    private func stranger(_ id: SessionID) -> CommandFailure {
        CommandFailure(
            ExitStatus.conflict,
            concat(
                id.string,
                ": left alone: a session of this name runs that was not started by 'keeperctl sync ",
                place.pathText, "'"))
    }

    private func isKnown(_ worker: Worker) -> Bool {
        guard let known else { return false }
        for old in known where old.id == worker.id { return equalUTF8(old.version, worker.version) }
        return false
    }

    private func isOwn(_ status: SessionStatus) -> Bool {
        equalUTF8(status.label(Worker.directoryLabel), place.pathText)
    }

    /// Live sessions of this directory, and those whose keepers have died.
    private func ownSessions(_ directory: borrowing SessionsDirectory) throws(CommandFailure) -> [SessionID] {
        var ids: [SessionID] = []
        do throws(SystemError) {
            for session in try Discovery(of: directory.descriptor).sessions {
                switch session.ownership {
                case .keeper, .dead: break
                case .nobody, .foreign, .unsettled: continue
                }
                let folder = SessionNames(session.id).folder
                if let status = SessionStatus.read(folder, in: directory.descriptor), isOwn(status) {
                    ids.append(session.id)
                }
            }
        } catch {
            throw CommandFailure("list the sessions", error)
        }
        return ids
    }

    // MARK: Doing it

    /// - Parameter announced: those that are not only ended to be started anew.
    private func stop(_ ids: [SessionID], announced: [SessionID]) {
        if ids.isEmpty { return }
        if !isDry {
            do throws(CommandFailure) {
                let killing = Killing(try context.makeDirectory())
                killing.end(ids)
                if ending == ExitStatus.done { ending = killing.status }
            } catch { return report.failed(error) }
        }
        for id in announced where isDry || !isLive(id) { report.done("stopped", id, isDry: isDry) }
    }

    private func isLive(_ id: SessionID) -> Bool {
        guard let directory = try? context.openDirectory(),
            let lookup = try? SessionLookup(id, in: directory.descriptor)
        else { return false }
        if case .live = lookup { return true }
        return false
    }

    /// Asks all of them, and then waits for each.
    private func restart(_ workers: [Worker]) {
        var asked: [(Worker, ControlClient)] = []
        for worker in workers {
            if isDry {
                report.done("restarted", worker.id, isDry: true)
                continue
            }
            do throws(CommandFailure) {
                asked.append(
                    (worker, try ControlClient.ask(worker.id, in: try context.makeDirectory(), "restart")))
            } catch { report.failed(error, worker.id) }
        }
        for (worker, client) in asked {
            do throws(CommandFailure) {
                try client.commandResult(of: worker.id)
                try setVersion(worker)
                report.done("restarted", worker.id)
            } catch { report.failed(error, worker.id) }
        }
    }

    private func setVersion(_ worker: Worker) throws(CommandFailure) {
        let directory = try context.makeDirectory()
        do throws(ControlFailure) {
            let client = try ControlClient(worker.id, in: directory.descriptor, "label") { json in
                json.key(Worker.versionLabel)
                json.string(worker.version)
            }
            _ = try client.result()
        } catch {
            throw error.commandFailure(worker.id)
        }
    }

    private func start(_ plan: Plan) {
        for (id, context) in plan.starts {
            let isReplaced = plan.replaced.contains { $0.id == id }
            do throws(CommandFailure) {
                if !isDry {
                    let starter = try SessionStarter(
                        context, isWaitedFor: true, removesFiles: context.arguments.flag("rm"))
                    _ = try starter.start(deadline: nil)
                }
                report.done(isReplaced ? "restarted" : "started", id, isDry: isDry)
            } catch { report.failed(error, id) }
        }
    }
}

extension SessionStatus {
    /// The value of a label; empty without it.
    fileprivate func label(_ name: String) -> String {
        for label in labels where equalUTF8(label.name, name) { return label.value }
        return ""
    }
}
