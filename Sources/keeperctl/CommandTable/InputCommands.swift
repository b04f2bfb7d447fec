import KeeperShared

/// Commands that act on a running session.
extension Commands {
    static let write = CommandSpec(
        "write", summary: "Send lines to a session's standard input",
        description: [
            "Each LINE is sent with a line feed behind it; without LINE, standard input is sent, of any length. "
                + "Returns when every line is in the command's input pipe."
        ],
        operands: [Shared.oneSession, OperandSpec("LINE", .string, .any)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "attempts", .integer(min: 1, max: 1_000), "N",
                        help: "Try this often to connect; what may have been taken is never sent twice",
                        default: .value("3")),
                    Shared.timeout("Stop waiting for the receipt after this time"),
                    OptionSpec(flag: "no-receipt", help: "Return when the lines are sent, not delivered"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl write calc '6*7' 'quit'", "Sends two lines."),
            ExampleSpec("keeperctl write import < records.ndjson", "Sends a file."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Every line is delivered."),
            ExitStatusSpec("1", "Refused: the error says how many lines were delivered."),
            Shared.noSession, Shared.timedOut,
            ExitStatusSpec("6", "The session ended before it gave a receipt: lines may be delivered or not."),
        ])

    static let eof = CommandSpec(
        "eof", summary: "Close a session's standard input",
        description: ["Lines that were sent before are delivered first. Returns when the input is closed."],
        operands: [Shared.oneSession],
        examples: [ExampleSpec("keeperctl eof import", "Lets a program that reads to end-of-file finish.")],
        exitStatuses: [Shared.done, Shared.noSession])

    static let kill = CommandSpec(
        "kill", aliases: ["stop"], summary: "End sessions, or send them a signal",
        description: [
            "Closes the command's input, then sends TERM, then KILL to its process group, waiting after each "
                + "step. Returns when all is over, and names processes that survived."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore, unless: "all")],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(flag: "all", help: "End every session"),
                    OptionSpec(
                        "grace", .duration, "DURATION", help: "Wait this long after each step",
                        default: .value("2s"), excludes: ["now"]),
                    OptionSpec(flag: "now", help: "Send KILL at once"),
                    OptionSpec(
                        "signal", short: "s", .signal, "SIG", help: "Only send this signal, and don't wait",
                        excludes: ["now", "grace", "timeout"]),
                    Shared.timeout("Stop waiting for the end after this time"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl kill calc", "Ends session calc."),
            ExampleSpec("keeperctl kill --all --grace 10s", "Ends all sessions, with more patience."),
            ExampleSpec("keeperctl kill -s HUP server", "Asks a server to read its configuration again."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "A process survived."), Shared.noSession, Shared.timedOut,
        ])
}
