import KeeperShared

/// Commands that measure.
extension Commands {
    static let stats = CommandSpec(
        "stats", summary: "Show what sessions use: processor, memory, descriptors, input and output",
        description: [
            "Sums over each session's processes, the command and all its descendants, and over all sessions. "
                + "100 % is one processor. READ and WRITTEN count what passed through read and write calls of "
                + "the processes that run, whatever they read and wrote; '-' is what can't be found out. "
                + "In JSON the sums are a line with \"total\":true."
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [
            OptionGroup(
                "Options",
                [
                    Shared.json,
                    OptionSpec(flag: "no-stream", help: "Print once instead of every second"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl stats", "Shows all sessions, every second."),
            ExampleSpec(
                "keeperctl stats --no-stream --json calc", "Measures one session once, for a program."),
        ],
        exitStatuses: [Shared.done, ExitStatusSpec("1", "A session is over already."), Shared.noSession])

    static let top = CommandSpec(
        "top", summary: "Watch all sessions in the terminal, and stop or peek into them",
        description: [
            "MEM is the memory of all processes of a session, IN/S what the command itself reads, OUT/S what "
                + "it writes to stdout and stderr, in bytes each second.",
            "Keys: n, c, m, i, o and a sort by name, processor, memory, input, output and age, once more the "
                + "other way round; up and down select; p shows the newest output of the selected session; "
                + "s stops it, after a question; q quits.",
        ],
        examples: [ExampleSpec("keeperctl top", "Shows all sessions until q is pressed.")],
        exitStatuses: [Shared.done, ExitStatusSpec("2", "There is no terminal.")])

    static let metrics = CommandSpec(
        "metrics", summary: "Print figures of all sessions for Prometheus",
        description: [
            "Prints the text format 0.0.4: state, start, restarts, output, processor, memory, descriptors, input "
                + "and output of each session that is not over, and the memory of its keeper."
        ],
        examples: [
            ExampleSpec("keeperctl metrics", "Prints a page, as for node_exporter's textfile collector.")
        ],
        exitStatuses: [Shared.done])
}
