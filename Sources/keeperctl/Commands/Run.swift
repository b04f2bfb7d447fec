import CSystem
import KeeperShared

/// `run`: starts a session, feeds it standard input, shows its output, and ends with its status.
func runRun(_ context: Context) throws(CommandFailure) -> Int32 {
    do throws(CommandFailure) {
        // Blocked before the session exists: a signal that comes early is passed on as well.
        let signals = try system("signals") { () throws(SystemError) in try SignalReader([SIGINT, SIGTERM]) }
        if context.arguments.flag("no-journal") {
            throw CommandFailure(
                ExitStatus.badUsage, "run shows what the journal keeps: leave out --no-journal, or use spawn")
        }
        if isShown(context), context.arguments.flag("watch") {
            throw CommandFailure(
                ExitStatus.badUsage, "--tty and --watch don't go together: run 'keeperctl watch' beside it")
        }
        let keys = try DetachKeys(context)
        if context.arguments.flag("detach-keys"), !isShown(context) {
            throw CommandFailure(ExitStatus.badUsage, "--detach-keys leave a terminal: give --tty as well")
        }
        let removesFiles = context.arguments.flag("rm") || context.arguments.operands.isEmpty
        let oneShot = try OneShot(context)
        let starter = try SessionStarter(
            context, isWaitedFor: true, removesFiles: removesFiles, awaitsReader: true)
        // Before the start: a PATH that isn't there starts nothing, and no change is missed.
        let restarter = try makeRestarter(context)
        let keeper = try starter.start(deadline: nil)
        if isShown(context), TerminalGuard.isAvailable { return try showRun(context, keeper, keys) }
        restarter?.begin(for: keeper.id)
        let run = try Run(context, starter, keeper, signals, restarter, oneShot)
        return try run.finish()
    } catch {
        // docker's numbers for troubles that are not the command's.
        let status: Int32 =
            switch error.execError {
            case 0: 125
            case ENOENT: 127
            default: 126
            }
        throw CommandFailure(status, error.text)
    }
}

/// What restarts the command for `--watch`; nil without it.
private func makeRestarter(_ context: Context) throws(CommandFailure) -> Restarter? {
    let paths = context.arguments.values("watch")
    if paths.isEmpty { return nil }
    let filter = TreeFilter(includes: [], excludes: [], isStandard: true)
    let restarter = try Restarter(context, filter: filter, debounce: .milliseconds(200)) {
        id, path, failure in
        printError(failure?.text ?? concat(id.string, ": restarted: ", quoted(path), " changed"))
    }
    for path in paths { _ = try restarter.watch(path.bytes, for: nil) }
    return restarter
}

private func system<Result: ~Copyable>(
    _ what: String, _ body: () throws(SystemError) -> Result
) throws(CommandFailure) -> Result {
    do throws(SystemError) { return try body() } catch { throw CommandFailure(what, error) }
}

private func isShown(_ context: Context) -> Bool {
    context.arguments.flag("tty") || context.arguments.flag("size")
}

/// A session in this terminal, to its end or until the user leaves it.
private func showRun(
    _ context: Context, _ keeper: StartedKeeper, _ keys: DetachKeys
) throws(CommandFailure) -> Int32 {
    guard let directory = try context.openDirectory() else {
        throw CommandFailure(ExitStatus.failed, "the sessions directory has vanished")
    }
    let request = ViewRequest(names: SessionNames(keeper.id), keys: keys, fromStart: true)
    switch try showTerminal(request, in: directory) {
    case .detached: return ExitStatus.done
    case .ended(let signal): return 128 + signal
    case .sessionOver(let end):
        keeper.release()
        return try exitStatus(concat("session ", keeper.id.string), end)
    }
}

/// The command's own status, as a shell has it.
private func exitStatus(_ what: String, _ end: ProcessEnd?) throws(CommandFailure) -> Int32 {
    guard let end else {
        throw CommandFailure(
            ExitStatus.failed, concat(what, ": its keeper died; the command's exit status can't be known"))
    }
    return end.shellStatus
}

/// A session in the foreground.
private final class Run {
    private let directory: SessionsDirectory
    private let names: SessionNames
    private let keeper: StartedKeeper
    private let signals: SignalReader
    private let follower: Follower
    private var input: InputClient?
    private var isInputThrough = false
    private let restarter: Restarter?
    private let oneShot: OneShot
    private let output: StandardOutput
    private let what: String

