import CSystem
import KeeperShared

/// Starts the commands of sessions anew.
func runRestart(_ context: Context) throws(CommandFailure) -> Int32 { try change("restart", context) }

/// Stops the processes of sessions where they are.
func runPause(_ context: Context) throws(CommandFailure) -> Int32 { try change("pause", context) }

/// Lets the processes of sessions go on.
func runResume(_ context: Context) throws(CommandFailure) -> Int32 { try change("resume", context) }

/// Lets live sessions go on under another binary of the keeper, by default the one beside this program.
func runUpgrade(_ context: Context) throws(CommandFailure) -> Int32 {
    let given = context.arguments.value("path")?.bytes ?? Array(keeperPath().utf8)
    let path = absolutePath(given)
    if access(String(decoding: path, as: UTF8.self), X_OK) != 0 {
        throw CommandFailure(
            ExitStatus.failed,
            concat(
                quoted(path), " can't be executed: ", errorText(csys_errno()),
                "; name the new keeper with --path"))
    }
    var json = JSONWriter()
    json.beginObject()
    json.key("path")
    json.string(utf8: path)
    json.endObject()
    return try change("upgrade", context, parameters: json.bytes) { id, result in
        context.output.write(concat(id.string, " ", result["version"]?.stringValue ?? "", "\n"))
        context.output.flush()
    }
}

/// Asks all of them, and then waits for each.
private func change(
    _ method: StaticString, _ context: Context, parameters: [UInt8] = Array("{}".utf8),
    whenDone: (SessionID, JSONValue) -> Void = { _, _ in }
) throws(CommandFailure) -> Int32 {
    let isAll = equalUTF8(method.description, "upgrade") && context.arguments.flag("all")
    if isAll, try context.openDirectory() == nil { return ExitStatus.done }
    var ids = isAll ? [] : try context.sessionIDs()
    let directory = isAll ? try context.makeDirectory() : try context.directory(of: ids[0])
    if isAll { ids = try liveSessions(in: directory.descriptor) }
    let deadline = context.deadline
    let atOnce = raiseDescriptorLimit()
    /// The first failure's.
    var status = ExitStatus.done
    func fail(_ error: CommandFailure) {
        printError(error.text)
        if status == ExitStatus.done { status = error.status }
    }
    var asked: [(SessionID, ControlClient)] = []
    for (index, id) in ids.enumerated() {
        do throws(CommandFailure) {
            asked.append((id, try ControlClient.ask(id, in: directory, method, parameters: parameters)))
        } catch { fail(error) }
        if asked.count < atOnce && index < ids.count - 1 { continue }
        for (id, client) in asked {
            do throws(CommandFailure) {
                whenDone(id, try client.commandResult(of: id, deadline: deadline))
            } catch { fail(error) }
        }
        asked = []
    }
    return status
}
