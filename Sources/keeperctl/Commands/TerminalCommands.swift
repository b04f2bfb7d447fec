import KeeperShared

/// Commands for people at a session's terminal.
extension Commands {
    static let attach = CommandSpec(
        "attach", summary: "Use a session from this terminal, or by standard input and output",
        description: [
            "A session with a terminal (spawn --tty) is shown here: the last screenful, and all from then on. "
                + "Keys go to it, its size follows this terminal's, and any number may be attached. The detach "
                + "keys leave it, and the session goes on; this terminal is left as it was found.",
            "Otherwise lines of standard input go in and what the session writes from now on comes out, on "
                + "standard output and standard error, so that a program may use 'keeperctl attach ID' as its "
                + "server. The end of standard input ends attach, not the session.",
        ],
        operands: [Shared.oneSession],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        flag: "read-only", help: "Only look: send nothing, and leave the size as it is"),
                    Shared.detachKeys,
                ])
        ],
        examples: [
            ExampleSpec("keeperctl attach shell", "Shows session shell until ctrl-p and ctrl-q are typed."),
            ExampleSpec(
                "keeperctl attach tools", "What a program runs to talk to the server in session tools."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Detached, standard input ended, or the session ended with status 0."),
            ExitStatusSpec("1", "The session ended in another way, or refused a line."), Shared.noSession,
        ])

    static let resize = CommandSpec(
        "resize", summary: "Change the size of a session's terminal",
        operands: [Shared.oneSession, OperandSpec("COLSxROWS", .terminalSize)],
        examples: [
            ExampleSpec("keeperctl resize shell 120x40", "Makes it 120 columns wide and 40 rows high.")
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "The session has no terminal."), Shared.noSession])

    static let sendKeys = CommandSpec(
        "send-keys", summary: "Type at a session's terminal",
        description: [
            "KEY is Enter, Escape, Tab, BTab, Space, BSpace, Up, Down, Left, Right, Home, End, PageUp, PageDown, "
                + "Insert, Delete or F1 to F12, or a character behind C- (control) or M- (meta); C-, M- and S- "
                + "go with most others too. Anything else is typed as it is. Returns when the terminal has it."
        ],
        operands: [Shared.oneSession, OperandSpec("KEY", .string, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [OptionSpec(flag: "literal", short: "l", help: "Type everything as it is: no names of keys")])
        ],
        examples: [
            ExampleSpec("keeperctl send-keys shell 'make test' Enter", "Types a command."),
            ExampleSpec("keeperctl send-keys editor Escape :wq Enter", "Leaves vi."),
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "The session has no terminal."), Shared.noSession])
}
