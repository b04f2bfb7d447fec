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
            "For the end, prints ID and exit code of each session: 128 plus the signal if one ended it. "
                + "That it removes its files then (--rm) makes no difference."
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
}
