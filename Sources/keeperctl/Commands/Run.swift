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
        let removesFiles = context.arguments.flag("rm") || context.arguments.operands.isEmpty
        let starter = try SessionStarter(
            context, isWaitedFor: true, removesFiles: removesFiles, awaitsReader: true)
        // Before the start: a PATH that isn't there starts nothing, and no change is missed.
        let restarter = try makeRestarter(context)
        let keeper = try starter.start(deadline: nil)
        restarter?.begin(for: keeper.id)
        let run = try Run(context, starter, keeper, signals, restarter)
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
    private let what: String

    init(
        _ context: Context, _ starter: SessionStarter, _ keeper: StartedKeeper,
        _ signals: consuming SignalReader, _ restarter: Restarter?
    ) throws(CommandFailure) {
        guard let directory = try context.openDirectory() else {
            throw CommandFailure(ExitStatus.failed, "the sessions directory has vanished")
        }
        names = SessionNames(keeper.id)
        what = concat("session ", keeper.id.string)
        self.keeper = keeper
        self.signals = signals
        self.restarter = restarter
        let gaps = GapRecord(what)
        let names = names
        follower = try system(what) { () throws(SystemError) in
            let folder = try directory.descriptor.openDirectory(names.folder)
            let watch = try SessionWatch(names, in: directory, folder: folder)
            let streams = [
                FollowedStream(.stdout, to: try FollowedOutput(STDOUT_FILENO, patient: false)),
                FollowedStream(.stderr, to: try FollowedOutput(STDERR_FILENO, patient: false)),
            ]
            return try Follower(folder: folder, streams: streams, watch: watch) { stream, gap in
                gaps.note(stream, gap)
            }
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
            set.add(signals.descriptor, .input)
            try system(what) { () throws(SystemError) in try set.wait() }
            while let signal = signals.next() { pass(signal) }
            try turn(set)
        }
        let status = follower.status ?? SessionStatus.read(names.folder, in: directory.descriptor)
        // Only when the keeper is gone the id is free for the next session.
        keeper.release()
        guard let status, status.state.isFinal, let exit = status.exit, exit.end != .unknown else {
            throw CommandFailure(
                ExitStatus.failed, concat(what, ": its keeper died; the command's exit status can't be known")
            )
        }
        if gaps.isEmpty { return exit.end.shellStatus }
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
