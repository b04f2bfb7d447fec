import KeeperShared

/// Commands that act on a running session.
extension Commands {
    static let write = CommandSpec(
        "write", summary: "Send lines to a session's standard input",
        description: [
            "Each LINE is sent with a line feed behind it; without LINE, standard input is sent, of any length. "
                + "Returns when every line is in the command's input pipe.",
            "With --key there is one line, in UTF-8 and of up to a mebibyte with its quoting. It is sent again when the "
                + "answer is lost, as the session takes each key once; a line that it took before is not delivered "
                + "again, and a message says so.",
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
                    OptionSpec(
                        "key", .string, "KEY",
                        help:
                            "Send one line, unless one with this key is among the last 1,024 that the session took",
                        excludes: ["no-receipt"]),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl write calc '6*7' 'quit'", "Sends two lines."),
            ExampleSpec("keeperctl write import < records.ndjson", "Sends a file."),
            ExampleSpec(
                "keeperctl write --key order-17 import '{\"order\":17}'",
                "Sends a line that must not arrive twice."),
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
            "Takes the session's stop steps: by default closes the command's input, then sends TERM, then KILL to its "
                + "process group, waiting two seconds after each. Returns when all is over, and names processes that survived."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore, unless: "all")],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(flag: "all", help: "End every session"),
                    OptionSpec(
                        "grace", .duration, "DURATION", help: "Wait this long after each step",
                        default: .described("as the session's stop steps say"), excludes: ["now"]),
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

    static let restart = CommandSpec(
        "restart", summary: "Start the commands of sessions anew",
        description: [
            "Ends each command as 'kill' would and starts it again, in the same session: output goes on where it was, and "
                + "writers wait meanwhile. Returns when all have been started."
        ],
        operands: someSessions, groups: [changeOptions],
        examples: [ExampleSpec("keeperctl restart api worker", "Restarts two sessions at the same time.")],
        exitStatuses: changeStatuses)

    static let pause = CommandSpec(
        "pause", summary: "Stop the processes of sessions where they are",
        description: ["All processes of the command's group get STOP; what is sent to the session waits."],
        operands: someSessions, groups: [changeOptions],
        examples: [ExampleSpec("keeperctl pause import", "Leaves the processor to others.")],
        exitStatuses: changeStatuses)

    static let resume = CommandSpec(
        "resume", summary: "Let the processes of paused sessions go on",
        operands: someSessions, groups: [changeOptions],
        examples: [ExampleSpec("keeperctl resume import", "Goes on where the session was paused.")],
        exitStatuses: changeStatuses)

    static let upgrade = CommandSpec(
        "upgrade", summary: "Let live sessions go on under another keeper binary",
        description: [
            "Each keeper goes on as the new binary in the same process: its PID, lock, sockets, connections, child and "
                + "pipes stay, and no byte is lost or doubled. A binary that can't take over is refused, and the session "
                + "goes on as it was. Prints the id and the new version of each."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore, unless: "all")],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(flag: "all", help: "Upgrade every live session"),
                    OptionSpec(
                        "path", .path, "BINARY", help: "Go on as this keeper",
                        default: .described("the keeper beside this keeperctl")),
                    Shared.timeout("Stop waiting after this time; what was asked for goes on"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl upgrade --all", "After an installation: no session has to end for it.")
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec("1", "The old binary goes on; the message says why."), Shared.noSession,
            Shared.timedOut,
        ])

    private static let someSessions = [OperandSpec("ID", .sessionID, .oneOrMore)]
    private static let changeOptions = OptionGroup(
        "Options", [Shared.timeout("Stop waiting after this time; what was asked for goes on")])
    private static let changeStatuses = [
        Shared.done, ExitStatusSpec("1", "The session is in a state that doesn't allow it."),
        Shared.noSession, Shared.timedOut,
    ]
}
