import CSystem
import KeeperShared

let watchCommand = Command("watch", run: runWatch) {
    CommandSpec(
        $0, summary: "Restart sessions when files change",
        description: [
            "Watches each PATH, a file or a directory with all below it, and restarts session ID when something "
                + "there has changed and come to rest. Runs until TERM or INT, and prints a line for each restart. "
                + "A session that is over is reported and may come back; so may a PATH that goes away. Sessions started "
                + "with --restart on-failure survive a change that breaks them.",
            "A GLOB without '/' is about names, one with it about the path below PATH; '*' and '?' stand for "
                + "anything but '/', '**' for anything, and a directory for all in it. Left out anyway: .git, .hg, .svn, "
                + ".jj, node_modules, __pycache__, and backup, lock and swap files of editors.",
        ],
        operands: [OperandSpec("ID=PATH", .string, .oneOrMore)],
        groups: [
            OptionGroup(
                "Choosing",
                [WatchOptions.include, WatchOptions.exclude, WatchOptions.noDefaultExcludes]),
            OptionGroup("Options", [WatchOptions.debounce, Shared.json]),
        ],
        examples: [
            ExampleSpec(
                "keeperctl watch --include '*.py' api=src api=conf worker=src",
                "Restarts api for src and conf, and worker for src."),
            ExampleSpec(
                "keeperctl spawn watcher -- keeperctl watch api=\"$PWD/src\"",
                "Makes the watcher itself a session, which outlives the shell."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Ended by TERM or INT."),
            ExitStatusSpec("1", "A PATH is not there, or can't be watched."),
        ])
}

/// The options of `watch`.
enum WatchOptions {
    static let debounce: Setting<Int64> = Setting(
        "debounce", .duration, "DURATION", help: "Wait until nothing has changed for this long",
        default: "200ms")
    static let include: RepeatedOption<Argument> = RepeatedOption(
        "include", .string, "GLOB", help: "Only files that match, or another such GLOB")
    static let exclude: RepeatedOption<Argument> = RepeatedOption(
        "exclude", .string, "GLOB", help: "No files or directories that match")
    static let noDefaultExcludes = Flag("no-default-excludes", help: "Leave out nothing else")
}

/// `watch`: restarts sessions when files change, until it is told to end.
func runWatch(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let report = ActionReport(context)
    let filter = TreeFilter(
        includes: arguments[WatchOptions.include], excludes: arguments[WatchOptions.exclude],
        isStandard: !arguments[WatchOptions.noDefaultExcludes])
    let restarter = try Restarter(context, filter: filter, debounce: arguments[WatchOptions.debounce]) {
        id, path, failure in
        if let failure {
            report.failed(failure, id, path: path)
        } else {
            report.done("restarted", id, path: path)
        }
    }
    _ = raiseDescriptorLimit()
    for operand in arguments.operands { try watch(operand, restarter, context) }
    restarter.begin()
    let signals = try EndSignals()
    report.watching(restarter.tree)
    let set = PollSet()
    while true {
        set.clear()
        restarter.prepare(set)
        if try signals.wait(set) { return ExitStatus.done }
        restarter.turn(set)
    }
}

/// Watches for an operand `ID=PATH`.
private func watch(
    _ operand: Argument, _ restarter: Restarter, _ context: Context
) throws(CommandFailure) {
    let parts = operand.bytes.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[1].isEmpty else {
        throw CommandFailure(
            ExitStatus.badUsage, concat(quoted(operand.bytes), " is not of the form ID=PATH"))
    }
    let id = try context.sessionID(Argument(bytes: Array(parts[0])))
    if try restarter.watch(Array(parts[1]), for: id) { return }
    let directory = try context.makeDirectory()
    switch try SessionLookup(id, in: directory.descriptor) {
    case .live, .foreign: break
    case .none, .dead, .over:
        printError(concat(id.string, ": no such session now; its files are watched all the same"))
    }
}

/// The signals by which a command that goes on for ever is told to end.
final class EndSignals {
    private let signals: SignalReader

    init() throws(CommandFailure) {
        signals = try attempt("signals", try SignalReader([SIGINT, SIGTERM]))
    }

    /// Waits for these too.
    ///
    /// - Returns: whether one of them came.
    func wait(_ set: PollSet) throws(CommandFailure) -> Bool {
        set.add(signals.descriptor, .input)
        try attempt("wait", try set.wait())
        return signals.next() != nil
    }
}
