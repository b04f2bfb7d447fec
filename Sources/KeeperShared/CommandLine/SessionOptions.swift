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

    /// All groups, in the order the help shows them.
    package static var groups: [OptionGroup] { [session, output, input] }
}
