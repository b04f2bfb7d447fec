import CSystem
import KeeperShared

let runCommand = Command("run", run: runRun) {
    CommandSpec(
        $0, summary: "Start a command as a session and stay with it",
        description: [
            "Feeds standard input to the command, copies its output, closes its input at end-of-file and ends "
                + "with its exit status. Signals are passed on, all but HUP, TTIN, TTOU, URG, CHLD and PIPE. "
                + "If run itself is hung up or killed, the session lives on. Without ID, one is made up, --rm "
                + "is implied, and the session ends when run can't go on with it.",
            "With --tty it is shown as attach shows it, and goes on when the detach keys leave it.",
        ],
        operands: [OperandSpec("ID", .sessionID, .optional)], trailing: .required,
        groups: [
            OptionGroup("Result", [RunOptions.json, RunOptions.timeout]),
            OptionGroup("Watching", [RunOptions.watch]),
            OptionGroup("Detaching", [DetachKeys.option]),
            EnvironmentOptions.group,
        ] + SessionOptions.groups + [UnitOptions.group()],
        examples: [
            ExampleSpec(
                "printf '%s\\n' 6*7 | keeperctl run -- bc -q",
                "Prints 42, and leaves no session behind."),
            ExampleSpec(
                "keeperctl run --timeout 10s --json -- ls -l | jq -r .stdout",
                "Runs a command for at most ten seconds, and prints the result as JSON."),
            ExampleSpec(
                "keeperctl run build -- make -j4",
                "Stays with the build; when the terminal closes, 'keeperctl logs -f build' goes on."),
            ExampleSpec(
                "keeperctl run --restart on-failure --watch src -- node src/server.js",
                "Restarts a server as it is edited, mistakes included."),
        ],
        exitStatuses: [
            ExitStatusSpec("0-255", "The command's own status, or 128 plus its signal."),
            ExitStatusSpec("4", "Timed out: the command and all it started have been ended."),
            ExitStatusSpec(
                "125", "Bad usage, the session could not be started, or its output is incomplete."),
            ExitStatusSpec("126", "The command can't be executed."),
            ExitStatusSpec("127", "There is no such command."),
        ])
}

/// The options of `run`.
enum RunOptions {
    static let json = Flag(
        "json",
        help: "Print output, exit and duration at the end, as one object (see keeper-sessions(5))",
        excludes: ["tty", "size"])
    static let timeout: Option<Int64> = Option(
        "timeout", .duration, "DURATION", help: "End the command and all it started after this time",
        describedDefault: "no limit", excludes: ["tty", "size"])
    static let watch: RepeatedOption<Argument> = RepeatedOption(
        "watch", .path, "PATH", help: "Restart the command when a file at or below PATH changes")
}

