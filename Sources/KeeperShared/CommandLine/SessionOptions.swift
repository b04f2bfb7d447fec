/// The options that make a session what it is: the same for `keeper`, started by hand or by a service
/// manager, and for the commands of `keeperctl` that start one.
///
/// Made when asked for: a keeper that runs holds none of them.
package enum SessionOptions {
    /// Where the sessions are: an option of every command of every program here.
    package static var directory: Option<Argument> {
        Option(
            "sessions-dir", .path, "DIR", help: "Keep sessions in DIR",
            describedDefault: "$KEEPER_SESSIONS_DIR, else ~/.pi/dashboard/sessions")
    }
    package static var help: Flag {
        Flag("help", short: "h", help: "Show this help and exit")
    }
    package static var version: Flag {
        Flag("version", help: "Print the version and exit")
    }

    /// All groups, in the order the help shows them.
    package static var groups: [OptionGroup] { [session, terminal, supervision, ending, output, input] }

    // MARK: Session

    private static var session: OptionGroup {
        OptionGroup("Session", [cwd, label, removesFiles, limit])
    }
    package static var cwd: Option<Argument> {
        Option("cwd", .path, "DIR", help: "Run the command in DIR", describedDefault: "the current directory")
    }
    package static var label: RepeatedOption<Argument> {
        RepeatedOption("label", .keyValue, "NAME=VALUE", help: "Label the session")
    }
    package static var removesFiles: Flag {
        Flag("rm", help: "Remove all files of the session when it ends")
    }
    package static var limit: RepeatedOption<ResourceLimit> {
        RepeatedOption(
            "limit", .resourceLimit, "NAME=SOFT[:HARD]",
            help: "Set a limit of the kernel for the command, such as NOFILE=1024 or CORE=unlimited")
    }

    // MARK: Terminal

    private static var terminal: OptionGroup { OptionGroup("Terminal", [tty, size]) }
    package static var tty: Flag {
        Flag(
            "tty", short: "t", help: "Run the command in a terminal of its own",
            excludes: ["no-journal"])
    }
    package static var size: Option<TerminalSize> {
        Option(
            "size", .terminalSize, "COLSxROWS", help: "Make that terminal this large; implies --tty",
            describedDefault: "this terminal's, or 80x24", excludes: ["no-journal"])
    }

    // MARK: Supervision

    private static var supervision: OptionGroup {
        OptionGroup(
            "Supervision",
            [
                restart, restartLimit, ready, startTimeout, watchdog, maximumRuntime, idleTimeout,
                silenceTimeout, maximumMemory, memoryWarning, processorWarning,
            ])
    }
    package static var restart: Setting<RestartPolicy> {
        Setting(
            "restart", .choice, "no|on-failure|always",
            help: "Start the command again when it ends, once it has been ready", default: "no")
    }
    package static var restartLimit: Option<RestartLimit> {
        Option(
            "restart-limit", .restartLimit, "N/DURATION",
            help: "Give up after N restarts in DURATION, such as 10/10m", describedDefault: "none")
    }
    package static var ready: Setting<ReadyCondition> {
        Setting(
            "ready", .readiness, "CONDITION",
            help: "The command is ready after delay:DURATION, its first output, output:TEXT, notify "
                + "(READY=1 to $NOTIFY_SOCKET), a newline on fd:N, or an answer to line:TEXT",
            default: "delay:300ms")
    }
    package static var startTimeout: Setting<Int64> {
        Setting(
            "start-timeout", .duration, "DURATION", help: "End a command that is not ready by then",
            default: "90s")
    }
    package static var watchdog: Option<Int64> {
        Option(
            "watchdog", .duration, "DURATION",
            help: "End a command that does not send WATCHDOG=1 to $NOTIFY_SOCKET this often")
    }
    package static var maximumRuntime: Option<Int64> {
        Option("max-runtime", .duration, "DURATION", help: "End a command that has run this long")
    }
    package static var idleTimeout: Option<Int64> {
        Option(
            "idle-timeout", .duration, "DURATION",
            help: "End a command that has had no input and no output for this long")
    }
    package static var silenceTimeout: Option<Int64> {
        Option(
            "silence-timeout", .duration, "DURATION",
            help: "End a command that has written nothing for this long after input")
    }
    package static var maximumMemory: Option<Int> {
        Option(
            "memory-max", .size(min: 1), "SIZE",
            help: "End the session when all its processes together hold more")
    }
    package static var memoryWarning: Option<Int> {
        Option(
            "memory-warn", .size(min: 1), "SIZE",
            help: "Record an event when they hold more three times in a row, 5s apart")
    }
    package static var processorWarning: Option<Int> {
        Option(
            "cpu-warn", .integer(min: 1, max: 1_000_000), "PERCENT",
            help: "Record an event when they use more of one core three times in a row, 5s apart")
    }

    // MARK: Ending

    private static var ending: OptionGroup { OptionGroup("Ending", [stopSteps, killScope, leftovers]) }
    package static var stopSteps: Option<[StopStep]> {
        Option(
            "stop-steps", .stopSteps, "STEPS",
            help: "How the command is ended: signals, and eof for the end of its input, and how long "
                + "each is given",
            describedDefault: "eof:2s,TERM:2s,KILL:2s; HUP:2s,TERM:2s,KILL:2s in a terminal")
    }
    package static var killScope: Setting<KillScope> {
        Setting(
            "kill", .choice, "group|tree|process",
            help:
                "Which processes signals go to: the command's process group, all its descendants, or it alone",
            default: "group")
    }
    package static var leftovers: Setting<Leftovers> {
        Setting(
            "leftovers", .choice, "end|leave",
            help: "What to do with processes that the command started and left behind", default: "end")
    }

    // MARK: Output and input

    private static var output: OptionGroup {
        OptionGroup("Output", [journalSize, discardsOutput, mergesStreams])
    }
    package static var journalSize: Setting<Int> {
        Setting(
            "journal-size", .size(min: 64 << 10), "SIZE",
            help: "Keep this much of each output stream; at least 64K", default: "64M",
            excludes: ["no-journal"])
    }
    package static var discardsOutput: Flag {
        Flag("no-journal", help: "Discard the output")
    }
    package static var mergesStreams: Flag {
        Flag(
            "merge-stderr",
            help: "Write stderr to the journal of stdout, in the order the command wrote them")
    }

    private static var input: OptionGroup { OptionGroup("Input", [maximumLine, maximumPending]) }
    package static var maximumLine: Setting<Int> {
        Setting("max-line", .size(min: 1), "SIZE", help: "Refuse longer lines", default: "16M")
    }
    package static var maximumPending: Setting<Int> {
        Setting(
            "max-pending", .size(min: 1), "SIZE",
            help: "Bound what unfinished lines of all writers may take up", default: "64M")
    }
}
