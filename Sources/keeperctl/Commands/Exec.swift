import CSystem
import KeeperShared

let execCommand = Command("exec", run: runExec) {
    CommandSpec(
        $0, summary: "Become the keeper of a session that a file describes",
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
        groups: [OptionGroup("Options", [ExecOptions.config, ExecOptions.resilient])],
        examples: [
            ExampleSpec(
                "keeperctl exec calc",
                "What keeper@calc.service runs: with {\"command\":[\"bc\",\"-q\"]} in the file it keeps bc."
            )
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The session ran and ended."),
            ExitStatusSpec("1", "It could not be started, or its file is wrong."),
            ExitStatusSpec("3", "There is no file for it."),
            ExitStatusSpec("5", "A session of this ID is already running."),
        ])
}

/// The options of `exec`.
enum ExecOptions {
    static let config: Option<Argument> = Option("config", .path, "FILE", help: "Take the options from FILE")
    static let resilient = Flag(
        "resilient",
        help: "Let the manager keep what is open, so that a keeper that is killed is followed by one that "
            + "goes on with the session: for keeper-resilient@ID.service")
}

/// `exec`: becomes the keeper of a session that a file describes. For service managers, whose main process the keeper
/// then is.
func runExec(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let path = try context.directoryPath()
    let options = try findOptions(id, context, sessionsPath: path)
    options.add(id.string, "")
    options.add("--", "")
    if options.arguments.isEmpty { throw options.failure("it has no \"command\", an array of strings") }
    let spawn = try options.context()
    for option in UnitOptions.group().options where spawn.arguments.isGiven(option) {
        throw options.failure(concat("'", option.long, "' is for 'spawn'; here the unit says such things"))
    }
    let launcher = KeeperLauncher(
        context: spawn, directoryPath: path, isWaitedFor: false,
        removesFiles: spawn.arguments[SessionOptions.removesFiles],
        awaitsReader: false)
    throw launcher.execute(id, isResilient: context.arguments[ExecOptions.resilient])
}

/// What is in the file that is named, or in the user's, or in the system's.
private func findOptions(
    _ id: SessionID, _ context: Context, sessionsPath: String
) throws(CommandFailure) -> OptionFile {
    var missing = ""
    if let given = context.arguments[ExecOptions.config] {
        let path = String(decoding: absolutePath(given.bytes), as: UTF8.self)
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        if let options = try readOptions(String(path[..<slash]), path, sessionsPath) { return options }
        missing = path
    } else {
        let home = environment("XDG_CONFIG_HOME") ?? environment("HOME").map { concat($0, "/.config") }
        for base in (home.map { [$0] } ?? []) + ["/etc"] {
            let folder = concat(base, "/keeper")
            let path = concat(folder, "/", id.string, ".json")
            if let options = try readOptions(folder, path, sessionsPath) { return options }
            missing = missing.isEmpty ? path : concat(missing, " and no ", path)
        }
    }
    throw CommandFailure(
        ExitStatus.noSession, concat("no options of session ", id.string, ": there is no ", missing))
}

/// - Returns: nil when there is no such file.
private func readOptions(
    _ folder: String, _ path: String, _ sessionsPath: String
) throws(CommandFailure) -> OptionFile? {
    let options = OptionFile(folder, path, sessionsPath: sessionsPath, argumentsKey: "command")
    return try options.read() ? options : nil
}
