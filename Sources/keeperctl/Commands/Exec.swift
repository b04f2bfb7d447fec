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
    var folders: [String] = []
    if let home = environment("XDG_CONFIG_HOME") {
        folders.append(concat(home, "/keeper"))
    } else if let home = environment("HOME") {
        folders.append(concat(home, "/.config/keeper"))
    }
    folders.append("/etc/keeper")
    var paths: [String] = []
    for folder in folders { paths.append(concat(folder, "/", id.string, ".json")) }
    if let given = context.arguments.value("config") {
        let path = String(decoding: absolutePath(given.bytes), as: UTF8.self)
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        (folders, paths) = ([String(path[..<slash])], [path])
    }
    for (index, path) in paths.enumerated() {
        let options = OptionFile(folders[index], path, argumentsKey: "command")
        options.add("--sessions-dir=", sessionsPath)
        options.add("spawn", "")
        if try options.read() { return options }
    }
    throw CommandFailure(
        ExitStatus.noSession,
        concat("no options of session ", id.string, ": there is no ", paths.joined(separator: " and no ")))
}
