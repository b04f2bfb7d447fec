import KeeperShared

/// The table of `keeper` itself. Made when it is asked for: a keeper that runs doesn't hold it.
package var keeperTable: ProgramSpec {
    ProgramSpec(
        root: CommandSpec(
            "keeper", summary: "Keep one process alive and reachable, whoever started it",
            description: [
                "Runs COMMAND in session ID and stays until it has ended. Lines sent to the session's socket go "
                    + "to its standard input; what it writes is kept in journal files. keeper stays in the "
                    + "foreground; 'keeperctl spawn' starts it in the background.",
                "Without COMMAND, a JSON array in $PI_KEEPER_PI_CMD followed by one in $PI_KEEPER_PI_ARGS says "
                    + "what to run, as dashboards expect it: \"pi --mode rpc\" where they are not set.",
            ],
            operands: [OperandSpec("ID", .sessionID)],
            trailing: .optional,
            groups: SessionOptions.groups + [resilience] + [
                SessionOptions.unit(hidden: true), internalOptions,
            ],
            examples: [
                ExampleSpec(
                    "keeper calc -- bc -q",
                    "Keep bc as session calc; 'keeperctl write calc 6*7' gives it a line."
                ),
                ExampleSpec(
                    "keeper --cwd /srv/app --journal-size 256M app -- ./serve",
                    "What a service manager's unit would run."),
            ],
            exitStatuses: [
                ExitStatusSpec("0", "The session ran and ended."),
                ExitStatusSpec("1", "The command could not be started, or failed before it was ready."),
                ExitStatusSpec("2", "Bad usage, or the session could not be set up."),
                ExitStatusSpec("5", "A session of this ID is already running."),
            ]),
        globalOptions: [SessionOptions.directory, SessionOptions.help, SessionOptions.version])
}

/// For a unit of a service manager.
private var resilience: OptionGroup {
    OptionGroup(
        "Service manager",
        [
            OptionSpec(
                flag: "resilient",
                help:
                    "Let the service manager keep what is open, so that a keeper that is killed is followed by one "
                    + "that goes on with the session")
        ])
}

/// What `keeperctl` passes when it starts a keeper: no one else needs it.
private var internalOptions: OptionGroup {
    OptionGroup(
        "Internal",
        [
            OptionSpec(
                "report-fd", .integer(min: 3, max: Int(Int32.max)), "N",
                help: "Report the start through descriptor N", hidden: true),
            OptionSpec(
                "handover-fd", .integer(min: 3, max: Int(Int32.max)), "N",
                help: "Keep descriptor N open until it is settled who has the session", hidden: true),
            OptionSpec(
                "take-over", .integer(min: 3, max: Int(Int32.max)), "N",
                help: "Go on with the session whose state is in descriptor N", hidden: true),
            OptionSpec(
                "take-over-failure", .string, "TEXT", help: "Why the next binary could not go on",
                hidden: true),
            OptionSpec(
                flag: "await-reader", help: "Keep the files until the report's reader is gone", hidden: true),
        ])
}
