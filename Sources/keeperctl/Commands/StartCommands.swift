import KeeperShared

/// Commands that start a session.
extension Commands {
    static let spawn = CommandSpec(
        "spawn", summary: "Start a command as a session and return",
        description: [
            "Prints the session's ID, a short random one if none is given. The session lives on when the "
                + "caller, its terminal or its service ends."
        ],
        operands: [OperandSpec("ID", .sessionID, .optional)],
        trailing: .required,
        groups: [
            OptionGroup(
                "Waiting",
                [
                    OptionSpec(
                        "wait", .choice(["started", "ready", "none"]), "started|ready|none",
                        help: "Return when the command runs, when it is ready, or at once",
                        default: .value("started")),
                    Shared.timeout("Stop waiting after this time"),
                ]),
            environmentOptions,
        ] + SessionOptions.groups + [SessionOptions.unit()],
        examples: [
            ExampleSpec("keeperctl spawn calc -- bc -q", "Starts bc as session calc."),
            ExampleSpec(
                "id=$(keeperctl spawn --rm --env TZ=UTC -- jq --unbuffered -c .)",
                "Starts jq under a random ID and leaves no files when it ends."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The command runs."),
            ExitStatusSpec("1", "It could not be started."),
            ExitStatusSpec("4", "Timed out; the session goes on."),
            ExitStatusSpec("5", "A session of this ID is already running."),
        ])

    static let run = CommandSpec(
        "run", summary: "Start a command as a session and stay with it",
        description: [
            "Feeds standard input to the command, copies its output, closes its input at end-of-file and ends "
                + "with its exit status. Signals are passed on, all but HUP, TTIN, TTOU, URG, CHLD and PIPE. "
                + "If run itself is hung up or killed, the session lives on. Without ID, one is made up, --rm "
                + "is implied, and the session ends when run can't go on with it.",
            "With --tty it is shown as attach shows it, and goes on when the detach keys leave it.",
        ],
        operands: [OperandSpec("ID", .sessionID, .optional)],
        trailing: .required,
        groups: [
            OptionGroup(
                "Result",
                [
                    OptionSpec(
                        flag: "json",
                        help:
                            "Print output, exit and duration at the end, as one object (see keeper-sessions(5))",
                        excludes: ["tty", "size"]),
                    OptionSpec(
                        "timeout", .duration, "DURATION", help: "End all that was started after this time",
                        default: .described("no limit"), excludes: ["tty", "size"]),
                ]),
            OptionGroup(
                "Watching",
                [
                    OptionSpec(
                        "watch", .path, "PATH",
                        help: "Restart the command when a file at or below PATH changes",
                        repeatable: true)
                ]),
            OptionGroup("Detaching", [Shared.detachKeys]),
            environmentOptions,
        ] + SessionOptions.groups + [SessionOptions.unit()],
        examples: [
            ExampleSpec(
                "printf '%s\\n' 6*7 | keeperctl run -- bc -q", "Prints 42, and leaves no session behind."),
            ExampleSpec(
                "keeperctl run --timeout 10s --json -- ls -l | jq -r .stdout",
                "Runs a command for a program, with an end to it."),
            ExampleSpec(
                "keeperctl run build -- make -j4",
                "Stays with the build; when the terminal closes, 'keeperctl logs -f build' goes on."),
            ExampleSpec(
                "keeperctl run --restart on-failure --watch src -- node src/server.js",
                "Restarts a server as it is edited, mistakes included."),
        ],
        exitStatuses: [
            ExitStatusSpec("0-255", "The command's own status, or 128 plus its signal."),
            ExitStatusSpec("4", "Timed out: the command and all it started have been ended."),
            ExitStatusSpec(
                "125", "Bad usage, the session could not be started, or its output is incomplete."),
            ExitStatusSpec("126", "The command can't be executed."),
            ExitStatusSpec("127", "There is no such command."),
        ])

    private static let environmentOptions = OptionGroup(
        "Environment",
        [
            OptionSpec(
                "env", .keyValue, "NAME=VALUE", help: "Set a variable for the command", repeatable: true),
            OptionSpec(
                "env-file", .path, "FILE",
                help:
                    "Set variables from FILE, a NAME=VALUE on each line, no quoting, # comments; --env wins",
                repeatable: true),
            OptionSpec(flag: "clear-env", help: "Start from an empty environment"),
        ])
}
