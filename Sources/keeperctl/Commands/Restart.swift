import KeeperShared

/// Starts the commands of sessions anew.
func runRestart(_ context: Context) throws(CommandFailure) -> Int32 { try change("restart", context) }

/// Stops the processes of sessions where they are.
func runPause(_ context: Context) throws(CommandFailure) -> Int32 { try change("pause", context) }

/// Lets the processes of sessions go on.
func runResume(_ context: Context) throws(CommandFailure) -> Int32 { try change("resume", context) }

/// Asks all of them, and then waits for each.
private func change(_ method: StaticString, _ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.sessionIDs()
    let directory = try context.directory(of: ids[0])
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
            asked.append((id, try ControlClient.ask(id, in: directory, method)))
        } catch { fail(error) }
        if asked.count < atOnce && index < ids.count - 1 { continue }
        for (id, client) in asked {
            do throws(CommandFailure) {
                try client.commandResult(of: id, deadline: deadline)
            } catch { fail(error) }
        }
        asked = []
    }
    return status
}
