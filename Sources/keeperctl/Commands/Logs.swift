import CSystem
import KeeperShared

extension Command {
    static let logs = Command("logs", run: runLogs) {
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
                    [LogsOptions.tail, LogsOptions.since, LogsOptions.until, LogsOptions.from]),
            ],
            examples: [
                ExampleSpec("keeperctl logs calc", "Prints all of stdout that is kept."),
                ExampleSpec("keeperctl logs -f --all build", "Follows both streams to the end."),
                ExampleSpec(
                    "keeperctl logs -t --tail 20 web db", "Prints the last 20 lines of each, with times."),
            ], exitStatuses: [Shared.done, Shared.noSession])
    }
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
    static let since: Option<Moment> = Option(
        "since", .moment, "TIME", help: "Only lines of this time or later: 10m (ago) or 2026-01-31T12:00:00Z",
        excludes: ["from"])
    static let until: Option<Moment> = Option(
        "until", .moment, "TIME", help: "Only lines of this time or before", excludes: ["follow"])
    static let from: Option<Argument> = Option(
        "from", .string, "POSITION",
        help: "Start at this byte of the stream, or at a cursor INSTANCE:STDOUT:STDERR",
        describedDefault: "the oldest output")
}

/// `logs`: copies journals of sessions from their files.
func runLogs(_ context: Context) throws(CommandFailure) -> Int32 {
    if context.arguments[LogsOptions.json] { return try runLogEvents(context) }
    let request = try LogRequest(context)
    let directory = try context.directory(of: request.ids[0])
    let roster: SessionRoster
    do throws(SystemError) {
        roster = try SessionRoster(directory.descriptor, request.ids, request)
    } catch {
        throw CommandFailure("logs", error)
    }
    if request.follows { roster.watchAdded() }
    // All must be there before anything is printed.
    var last: FollowedSession?
    for number in request.ids.indices {
        let session = try request.session(number, in: directory)
        // Without --follow one after the other.
        roster.add(session, after: request.follows ? nil : last)
        last = session
    }
    do throws(FollowFailure) {
        try roster.follow(request.targets)
        return request.hasFailed ? ExitStatus.failed : ExitStatus.done
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

/// What is asked for, for all sessions alike.
private final class LogRequest: FollowPurpose {
    let ids: [SessionID]
    let follows: Bool
    private let isOfPrevious: Bool
    private let range: LogRange
    /// For each stream where it goes.
    private var outputs: [(StreamName, FollowedOutput)] = []
    private var style = LineStyle()
    private var hasColour = false

    init(_ context: Context) throws(CommandFailure) {
        let arguments = context.arguments
        ids = try context.distinctSessionIDs()
        range = try LogRange(context)
        follows = arguments[LogsOptions.follow]
        isOfPrevious = arguments[LogsOptions.previous]
        do throws(SystemError) {
            let output = try FollowedOutput(STDOUT_FILENO, patient: true)
            if arguments[LogsOptions.all] {
                outputs = [(.stdout, output), (.stderr, try FollowedOutput(STDERR_FILENO, patient: true))]
            } else {
                outputs = [(arguments[LogsOptions.stderr] ? .stderr : .stdout, output)]
            }
        } catch {
            throw CommandFailure("standard output", error)
        }
        style.timestamps = arguments[LogsOptions.timestamps]
        style.holdsLines = ids.count > 1 || outputs.count > 1
        hasColour = isatty(STDOUT_FILENO) == 1 && (getenv("NO_COLOR").map { $0[0] == 0 } ?? true)
    }

    var targets: [OutputTarget] { outputs.map { $0.1.target } }

    // MARK: FollowPurpose

    private(set) var hasFailed = false

    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) -> (any SessionReader)? { nil }

    func report(_ id: SessionID, _ error: SystemError) {
        hasFailed = true
        printError(CommandFailure(concat("logs of ", id.string), error).text)
    }

    func flush(_ roster: SessionRoster) -> Bool { !roster.isEmpty }

    func prepare(_ set: PollSet) {}

    // MARK: Sessions

    /// One of the sessions, with what copies its output.
    func session(
        _ number: Int, in directory: borrowing SessionsDirectory
    ) throws(CommandFailure) -> FollowedSession {
        let id = ids[number]
        let what = concat("logs of ", id.string)
        let folder = try openFolder(SessionNames(id), isOfPrevious: isOfPrevious, in: directory)
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
            // Nothing more comes of a previous session.
            let isLive = follows && !isOfPrevious
            let copier = try OutputCopier(streams, style: ownStyle, follows: isLive, in: folder) {
                stream, gap in printError(gapText(what, stream, gap))
            }
            return try FollowedSession(id, folder, LogReader(copier), isOver: !isLive)
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
        let from = arguments[LogsOptions.from]
        let now = Timestamp.now()
        let since = arguments[LogsOptions.since]?.time(at: now)
        let until = arguments[LogsOptions.until]?.time(at: now)
        if let since, let until, since > until {
            throw CommandFailure(ExitStatus.badUsage, "--since is later than --until: nothing lies between")
        }
        if from != nil, arguments.operands.count > 1 {
            throw CommandFailure(ExitStatus.badUsage, "--from is a place in one session: give one ID")
        }
        let isOfBoth =
            arguments[LogsOptions.all] || (arguments[LogsOptions.json] && !arguments[LogsOptions.stderr])
        if let from, decimal(from.bytes) == nil || isOfBoth, Cursor(from.bytes) == nil {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat(
                    "--from ", quoted(from.bytes), " is not a ",
                    isOfBoth ? "" : "position such as 4096 or a ",
                    "cursor INSTANCE:STDOUT:STDERR"))
        }
        self.init(
            tail: arguments[LogsOptions.tail], since: since, until: until, from: from,
            follows: arguments[LogsOptions.follow])
    }
}