/// `run`: starts a session, feeds it standard input, shows its output, and ends with its status.
func runRun(_ context: Context) throws(CommandFailure) -> Int32 {
    do throws(CommandFailure) {
        let isInTerminal = isShown(context) && TerminalGuard.isAvailable
        // Blocked before the session exists: a signal that comes early is passed on as well.
        let signals = try attempt(
            "signals", try SignalReader(isInTerminal ? [SIGINT, SIGTERM] : passedSignals))
        if context.arguments[SessionOptions.discardsOutput] {
            throw CommandFailure(
                ExitStatus.badUsage, "run shows what the journal keeps: leave out --no-journal, or use spawn")
        }
        if isShown(context), !context.arguments[RunOptions.watch].isEmpty {
            throw CommandFailure(
                ExitStatus.badUsage, "--tty and --watch don't go together: run 'keeperctl watch' beside it")
        }
        let keys = try DetachKeys(context)
        if context.arguments.isGiven(DetachKeys.option), !isShown(context) {
            throw CommandFailure(ExitStatus.badUsage, "--detach-keys leave a terminal: give --tty as well")
        }
        let removesFiles =
            context.arguments[SessionOptions.removesFiles] || context.arguments.operands.isEmpty
        let oneShot = try OneShot(context)
        let starter = try SessionStarter(
            context, isWaitedFor: true, removesFiles: removesFiles, awaitsReader: true)
        // Before the start: a PATH that isn't there starts nothing, and no change is missed.
        let restarter = try makeRestarter(context)
        let keeper = try starter.start(deadline: nil)
        do throws(CommandFailure) {
            if isInTerminal { return try showRun(context, keeper, keys) }
            restarter?.begin(for: keeper.id)
            return try Run(context, keeper, signals, restarter, oneShot).finish()
        } catch {
            let isNamed = !context.arguments.operands.isEmpty
            let fate = leaveSession(of: keeper, in: starter.directory, isNamed: isNamed)
            throw CommandFailure(error.status, concat(error.text, fate))
        }
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

/// The signals that are passed on to the command, as `docker run` passes them: all that can be, but those that the
/// kernel sends about this process alone. HUP leaves the session alive. TTIN and TTOU keep a background job from the
/// terminal: blocked, they would make its reads fail.
private var passedSignals: [Int32] {
    let own = [SIGKILL, SIGSTOP, SIGHUP, SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU]
    return (1...SignalName.maximum).filter { !own.contains($0) }
}

/// Ends a session that was started without a name, as no other process knows of it. One with a name goes on.
///
/// - Returns: what to add to the reason why `run` ends before the session does.
private func leaveSession(
    of keeper: StartedKeeper, in directory: borrowing FileDescriptor, isNamed: Bool
) -> String {
    if keeper.hasEnded { return "" }
    let id = keeper.id
    if isNamed { return concat("; session ", id.string, " goes on") }
    do throws(ControlFailure) {
        let client = try ControlClient(id, in: directory, "stop", parameters: OneShot.stop)
        keeper.stopReading()
        let answer = try client.result(deadline: monotonicNow() + OneShot.patience)
        if (answer["survivors"]?.arrayValue ?? []).isEmpty { return "" }
        return concat("; not all of session ", id.string, " could be ended")
    } catch {
        return concat("; session ", id.string, " may go on")
    }
}

/// What restarts the command for `--watch`; nil without it.
private func makeRestarter(_ context: Context) throws(CommandFailure) -> Restarter? {
    let paths = context.arguments[RunOptions.watch]
    if paths.isEmpty { return nil }
    let filter = TreeFilter(includes: [], excludes: [], isStandard: true)
    let restarter = try Restarter(context, filter: filter, debounce: .milliseconds(200)) {
        id, path, failure in
        printError(failure?.text ?? concat(id.string, ": restarted: ", quoted(path), " changed"))
    }
    for path in paths { _ = try restarter.watch(path.bytes, for: nil) }
    return restarter
}

private func isShown(_ context: Context) -> Bool {
    context.arguments[SessionOptions.tty] || context.arguments[SessionOptions.size] != nil
}

/// A session in this terminal, to its end or until the user leaves it.
private func showRun(
    _ context: Context, _ keeper: StartedKeeper, _ keys: DetachKeys
) throws(CommandFailure) -> Int32 {
    let directory = try context.directory(of: keeper.id)
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
    private let isNamed: Bool

    init(
        _ context: Context, _ keeper: StartedKeeper, _ signals: consuming SignalReader,
        _ restarter: Restarter?, _ oneShot: OneShot
    ) throws(CommandFailure) {
        let directory = try context.directory(of: keeper.id)
        names = SessionNames(keeper.id)
        what = concat("session ", keeper.id.string)
        isNamed = !context.arguments.operands.isEmpty
        self.keeper = keeper
        self.signals = signals
        self.restarter = restarter
        self.oneShot = oneShot
        output = context.output
        let gaps = GapRecord(what)
        let names = names
        follower = try attempt(
            what,
            try followBoth(
                names, in: directory, fromNow: false, limit: oneShot.showsOutput ? Int.max : 0
            ) { stream, gap in gaps.note(stream, gap) }.0)
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
            try attempt(what, try set.wait())
            takeSignals()
            if !(try oneShot.turn(keeper.id, follower.watch.status, in: directory.descriptor)) { break }
            try turn(set)
        }
        let status = follower.watch.status ?? SessionStatus.read(names.folder, in: directory.descriptor)
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
                // As in a pipeline without us: a command whose output is not read gets SIGPIPE, and so do we.
                if isNamed { pass(SIGPIPE) } else { endUnread() }
                exit(128 + SIGPIPE)
            case .output(let error): throw CommandFailure("write standard output", error)
            case .journal(let error): throw CommandFailure(what, error)
            }
        }
        guard let input else { return }
        try attempt(concat(what, ": read standard input"), try input.turn(set))
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
        // A keeper that can't be asked is ending its session, whose input is closed then.
        _ = try? ControlClient(keeper.id, in: directory.descriptor, "closeInput").result(deadline: soon)
    }

    /// A keeper that is stopped must not freeze this command.
    private var soon: Int64 { monotonicNow() + .seconds(2) }

    private func takeSignals() {
        while let record = signals.nextRecord() {
            let signal = Int32(record.ssi_signo)
            pass(signal)
            // Typed at the terminal, whose shell waits for its job to stop.
            if signal == SIGTSTP, record.ssi_code == SI_KERNEL { kill(getpid(), SIGSTOP) }
        }
    }

    /// Passes a signal on to the command and all in its group, as a terminal would.
    private func pass(_ signal: Int32) {
        do throws(ControlFailure) {
            let parameters = jsonObject { json in
                json.member("name", signalName(signal))
                json.member("to", "group")
            }
            let client = try ControlClient(
                keeper.id, in: directory.descriptor, "signal", parameters: parameters)
            _ = try client.result(deadline: soon)
        } catch {
            // Between two runs, or at the session's end, no command is there to get it.
        }
    }

    /// Ends a session without a name, also if it ignores SIGPIPE, and doesn't wait for that, like a pipeline.
    private func endUnread() {
        // One that can't be asked has ended.
        let parameters = jsonObject { $0.member("steps", concat("PIPE:2s,", OneShot.steps)) }
        _ = try? ControlClient(keeper.id, in: directory.descriptor, "stop", parameters: parameters)
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
