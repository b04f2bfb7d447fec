import CSystem
import KeeperShared

let logsCommand = Command("logs", run: runLogs) {
    CommandSpec(
        $0, summary: "Print what a session has written",
        description: [
            "Reads the journal files, so it works for ended sessions and disturbs no live one. Output that the "
                + "journal no longer holds is reported with its size on stderr.",
            "Of several sessions each line begins with the session's ID. They come one after the other; with "
                + "--follow, as they are written.",
            "With --json each line of output is an event, as keeper-sessions(5) describes them; the last event of "
                + "each session is its state.",
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [
                    LogsOptions.follow, LogsOptions.stderr, LogsOptions.all, LogsOptions.json,
                    LogsOptions.timestamps, LogsOptions.previous,
                ]),
            OptionGroup(
                "Which part",
                [
                    LogsOptions.tail, LogsOptions.head, LogsOptions.grep, LogsOptions.since,
                    LogsOptions.until, LogsOptions.from, LogsOptions.before,
                ]),
        ],
        examples: [
            ExampleSpec("keeperctl logs calc", "Prints all of stdout that is kept."),
            ExampleSpec("keeperctl logs -f --all build", "Follows both streams to the end."),
            ExampleSpec(
                "keeperctl logs -t --tail 20 web db", "Prints the last 20 lines of each, with times."),
            ExampleSpec(
                "keeperctl logs --tail 5 --grep error web", "Prints the last five lines with an error."),
            ExampleSpec(
                "keeperctl logs --json --tail 100 --before 1f0e9c4b7a553d20:81920:512 web",
                "Prints the 100 lines that come before a place, as a reader that scrolls up wants them."),
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// The options of `logs`.
enum LogsOptions {
    static let follow = Flag("follow", short: "f", help: "Go on with new output until the session ends")
    static let stderr = Flag("stderr", help: "Print stderr instead of stdout", excludes: ["all"])
    static let all = Flag("all", help: "Print both, merged by time")
    static let json = Flag(
        "json", help: "Print stream events, of both streams unless --stderr is given",
        excludes: ["timestamps"])
    static let timestamps = Flag("timestamps", short: "t", help: "Begin each line with its time")
    static let previous = Flag(
        "previous", help: "Print the output of the session before this one under the ID")
    static let tail: Option<Int> = Option(
        "tail", short: "n", .integer(min: 0, max: Int.max), "N", help: "Only the last N lines",
        excludes: ["from"])
    static let head: Option<Int> = Option(
        "head", .integer(min: 0, max: Int.max), "N", help: "Only the first N lines; of each session",
        excludes: ["tail"])
    static let grep: Option<Argument> = Option(
        "grep", .string, "TEXT",
        help: "Only lines that contain this text; with --tail or --head, this many of them")
    static let since: Option<Moment> = Option(
        "since", .moment, "TIME", help: "Only lines of this time or later: 10m (ago) or 2026-01-31T12:00:00Z",
        excludes: ["from"])
    static let until: Option<Moment> = Option(
        "until", .moment, "TIME", help: "Only lines of this time or before", excludes: ["follow"])
    static let from: Option<Argument> = Option(
        "from", .string, "POSITION",
        help: "Start at this byte of the stream, or at a cursor INSTANCE:STDOUT:STDERR",
        describedDefault: "the oldest output")
    static let before: Option<Argument> = Option(
        "before", .string, "POSITION",
        help: "Stop before this byte of the stream, or at a cursor; with --tail the lines that end there",
        describedDefault: "the newest output", excludes: ["follow"])
}

/// What becomes of the output of the sessions that `logs` names.
protocol LogPurpose: FollowPurpose {
    /// All that is written to.
    var targets: [OutputTarget] { get }
    /// Whether something was wrong that the reader was told of.
    var hasFailed: Bool { get }
    /// What reads the session of this number among those that are named, whose folder is open.
    func reader(
        _ number: Int, _ id: SessionID, in folder: borrowing FileDescriptor
    ) throws(CommandFailure) -> any SessionReader
}

/// `logs`: copies journals of sessions from their files.
func runLogs(_ context: Context) throws(CommandFailure) -> Int32 {
    let isJSON = context.arguments[LogsOptions.json]
    let follows = context.arguments[LogsOptions.follow]
    let isOfPrevious = context.arguments[LogsOptions.previous]
    let ids = try context.distinctSessionIDs()
    let logs: any LogPurpose = if isJSON { try LogEvents(context) } else { try LogText(context, ids) }
    let directory = try context.directory(of: ids[0])
    let roster = try SessionRoster("logs of", directory.descriptor, ids, logs)
    if follows { roster.watchAdded() }
    // All must be there before anything is printed.
    var last: FollowedSession?
    for (number, id) in ids.enumerated() {
        let folder = try openFolder(SessionNames(id), isOfPrevious: isOfPrevious, in: directory)
        let reader = try logs.reader(number, id, in: folder)
        // Events tell the state at the end, so it matters then whether the session lives.
        let isOver = isOfPrevious || !(follows || isJSON)
        do throws(SystemError) {
            let session = try FollowedSession(id, folder, reader, isOver: isOver)
            // Without --follow one after the other.
            roster.add(session, after: follows ? nil : last)
            last = session
        } catch {
            throw CommandFailure(concat("logs of ", id.string), error)
        }
    }
    do throws(FollowFailure) {
        try roster.follow(logs.targets)
        return roster.hasFailed || logs.hasFailed ? ExitStatus.failed : ExitStatus.done
    } catch {
        return try error.status("read journal")
    }
}

/// Opens the folder of a session that must be there, or of the one before it.
@inline(never)
func openFolder(
    _ names: SessionNames, isOfPrevious: Bool, in directory: borrowing SessionsDirectory
) throws(CommandFailure) -> FileDescriptor {
    do throws(SystemError) {
        return try directory.descriptor.openDirectory(isOfPrevious ? names.previousFolder : names.folder)
    } catch {
        guard error.code == ENOENT else { throw CommandFailure(concat("logs of ", names.id.string), error) }
        if !isOfPrevious { throw .noSession(names.id, in: directory.path) }
        throw CommandFailure(
            ExitStatus.noSession, concat("no session before this one under the ID ", quoted(names.id.string)))
    }
}

/// Copies output as it is, or with the name and the time before each line.
private final class LogText: LogPurpose {
    private let ids: [SessionID]
    /// Nothing more comes of a previous session.
    private let follows: Bool
    private let range: LogRange
    /// For each stream where it goes.
    private var outputs: [(StreamName, FollowedOutput)] = []
    private var style = LineStyle()
    private var hasColour = false

    init(_ context: Context, _ ids: [SessionID]) throws(CommandFailure) {
        let arguments = context.arguments
        self.ids = ids
        range = try LogRange(context)
        follows = arguments[LogsOptions.follow] && !arguments[LogsOptions.previous]
        let isOfBoth = arguments[LogsOptions.all]
        outputs.append(
            (isOfBoth || !arguments[LogsOptions.stderr] ? .stdout : .stderr, try open(STDOUT_FILENO)))
        if isOfBoth { outputs.append((.stderr, try open(STDERR_FILENO))) }
        style.timestamps = arguments[LogsOptions.timestamps]
        style.holdsLines = ids.count > 1 || outputs.count > 1
        hasColour = isatty(STDOUT_FILENO) == 1 && (getenv("NO_COLOR").map { $0[0] == 0 } ?? true)
    }

    private func open(_ number: Int32) throws(CommandFailure) -> FollowedOutput {
        try attempt("standard output", try FollowedOutput(number, patient: true))
    }

    var targets: [OutputTarget] { outputs.compactMap { $0.1.target } }

    var hasFailed: Bool { false }

    func flush(_ roster: SessionRoster) -> Bool { !roster.isEmpty }

    func reader(
        _ number: Int, _ id: SessionID, in folder: borrowing FileDescriptor
    ) throws(CommandFailure) -> any SessionReader {
        let what = concat("logs of ", id.string)
        do throws(SystemError) {
            var streams: [FollowedStream] = []
            var isKept = false
            for (name, output) in outputs {
                streams.append(FollowedStream(name, to: output))
                if !(try segmentBases(of: name, in: folder).isEmpty) { isKept = true }
            }
            if !isKept { printError(concat(what, ": the session keeps no such output")) }
            if !(try range.apply(to: streams, in: folder)) { printError("\(LogRange.otherSession)") }
            var ownStyle = style
            if ids.count > 1 { ownStyle.label = label(number) }
            return LogReader(
                try OutputCopier(
                    streams, style: ownStyle, range.selection, follows: follows, in: folder
                ) { stream, gap in printError(gapText(what, stream, gap)) })
        } catch {
            throw CommandFailure(what, error)
        }
    }

    /// `name | `, as wide as for all others.
    private func label(_ number: Int) -> [UInt8] {
        var width = 0
        for id in ids { width = max(width, id.string.utf8.count) }
        var label: [UInt8] = []
        if hasColour {
            label.append(literal: "\u{1B}[3")
            label.append(UInt8(ascii: "1") + UInt8(number % 6))
            label.append(UInt8(ascii: "m"))
        }
        label.append(contentsOf: ids[number].string.utf8)
        for _ in ids[number].string.utf8.count..<width { label.append(UInt8(ascii: " ")) }
        label.append(literal: " |")
        if hasColour { label.append(literal: "\u{1B}[0m") }
        label.append(UInt8(ascii: " "))
        return label
    }
}

extension LogRange {
    convenience init(_ context: Context) throws(CommandFailure) {
        let arguments = context.arguments
        let now = Timestamp.now()
        let since = arguments[LogsOptions.since]?.time(at: now)
        let until = arguments[LogsOptions.until]?.time(at: now)
        if let since, let until, since > until {
            throw CommandFailure(ExitStatus.badUsage, "--since is later than --until: nothing lies between")
        }
        let isOfBoth =
            arguments[LogsOptions.all] || (arguments[LogsOptions.json] && !arguments[LogsOptions.stderr])
        for option in [LogsOptions.from, LogsOptions.before] {
            guard let place = arguments[option] else { continue }
            if arguments.operands.count > 1 {
                throw CommandFailure(
                    ExitStatus.badUsage, concat("--", option.long, " is a place in one session: give one ID"))
            }
            if isOfBoth || decimal(place.bytes) == nil, Cursor(place.bytes) == nil {
                throw CommandFailure(
                    ExitStatus.badUsage,
                    concat(
                        "--", option.long, " ", quoted(place.bytes), " is not a ",
                        isOfBoth ? "" : "position such as 4096 or a ", "cursor INSTANCE:STDOUT:STDERR"))
            }
        }
        let text = arguments[LogsOptions.grep]?.bytes ?? []
        if text.contains(10) {
            throw CommandFailure(ExitStatus.badUsage, "--grep: no line has a line feed in it")
        }
        self.init(
            tail: arguments[LogsOptions.tail], since: since, until: until, from: arguments[LogsOptions.from],
            before: arguments[LogsOptions.before], head: arguments[LogsOptions.head], text: text,
            follows: arguments[LogsOptions.follow])
    }
}
