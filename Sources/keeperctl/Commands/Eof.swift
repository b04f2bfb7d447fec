import KeeperShared

/// Closes a session's standard input.
func runEOF(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let directory = try context.directory(of: id)
    try ControlClient.ask(id, in: directory, "closeInput").commandResult(of: id)
    return ExitStatus.done
}
