import KeeperShared

/// Commands for many sessions, live and ended.
extension Commands {
    static let list = CommandSpec(
        "ls", aliases: ["ps"], summary: "List sessions",
        description: [
            "Lists live sessions, and with --all those that have ended and whose files are still there. Only "
                + "looks: what dead keepers have left is for 'discover' to clear away."
        ],
        groups: [
            OptionGroup(
                "Choosing",
                [
                    OptionSpec(flag: "all", short: "a", help: "List ended sessions too"),
                    OptionSpec(
                        "filter", .keyValue, "KEY=VALUE",
                        help: "List those with this state=STATE, or label=NAME or label=NAME=VALUE",
                        repeatable: true),
                    OptionSpec(
                        "label", .keyValue, "NAME=VALUE", help: "List those with this label", repeatable: true
                    ),
                ]),
            OptionGroup(
                "Output",
                [
                    Shared.json,
                    OptionSpec(
                        flag: "no-trunc", help: "Print whole commands, however wide the table",
                        excludes: ["json"]),
                    OptionSpec(flag: "quiet", short: "q", help: "Print only IDs", excludes: ["json"]),
                    OptionSpec(
                        "sort", .choice(["name", "age", "state", "size"]), "name|age|state|size",
                        help: "Order: by name, youngest first, by state, or largest output first",
                        default: .value("name")),
                    OptionSpec(
                        flag: "watch", help: "Show the table again whenever it changes",
                        excludes: ["json", "quiet"]),
                ]),
        ],
        examples: [
            ExampleSpec("keeperctl ls", "Shows what lives."),
            ExampleSpec("keeperctl ls -a --sort age", "Shows ended sessions too, the youngest first."),
            ExampleSpec("keeperctl ls -aq --filter state=failed", "Prints the IDs of those that failed."),
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "Something could not be looked at.")])

    static let inspect = CommandSpec(
        "inspect", summary: "Print all that is known of sessions, as JSON",
        description: [
            "One status object per line: the live keeper's own word, or what an ended one has left."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        examples: [ExampleSpec("keeperctl inspect calc | jq .child", "Shows the process of session calc.")],
        exitStatuses: [Shared.done, Shared.noSession])

    static let events = CommandSpec(
        "events", summary: "Print what happened to sessions",
        description: [
            "Prints starts, ends, signals and all else that keepers record; without ID, of all sessions, "
                + "in the order of time.",
            "With --follow, sessions that remove their files (--rm) leave them for followers for a few seconds, in "
                + "the directory .removed, so that none is missed, however short it was.",
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        flag: "follow", short: "f", help: "Go on with what happens, also to later sessions"),
                    OptionSpec(
                        "since", .string, "TIME",
                        help: "Only what happened since: 10m ago, or an RFC 3339 time"),
                    Shared.json,
                ])
        ],
        examples: [
            ExampleSpec("keeperctl events --since 1h", "Shows the last hour of all sessions."),
            ExampleSpec(
                "keeperctl events -f --json | jq 'select(.event == \"exited\")'",
                "Tells of each end, as it comes."),
        ],
        exitStatuses: [Shared.done, Shared.noSession])

    static let label = CommandSpec(
        "label", summary: "Set or remove labels of a live session",
        description: ["NAME=VALUE sets a label, NAME= sets it to nothing, and NAME- removes it."],
        operands: [Shared.oneSession, OperandSpec("NAME=VALUE", .string, .oneOrMore)],
        examples: [
            ExampleSpec("keeperctl label calc app=demo owner-", "Sets one label and removes another.")
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "The session has ended."), Shared.noSession])

    static let prune = CommandSpec(
        "prune", summary: "Remove the files of ended sessions",
        description: [
            "Removes journals, events, status and logs of sessions that have ended, and logs of sessions that "
                + "left nothing else; never anything of a live one. Prints each ID and the bytes it freed."
        ],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "older", .duration, "DURATION", help: "Only those that ended longer ago than this"),
                    OptionSpec(
                        "keep", .integer(min: 0, max: 1_000_000), "N",
                        help: "Keep this many of those that ended last"),
                    OptionSpec(flag: "dry-run", help: "Print what would be removed, and remove nothing"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl prune --older 7d", "Removes what ended more than a week ago."),
            ExampleSpec(
                "keeperctl prune --keep 20 --dry-run", "Shows what is there besides the last twenty."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "Something could not be removed."),
            ExitStatusSpec("5", "Another process is busy with a session."),
        ])
}
