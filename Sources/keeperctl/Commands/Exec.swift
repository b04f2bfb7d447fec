import CSystem
import KeeperShared

/// `exec`: becomes the keeper of a session that a file describes. For service managers, whose main process the keeper
/// then is.
func runExec(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let file = try findFile(id, context)
    if file.command.isEmpty {
        throw CommandFailure(
            ExitStatus.failed, concat(id.string, ": its file has no \"command\", an array of strings"))
    }
    let spawn = try file.context(for: id, sessionsPath: try context.directoryPath())
    for option in ["isolate", "cpu-quota", "tasks-max", "property"] where spawn.arguments.flag(option) {
        throw CommandFailure(
            ExitStatus.failed,
            concat(id.string, ": '", option, "' in its file is for 'spawn'; here the unit says such things"))
    }
    let launcher = KeeperLauncher(
        context: spawn, directoryPath: try context.directoryPath(), isWaitedFor: false,
        removesFiles: spawn.arguments.flag("rm"), awaitsReader: false)
    throw launcher.execute(id, isResilient: context.arguments.flag("resilient"))
}

/// The file that is named, or the user's, or the system's.
private func findFile(_ id: SessionID, _ context: Context) throws(CommandFailure) -> OptionFile {
    var folders: [String] = []
    if let home = environment("XDG_CONFIG_HOME") {
        folders.append(home)
    } else if let home = environment("HOME") {
        folders.append(concat(home, "/.config"))
    }
    folders.append("/etc")
    var paths: [String] = []
    for folder in folders { paths.append(concat(folder, "/keeper/", id.string, ".json")) }
    if let given = context.arguments.value("config") { paths = [given.text] }
    for path in paths {
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { Array(path.utf8[..<$0]) }
        var file = OptionFile(path: path, folder: folder ?? [UInt8(ascii: ".")], commandKey: "command")
        if try file.read() { return file }
    }
    throw CommandFailure(
        ExitStatus.noSession,
        concat("no options of session ", id.string, ": there is no ", paths.joined(separator: " and no ")))
}