    init(
        _ context: Context, _ starter: SessionStarter, _ keeper: StartedKeeper,
        _ signals: consuming SignalReader, _ restarter: Restarter?, _ oneShot: OneShot
    ) throws(CommandFailure) {
        guard let directory = try context.openDirectory() else {
            throw CommandFailure(ExitStatus.failed, "the sessions directory has vanished")
        }
        names = SessionNames(keeper.id)
        what = concat("session ", keeper.id.string)
        self.keeper = keeper
        self.signals = signals
        self.restarter = restarter
        self.oneShot = oneShot
        output = context.output
        let gaps = GapRecord(what)
        let names = names
        follower = try system(what) { () throws(SystemError) in
            try followBoth(
                names, in: directory, fromNow: false, limit: oneShot.showsOutput ? Int.max : 0
            ) { stream, gap in gaps.note(stream, gap) }.0
        }
        self.gaps = gaps
        // A child that ended at once is no trouble: its output and status are what counts.
        if let socket = try? connectInput(names, in: directory, attempts: 1, deadline: nil) {
            input = try? InputClient(socket: socket, source: FileDescriptor.duplicate(ofNumber: STDIN_FILENO))
        }
        self.directory = directory
    }

    private let gaps: GapRecord

    /// Runs to the end of the session.
    ///
    /// - Returns: the child's exit status as a shell has it.
    func finish() throws(CommandFailure) -> Int32 {
        let set = PollSet()
        try turn(set)
        while !follower.isDone {
            set.clear()
            follower.prepare(set)
            input?.prepare(set)
            restarter?.prepare(set)
            oneShot.prepare(set)
            set.add(signals.descriptor, .input)
            try system(what) { () throws(SystemError) in try set.wait() }
            while let signal = signals.next() { pass(signal) }
            if !(try oneShot.turn(keeper.id, follower.status, in: directory.descriptor)) { break }
            try turn(set)
        }
        let status = follower.status ?? SessionStatus.read(names.folder, in: directory.descriptor)
        let gaps = gaps
        let result = try oneShot.finish(names, status, in: directory.descriptor, output) { stream, gap in
            gaps.note(stream, gap)
        }
        // Only when the keeper is gone the id is free for the next session.
        if !oneShot.isStuck { keeper.release() }
        if let result { return result }
        let own = try exitStatus(what, status?.end)
        if gaps.isEmpty { return own }
        throw CommandFailure(ExitStatus.failed, concat(what, ": the output above is incomplete"))
    }

    private func turn(_ set: PollSet) throws(CommandFailure) {
        if let restarter {
            let before = restarter.restarts
            restarter.turn(set)
            // The next command's input has the same end as the last one's.
            if isInputThrough, restarter.restarts > before { closeInput() }
        }
        do throws(FollowFailure) {
            try follower.turn(set)
        } catch {
            switch error {
            case .readerGone:
                // As in a pipeline without us: a command whose output nobody reads gets SIGPIPE, and so do we.
                pass(SIGPIPE)
                exit(128 + SIGPIPE)
            case .output(let error): throw CommandFailure("write standard output", error)
            case .journal(let error): throw CommandFailure(what, error)
            }
        }
        guard let input else { return }
        try system(concat(what, ": read standard input")) { () throws(SystemError) in try input.turn(set) }
        guard let outcome = input.outcome else { return }
        self.input = nil
        switch outcome {
        // A child that reads no more, or whose keeper died, is the follower's business.
        case .refused, .unknown: break
        case .delivered:
            isInputThrough = true
            closeInput()
        }
    }

    private func closeInput() {
        _ = try? ControlClient(keeper.id, in: directory.descriptor, "closeInput").result(deadline: soon)
    }

    /// A keeper that is stopped must not freeze this command.
    private var soon: Int64 { monotonicNow() + .seconds(2) }

    /// Passes a signal on to the command and all in its group, as a terminal would.
    private func pass(_ signal: Int32) {
        let client = try? ControlClient(keeper.id, in: directory.descriptor, "signal") { json in
            json.key("name")
            json.string(signalName(signal))
            json.key("to")
            json.string("group")
        }
        _ = try? client?.result(deadline: soon)
    }
}

/// Output that came too fast for its reader and is gone: said at once, and again by the exit status.
private final class GapRecord {
    private(set) var isEmpty = true
    private let what: String

    init(_ what: String) { self.what = what }

    func note(_ stream: StreamName, _ gap: JournalGap) {
        isEmpty = false
        printError(gapText(what, stream, gap))
    }
}
