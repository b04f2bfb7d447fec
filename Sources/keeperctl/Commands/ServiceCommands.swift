import KeeperShared

/// Commands for sessions among the services of a machine.
extension Commands {
    static let exec = CommandSpec(
        "exec", summary: "Become the keeper of a session that a file describes",
        description: [
            "For service managers: the unit keeper@ID.service runs it. The process becomes the session's keeper, stays in "
                + "the foreground and tells its manager when the session is ready, what it does, and that it is alive "
                + "(sd_notify).",
            "The file is $XDG_CONFIG_HOME/keeper/ID.json (else ~/.config/keeper/ID.json), or else /etc/keeper/ID.json. It "
                + "holds one object: \"command\" (an array of strings), \"env\" and \"labels\" (objects), and spawn's options "
                + "by their names, like \"cwd\", \"restart\" or \"journalSize\"; a flag is true or false, and what may be "
                + "repeated an array. Relative paths begin at the file's directory.",
        ],
        operands: [Shared.oneSession],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec("config", .path, "FILE", help: "Take the options from FILE"),
                    OptionSpec(
                        flag: "resilient",
                        help:
                            "Let the manager keep what is open, so that a keeper that is killed is followed by one that "
                            + "goes on with the session: for keeper-resilient@ID.service"),
                ])
        ],
        examples: [
            ExampleSpec(
                "keeperctl exec calc",
                "What keeper@calc.service runs: with {\"command\":[\"bc\",\"-q\"]} in the file it keeps bc.")
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The session ran and ended."),
            ExitStatusSpec("1", "It could not be started, or its file is wrong."),
            ExitStatusSpec("3", "There is no file for it."),
            ExitStatusSpec("5", "A session of this ID is already running."),
        ])

    static let doctor = CommandSpec(
        "doctor", summary: "Look for what could harm sessions",
        description: [
            "Looks at the sessions directory, the limits of the system, what becomes of sessions when a service restarts "
                + "or their user logs out, the versions of running keepers, the disk, and what dead keepers have left. Each "
                + "finding says what to do."
        ],
        groups: [OptionGroup("Options", [Shared.json])],
        examples: [ExampleSpec("keeperctl doctor", "Shows what was looked at, and what is wrong.")],
        exitStatuses: [ExitStatusSpec("0", "Nothing is wrong."), ExitStatusSpec("1", "Something is wrong.")])
}
