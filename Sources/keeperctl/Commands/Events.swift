import CSystem
import KeeperShared

let eventsCommand = Command("events", run: runEvents) {
    CommandSpec(
        $0, summary: "Print what happened to sessions",
        description: [
            "Prints starts, ends, signals and all else that keepers record; without ID, of all sessions, "
                + "in the order of time.",
            "With --follow, sessions that remove their files (--rm) leave them for followers for a few seconds, in "
                + "the directory .removed, so that none is missed, however short it was.",
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [OptionGroup("Options", [EventsOptions.follow, EventsOptions.since, Shared.json])],
        examples: [
            ExampleSpec("keeperctl events --since 1h", "Shows the last hour of all sessions."),
            ExampleSpec(
                "keeperctl events -f --json | jq 'select(.event == \"exited\")'",
                "Prints each end as it happens."),
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// The options of `events`.
enum EventsOptions {
    static let follow = Flag("follow", short: "f", help: "Go on with what happens, also to later sessions")
    static let since: Option<Moment> = Option(
        "since", .moment, "TIME", help: "Only what happened since: 10m ago, or an RFC 3339 time")
}

/// Prints what happened to sessions, and what happens.
func runEvents(_ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.distinctSessionIDs()
    let follows = context.arguments[EventsOptions.follow]
    let since = context.arguments[EventsOptions.since]?.time(at: Timestamp.now()) ?? Int64.min
    let batch = EventBatch(since: since, isJSON: context.arguments[Shared.json])
    let opened = follows ? try context.makeDirectory() : try context.openDirectory()
    guard let directory = opened else {
        for id in ids { throw CommandFailure.noSession(id, in: try context.directoryPath()) }
        return ExitStatus.done
    }
    let purpose = EventPrinter(batch, context.output)
    let roster = try SessionRoster("events of", directory.descriptor, ids, purpose)
    let target = try attempt("events", try OutputTarget(STDOUT_FILENO, waiting: true))
    try attempt("events", follows ? try roster.watchAll() : try roster.findAll())
    do throws(FollowFailure) {
        if follows { try roster.follow([target]) } else { try roster.turn() }
    } catch {
        return try error.status("events")
    }
    let failures = FailureRecord()
    for id in ids where !roster.knows(id) { failures.add(.noSession(id, in: directory.path)) }
    if roster.hasFailed { failures.note(ExitStatus.failed) }
    return failures.status
}

/// Prints the events of all sessions together.
private final class EventPrinter: FollowPurpose {
    private let batch: EventBatch
    private let output: StandardOutput

    init(_ batch: EventBatch, _ output: StandardOutput) {
        self.batch = batch
        self.output = output
    }

    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) -> (any SessionReader)? {
        BatchReader(id, batch)
    }

    func flush(_ roster: SessionRoster) -> Bool {
        batch.write(to: output)
        return true
    }
}
