import CSystem
import KeeperShared

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
    for option in ["isolate", "cpu-quota", "tasks-max", "property"] where spawn.arguments.flag(option) {
        throw options.failure(concat("'", option, "' is for 'spawn'; here the unit says such things"))
    }
    let launcher = KeeperLauncher(
        context: spawn, directoryPath: path, isWaitedFor: false, removesFiles: spawn.arguments.flag("rm"),
        awaitsReader: false)
    throw launcher.execute(id, isResilient: context.arguments.flag("resilient"))
}

/// What is in the file that is named, or in the user's, or in the system's.
private func findOptions(
    _ id: SessionID, _ context: Context, sessionsPath: String
) throws(CommandFailure) -> OptionFile {
    var missing = ""
    if let given = context.arguments.value("config") {
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
    let options = OptionFile(folder, path, argumentsKey: "command")
    options.add("--sessions-dir=", sessionsPath)
    options.add("spawn", "")
    return try options.read() ? options : nil
}
