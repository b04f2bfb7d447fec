import KeeperShared

/// Commands that keep sessions in step with files.
extension Commands {
    static let watch = CommandSpec(
        "watch", summary: "Restart sessions when files change",
        description: [
            "Watches each PATH, a file or a directory with all below it, and restarts session ID when something "
                + "there has changed and come to rest. Runs until TERM or INT, and prints a line for each restart. "
                + "A session that is over is reported and may come back; so may a PATH that goes away. Sessions started "
                + "with --restart on-failure survive a change that breaks them.",
            "A GLOB without '/' is about names, one with it about the path below PATH; '*' and '?' stand for "
                + "anything but '/', '**' for anything, and a directory for all in it. Left out anyway: .git, .hg, .svn, "
                + ".jj, node_modules, __pycache__, and backup, lock and swap files of editors.",
        ],
        operands: [OperandSpec("ID=PATH", .string, .oneOrMore)],
        groups: [
            OptionGroup(
                "Choosing",
                [
                    OptionSpec(
                        "include", .string, "GLOB", help: "Only files that match, or another such GLOB",
                        repeatable: true),
                    OptionSpec(
                        "exclude", .string, "GLOB", help: "No files or directories that match",
                        repeatable: true),
                    OptionSpec(flag: "no-default-excludes", help: "Leave out nothing else"),
                ]),
            OptionGroup("Options", [debounce, Shared.json]),
        ],
        examples: [
            ExampleSpec(
                "keeperctl watch --include '*.py' api=src api=conf worker=src",
                "Restarts api for src and conf, and worker for src."),
            ExampleSpec(
                "keeperctl spawn watcher -- keeperctl watch api=\"$PWD/src\"",
                "Makes the watcher itself a session, which outlives the shell."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Ended by TERM or INT."),
            ExitStatusSpec("1", "A PATH is not there, or can't be watched."),
        ])

    static let sync = CommandSpec(
        "sync", summary: "Make the executable files of a directory sessions",
        description: [
            "Each executable file in DIR becomes a session of the same name: those that don't run are started, sessions "
                + "whose file is gone are stopped, those whose file has changed are restarted, and nothing else moves. "
                + "Sessions that sync did not start are left alone; it knows its own by their label sync.dir.",
            "NAME.json beside a file holds an object of spawn's options for it: \"args\" (an array), \"env\" and \"labels\" "
                + "(objects), and all others by their names, like \"cwd\" or \"journalSize\". Paths in it are relative to "
                + "DIR, where the sessions run.",
        ],
        operands: [OperandSpec("DIR", .path)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(flag: "watch", help: "Go on, and do it again whenever DIR changes"),
                    debounce,
                    OptionSpec(
                        flag: "dry-run", help: "Print what would be done, and do nothing", excludes: ["watch"]
                    ),
                    Shared.json,
                ])
        ],
        examples: [
            ExampleSpec("keeperctl sync workers", "Starts, stops and restarts what is necessary, once."),
            ExampleSpec(
                "keeperctl spawn workers -- keeperctl sync --watch \"$PWD/workers\"",
                "Follows the directory for good, in a session of its own."),
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec("1", "Something could not be done for a session; the others are done."),
            ExitStatusSpec("5", "A session of the same name runs that sync did not start."),
        ])

    static let debounce = OptionSpec(
        "debounce", .duration, "DURATION", help: "Wait until nothing has changed for so long",
        default: .value("200ms"))
}
