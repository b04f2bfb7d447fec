import KeeperShared

/// Commands that look.
extension Commands {
    static let discover = CommandSpec(
        "discover", summary: "List live sessions and clear away dead ones",
        description: [
            "Looks at every session in the directory, also at those of other keepers. Where a keeper has died, "
                + "its command is ended, the loss is recorded and its stale files are removed."
        ],
        groups: [
            OptionGroup(
                "Options",
                [
                    Shared.json,
                    OptionSpec(flag: "quiet", short: "q", help: "Print only IDs", excludes: ["json"]),
                    OptionSpec(flag: "no-reap", help: "Only look: end nothing and remove nothing"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl discover", "Shows what lives."),
            ExampleSpec(
                "keeperctl discover --json --no-reap | jq -r .sockPath", "Lists sockets, changing nothing."),
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "Something stale could not be cleared away.")])

    static let status = CommandSpec(
        "status", summary: "Show the state of a session",
        description: ["Works for live sessions and for ended ones whose files are still there."],
        operands: [Shared.oneSession],
        groups: [OptionGroup("Options", [Shared.json])],
        examples: [
            ExampleSpec("keeperctl status calc", "Shows state, processes, labels and streams."),
            ExampleSpec("keeperctl status --json calc | jq .state", "Prints the state alone."),
        ],
        exitStatuses: [Shared.done, Shared.noSession])

    static let wait = CommandSpec(
        "wait", summary: "Wait until sessions have ended or are ready",
        description: [
            "For the end, prints ID and exit code of each session: 128 plus the signal if one ended it."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "for", .choice(["exit", "ready"]), "exit|ready", help: "What to wait for",
                        default: .value("exit")),
                    Shared.timeout("Stop waiting after this time"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl wait build test", "Waits until both have ended."),
            ExampleSpec("keeperctl wait --for ready --timeout 10s server", "Waits until a server is ready."),
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec("1", "A session ended before it was ready, or how it ended can't be known."),
            Shared.noSession,
            Shared.timedOut,
        ])

    static let logs = CommandSpec(
        "logs", summary: "Print what a session has written",
        description: [
            "Reads the journal files, so it works for ended sessions and disturbs no live one. Output that the "
                + "journal no longer holds is reported with its size on stderr.",
            "Of several sessions each line begins with the session's ID. They come one after the other; with "
                + "--follow, as they are written.",
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        flag: "follow", short: "f", help: "Go on with new output until the session ends"),
                    OptionSpec(flag: "stderr", help: "Print stderr instead of stdout", excludes: ["all"]),
                    OptionSpec(flag: "all", help: "Print both, merged by time"),
                    OptionSpec(flag: "timestamps", short: "t", help: "Begin each line with its time"),
                    OptionSpec(
                        flag: "previous", help: "Print the output of the session before this one under the ID"
                    ),
                ]),
            OptionGroup(
                "Which part",
                [
                    OptionSpec(
                        "tail", short: "n", .integer(min: 0, max: Int.max), "N",
                        help: "Only the last N lines", excludes: ["from"]),
                    OptionSpec(
                        "since", .string, "TIME",
                        help: "Only lines of this time or later: 10m (ago) or 2026-01-31T12:00:00Z",
                        excludes: ["from"]),
                    OptionSpec(
                        "until", .string, "TIME", help: "Only lines of this time or before",
                        excludes: ["follow"]),
                    OptionSpec(
                        "from", .string, "POSITION",
                        help: "Start at this byte of the stream, or at a cursor INSTANCE:STDOUT:STDERR",
                        default: .described("the oldest output")),
                ]),
        ],
        examples: [
            ExampleSpec("keeperctl logs calc", "Prints all of stdout that is kept."),
            ExampleSpec("keeperctl logs -f --all build", "Follows both streams to the end."),
            ExampleSpec(
                "keeperctl logs -t --tail 20 web db", "Prints the last 20 lines of each, with times."),
        ],
        exitStatuses: [Shared.done, Shared.noSession])
}
