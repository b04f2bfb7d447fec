import KeeperShared

/// Closes a session's standard input.
func runEOF(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let directory = try context.directory(of: id)
    switch try SessionLookup(id, in: directory.descriptor) {
    case .none: throw CommandFailure.noSession(id, in: directory.path)
    case .foreign:
        throw CommandFailure(
            ExitStatus.failed, concat(id.string, ": its keeper is of other make and has no control socket"))
    case .dead, .over: throw CommandFailure.sessionOver(id)
    case .live: break
    }
    do throws(ControlFailure) {
        _ = try ControlClient(id, in: directory.descriptor, "closeInput").result()
    } catch {
        throw error.commandFailure(id)
    }
    return ExitStatus.done
}
