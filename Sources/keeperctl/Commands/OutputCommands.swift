import KeeperShared

/// Commands that show what sessions write.
extension Commands {
    static let logs = CommandSpec(
        "logs", summary: "Print what a session has written",
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
                    OptionSpec(
                        flag: "follow", short: "f", help: "Go on with new output until the session ends"),
                    OptionSpec(flag: "stderr", help: "Print stderr instead of stdout", excludes: ["all"]),
                    OptionSpec(flag: "all", help: "Print both, merged by time"),
                    OptionSpec(
                        flag: "json", help: "Print stream events, of both streams unless --stderr is given",
                        excludes: ["timestamps"]),
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

    static let follow = CommandSpec(
        "follow", summary: "Tell what sessions write and how they are, as a stream of JSON",
        description: [
            "Prints stream events, one object per line, as keeper-sessions(5) describes them: each line of output, each "
                + "change of state, and how many bytes are missing where output is gone. Goes on until its reader "
                + "leaves: through the end of a session, and with the next one under the ID.",
            "With --all, and with --label, sessions that come later are followed from their first byte.",
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [
            OptionGroup(
                "Choosing",
                [
                    OptionSpec(flag: "all", help: "Follow all live sessions, and those to come"),
                    OptionSpec(
                        "label", .keyValue, "NAME=VALUE",
                        help: "Follow sessions that have this label, or get it", repeatable: true),
                ]),
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "from", .string, "PLACE",
                        help:
                            "Start at 'oldest', at 'now', or behind the event that had this cursor: CURSOR, or "
                            + "ID=CURSOR of one session among several",
                        default: .described("the oldest output"), repeatable: true),
                    OptionSpec(
                        "metrics", .duration, "INTERVAL", help: "Tell what the sessions use, this often"),
                ]),
        ],
        examples: [
            ExampleSpec(
                "keeperctl follow calc | jq -r 'select(.type == \"output\").data.content'",
                "Prints what calc writes, session after session."),
            ExampleSpec(
                "keeperctl follow --all --from calc=0123456789abcdef:4096:0",
                "Follows all, and goes on in calc where somebody was before."),
        ],
        exitStatuses: [ExitStatusSpec("1", "The directory can't be read, or the events can't be written.")])

    static let peek = CommandSpec(
        "peek", summary: "Print the last lines of a session, or what its terminal shows",
        description: [
            "Prints the last lines of both streams, in the order in which they came, an unfinished one among them; "
                + "changes nothing, and waits for nothing.",
            "Of a session with a terminal (spawn --tty) it prints what is to be seen there now, as plain text: the "
                + "whole screen, without the empty lines at its end. It is made from the last MiB of output, so what a "
                + "program has not drawn again since then is missing.",
        ],
        operands: [Shared.oneSession],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "lines", short: "n", .integer(min: 1, max: 1_000_000), "N",
                        help: "Print this many; of a terminal, the last of those on the screen",
                        default: .described("10, or the screen"))
                ])
        ],
        examples: [
            ExampleSpec("keeperctl peek build", "Shows how far the build is."),
            ExampleSpec("keeperctl peek editor", "Shows the screen of a session with a terminal."),
        ],
        exitStatuses: [Shared.done, Shared.noSession])
}
