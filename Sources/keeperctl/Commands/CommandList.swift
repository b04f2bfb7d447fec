import KeeperShared

/// All commands, in the order in which the help shows them. A new one needs a file in `Commands/` and its name here.
private var allCommands: [Command] {
    [
        spawnCommand, runCommand,
        writeCommand, eofCommand, killCommand, restartCommand, pauseCommand, resumeCommand, upgradeCommand,
        watchCommand, syncCommand, callCommand, turnCommand,
        attachCommand, sendKeysCommand, resizeCommand,
        discoverCommand, statusCommand, waitCommand, logsCommand, followCommand, peekCommand, statsCommand,
        topCommand, metricsCommand,
        listCommand, inspectCommand, eventsCommand, labelCommand, pruneCommand,
        gatewayCommand, dashboardCommand, execCommand, doctorCommand, completionCommand, versionCommand,
        helpCommand,
        completeCommand,
    ]
}

/// Runs the command that the arguments are for, and returns the exit status.
func dispatch(_ arguments: ParsedArguments) throws(CommandFailure) -> Int32 {
    let name = arguments.command.name
    for command in allCommands where equalUTF8(command.entry.name.name, name) {
        return try command.run(Context(arguments: arguments))
    }
    throw CommandFailure(ExitStatus.badUsage, concat("'", name, "' is not a command of this keeperctl"))
}

/// The table of `keeperctl`: parsing, help and everything else that must know the commands reads it.
package var keeperctlTable: ProgramSpec {
    ProgramSpec(
        "keeperctl", summary: "Start sessions that outlive their starter, find them and talk to them",
        globalOptions: [SessionOptions.directory, SessionOptions.help, SessionOptions.version],
        entries: allCommands.map { $0.entry },
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
}
