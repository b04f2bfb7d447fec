import KeeperShared

/// The table of `keeperctl`: parsing, help and everything else that must know the commands reads it.
package let keeperctlTable = ProgramSpec(
    "keeperctl", summary: "Start sessions that outlive their starter, find them and talk to them",
    globalOptions: [SessionOptions.directory, SessionOptions.help, SessionOptions.version],
    commands: [
        Commands.spawn, Commands.run,
        Commands.write, Commands.eof, Commands.kill, Commands.restart, Commands.pause, Commands.resume,
        Commands.upgrade, Commands.watch, Commands.sync, Commands.call, Commands.turn,
        Commands.attach, Commands.sendKeys, Commands.resize,
        Commands.discover, Commands.status, Commands.wait, Commands.logs, Commands.follow,
        Commands.peek,
        Commands.stats, Commands.top, Commands.metrics,
        Commands.list, Commands.inspect, Commands.events, Commands.label, Commands.prune,
        Commands.exec, Commands.doctor,
        Commands.version, Commands.help,
    ],
    exitStatuses: [
        ExitStatusSpec("0", "Done."),
        ExitStatusSpec("1", "Failed."),
        ExitStatusSpec("2", "Bad usage."),
        ExitStatusSpec("3", "No such session."),
        ExitStatusSpec("4", "Timed out."),
        ExitStatusSpec("5", "Conflict: already running, or busy."),
        ExitStatusSpec("6", "The outcome is unknown."),
        ExitStatusSpec("7-10", "A turn went wrong: see turn."),
    ])

/// The commands, each a constant; the files beside this one hold them by subject.
enum Commands {
    static let version = CommandSpec(
        "version", summary: "Print the version",
        examples: [ExampleSpec("keeperctl version", "Prints the version of this keeperctl.")])

    static let help = CommandSpec(
        "help", summary: "Explain a command, or list all of them",
        operands: [OperandSpec("COMMAND", .command, .optional)],
        examples: [ExampleSpec("keeperctl help spawn", "Shows the options of spawn.")])
}

/// Options and texts that several commands share.
enum Shared {
    static let oneSession = OperandSpec("ID", .sessionID)
    static let json = OptionSpec(flag: "json", help: "Print JSON, one object per line")

    static let detachKeys = OptionSpec(
        "detach-keys", .string, "KEYS",
        help: "Leave when these are typed: letters or ctrl-LETTER, with commas between, or none",
        default: .value("ctrl-p,ctrl-q"))

    static func timeout(_ help: String) -> OptionSpec {
        OptionSpec("timeout", .duration, "DURATION", help: help, default: .described("no limit"))
    }

    static let done = ExitStatusSpec("0", "Done.")
    static let noSession = ExitStatusSpec("3", "No such session, or it is over.")
    static let timedOut = ExitStatusSpec("4", "Timed out.")
}
