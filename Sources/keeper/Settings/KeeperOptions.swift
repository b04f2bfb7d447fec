import KeeperShared

/// The table of `keeper` itself. Made when it is asked for: a keeper that runs doesn't hold it.
package var keeperTable: ProgramSpec {
    ProgramSpec(
        root: CommandSpec(
            CommandName("keeper"),
            summary: "Keep one process alive and reachable after its starter has ended",
            description: [
                "Runs COMMAND in session ID and stays until it has ended. Lines sent to the session's socket go "
                    + "to its standard input; what it writes is kept in journal files. keeper stays in the "
                    + "foreground; 'keeperctl spawn' starts it in the background.",
                "Without COMMAND, a JSON array in $PI_KEEPER_PI_CMD followed by one in $PI_KEEPER_PI_ARGS says "
                    + "what to run, as dashboards expect it: \"pi --mode rpc\" where they are not set.",
            ],
            operands: [OperandSpec("ID", .sessionID)],
            trailing: .optional,
            groups: SessionOptions.groups + [
                OptionGroup("Service manager", [KeeperOptions.resilient]), UnitOptions.group(hidden: true),
                KeeperOptions.internalGroup,
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

/// Options of `keeper` alone.
enum KeeperOptions {
    /// For a unit of a service manager.
    static var resilient: Flag {
        Flag(
            "resilient",
            help:
                "Let the service manager keep what is open, so that a keeper that is killed is followed by one "
                + "that goes on with the session")
    }

    /// What `keeperctl` and an earlier binary of this keeper pass: no one else needs it.
    static var internalGroup: OptionGroup {
        OptionGroup(
            "Internal", [reportDescriptor, handoverDescriptor, takeOver, takeOverFailure, awaitsReader],
            hidden: true)
    }
    static var reportDescriptor: Option<Int32> {
        Option("report-fd", .descriptor, "N", help: "Report the start through descriptor N")
    }
    static var handoverDescriptor: Option<Int32> {
        Option(
            "handover-fd", .descriptor, "N",
            help: "Keep descriptor N open until it is settled who has the session")
    }
    static var takeOver: Option<Int32> {
        Option(
            "take-over", .descriptor, "N", help: "Go on with the session whose state is in descriptor N")
    }
    static var takeOverFailure: Option<Argument> {
        Option("take-over-failure", .string, "TEXT", help: "Why the next binary could not go on")
    }
    static var awaitsReader: Flag {
        Flag("await-reader", help: "Keep the files until the report's reader is gone")
    }
}
