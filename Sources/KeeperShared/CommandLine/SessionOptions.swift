/// The options that make a session what it is: the same for `keeper`, started by hand or by a service
/// manager, and for the commands of `keeperctl` that start one.
package enum SessionOptions {
    /// Where the sessions are: an option of every command of every program here.
    package static var directory: OptionSpec {
        OptionSpec(
            "sessions-dir", .path, "DIR", help: "Keep sessions in DIR",
            default: .described("$KEEPER_SESSIONS_DIR, else ~/.pi/dashboard/sessions"))
    }

    package static var help: OptionSpec {
        OptionSpec(flag: "help", short: "h", help: "Show this help and exit")
    }
    package static var version: OptionSpec {
        OptionSpec(flag: "version", help: "Print the version and exit")
    }

    /// The default of `--max-line`.
    package static let defaultMaxLine = "16M"
    /// The default of `--max-pending` and of `--journal-size`.
    package static let defaultBound = "64M"

    package static var session: OptionGroup {
        OptionGroup(
            "Session",
            [
                OptionSpec(
                    "cwd", .path, "DIR", help: "Run the command in DIR",
                    default: .described("the current directory")),
                OptionSpec(
                    "label", .keyValue, "NAME=VALUE", help: "Label the session", repeatable: true),
                OptionSpec(flag: "rm", help: "Remove all files of the session when it ends"),
                OptionSpec(
                    "limit", .resourceLimit, "NAME=SOFT[:HARD]",
                    help: "Set a limit of the kernel for the command, such as NOFILE=1024 or CORE=unlimited",
                    repeatable: true),
            ])
    }

    package static var terminal: OptionGroup {
        OptionGroup(
            "Terminal",
            [
                OptionSpec(
                    flag: "tty", short: "t", help: "Run the command in a terminal of its own",
                    excludes: ["no-journal"]),
                OptionSpec(
                    "size", .terminalSize, "COLSxROWS", help: "Make that terminal this large; implies --tty",
                    default: .described("this terminal's, or 80x24"), excludes: ["no-journal"]),
            ])
    }

    package static var supervision: OptionGroup {
        OptionGroup(
            "Supervision",
            [
                OptionSpec(
                    "restart", .choice(["no", "on-failure", "always"]), "no|on-failure|always",
                    help: "Start the command again when it ends, once it has been ready",
                    default: .value("no")),
                OptionSpec(
                    "restart-limit", .restartLimit, "N/DURATION",
                    help: "Give up after N restarts in DURATION, such as 10/10m", default: .described("none")),
                OptionSpec(
                    "ready", .readiness, "CONDITION",
                    help: "The command is ready after delay:DURATION, its first output, output:TEXT, notify "
                        + "(READY=1 to $NOTIFY_SOCKET), a newline on fd:N, or an answer to line:TEXT",
                    default: .value("delay:300ms")),
                OptionSpec(
                    "start-timeout", .duration, "DURATION", help: "End a command that is not ready by then",
                    default: .value("90s")),
                OptionSpec(
                    "watchdog", .duration, "DURATION",
                    help: "End a command that does not send WATCHDOG=1 to $NOTIFY_SOCKET this often"),
                OptionSpec(
                    "max-runtime", .duration, "DURATION", help: "End a command that has run this long"),
                OptionSpec(
                    "idle-timeout", .duration, "DURATION",
                    help: "End a command that has had no input and no output for this long"),
                OptionSpec(
                    "silence-timeout", .duration, "DURATION",
                    help: "End a command that has written nothing for this long after input"),
                OptionSpec(
                    "memory-max", .size(min: 1), "SIZE",
                    help: "End the session when all its processes together hold more"),
                OptionSpec(
                    "memory-warn", .size(min: 1), "SIZE",
                    help: "Record an event when they hold more three times in a row, 5s apart"),
                OptionSpec(
                    "cpu-warn", .integer(min: 1, max: 1_000_000), "PERCENT",
                    help: "Record an event when they use more of one core three times in a row, 5s apart"),
            ])
    }

    package static var ending: OptionGroup {
        OptionGroup(
            "Ending",
            [
                OptionSpec(
                    "stop-steps", .stopSteps, "STEPS",
                    help: "How the command is ended: signals, and eof for the end of its input, and how long "
                        + "each is given",
                    default: .described(
                        concat(StopStep.standardText, "; HUP:2s,TERM:2s,KILL:2s in a terminal"))),
                OptionSpec(
                    "kill", .choice(["group", "tree", "process"]), "group|tree|process",
                    help: "Whom signals go to: the command's process group, all its descendants, or it alone",
                    default: .value("group")),
                OptionSpec(
                    "leftovers", .choice(["end", "leave"]), "end|leave",
                    help: "What to do with processes that the command started and left behind",
                    default: .value("end")),
            ])
    }

    package static var output: OptionGroup {
        OptionGroup(
            "Output",
            [
                OptionSpec(
                    "journal-size", .size(min: 64 << 10), "SIZE",
                    help: "Keep this much of each output stream; at least 64K",
                    default: .value(defaultBound), excludes: ["no-journal"]),
                OptionSpec(flag: "no-journal", help: "Discard the output"),
                OptionSpec(
                    flag: "merge-stderr",
                    help: "Write stderr to the journal of stdout, in the order the command wrote them"),
            ])
    }

    package static var input: OptionGroup {
        OptionGroup(
            "Input",
            [
                OptionSpec(
                    "max-line", .size(min: 1), "SIZE", help: "Refuse longer lines",
                    default: .value(defaultMaxLine)),
                OptionSpec(
                    "max-pending", .size(min: 1), "SIZE",
                    help: "Bound what unfinished lines of all writers may take up",
                    default: .value(defaultBound)),
            ])
    }

    /// For a session in a unit of its own: of `spawn` and `run`, which tell the keeper.
    package static func unit(hidden: Bool = false) -> OptionGroup {
        OptionGroup(
            "Service manager",
            [
                OptionSpec(
                    "isolate", .choice(["auto", "none", "systemd"]), "auto|none|systemd",
                    help:
                        "Start the session in a systemd unit of its own, so that it doesn't end with its caller's",
                    default: .described("auto: where the caller is in a service"), hidden: hidden),
                OptionSpec(
                    "cpu-quota", .string, "PERCENT", help: "Let the unit have so much time of one CPU",
                    hidden: hidden),
                OptionSpec(
                    "tasks-max", .integer(min: 1, max: Int(Int32.max)), "N",
                    help: "Let the unit have so many processes and threads", hidden: hidden),
                OptionSpec(
                    "property", .keyValue, "NAME=VALUE",
                    help: "Set a property of the unit, as systemd-run does",
                    repeatable: true, hidden: hidden),
            ])
    }

    /// All groups, in the order the help shows them.
    package static var groups: [OptionGroup] { [session, terminal, supervision, ending, output, input] }
}
