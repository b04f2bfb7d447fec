import CSystem
import KeeperShared

/// `attach`: the user's terminal, or standard input and output, as those of a session.
func runAttach(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let given = context.arguments.value("detach-keys") ?? Argument("ctrl-p,ctrl-q")
    guard let keys = DetachKeys(given.bytes) else {
        throw CommandFailure(
            ExitStatus.badUsage,
            concat(
                "--detach-keys ", quoted(given.bytes), " are no keys such as ctrl-p,ctrl-q or ctrl-]; or none"
            ))
    }
    let isReadOnly = context.arguments.flag("read-only")
    let directory = try context.directory(of: id)
    let status = try liveStatus(of: id, in: directory)
    let names = SessionNames(id)
    guard status.isTerminal, TerminalGuard.isAvailable else {
        return try PipeView(names, in: directory, isReadOnly: isReadOnly).finish()
    }
    if let instance = getenv("KEEPER_INSTANCE"), equalUTF8(String(cString: instance), status.instance) {
        throw CommandFailure(
            ExitStatus.conflict,
            concat(id.string, ": this is its own terminal: attached to itself it would show what it shows"))
    }
    let request = ViewRequest(names: names, keys: keys, isReadOnly: isReadOnly)
    switch try showTerminal(request, in: directory) {
    case .detached: return ExitStatus.done
    case .ended(let signal): return 128 + signal
    case .sessionOver(let status): return attachStatus(id, status)
    }
}

/// Shows a session on the terminal, which is as it was when this returns.
func showTerminal(
    _ request: ViewRequest, in directory: borrowing SessionsDirectory
) throws(CommandFailure) -> ViewEnd {
    let end = try view(request, in: directory)
    // On a line of its own, wherever the program left the cursor.
    if case .detached = end {
        writeStandard(
            STDOUT_FILENO,
            Array(concat("\r\n[detached from ", request.names.id.string, ", which goes on]\n").utf8))
    }
    return end
}

/// The view ends with this function, and gives the terminal back.
@inline(never) private func view(
    _ request: ViewRequest, in directory: borrowing SessionsDirectory
) throws(CommandFailure) -> ViewEnd {
    let view = try TerminalView(request, in: directory)
    do throws(SystemError) {
        return try view.run()
    } catch {
        throw CommandFailure(concat("attach to ", request.names.id.string), error)
    }
}

/// The status of a session that must be live.
func liveStatus(
    of id: SessionID, in directory: borrowing SessionsDirectory
) throws(CommandFailure) -> SessionStatus {
    switch try SessionLookup(id, in: directory.descriptor) {
    case .none: throw CommandFailure.noSession(id, in: directory.path)
    case .foreign:
        throw CommandFailure(
            ExitStatus.failed, concat(id.string, ": its keeper is of other make and has no control socket"))
    case .dead, .over: throw CommandFailure.sessionOver(id)
    case .live(_, let status):
        guard let status else {
            throw CommandFailure(ExitStatus.conflict, concat(id.string, ": it is only starting; try again"))
        }
        return status
    }
}

/// Says how a session ended while somebody was attached; 0 for a good end.
func attachStatus(_ id: SessionID, _ status: SessionStatus?) -> Int32 {
    let end = status?.exit?.end
    if let status, status.state.isFinal, end == .exited(0) { return ExitStatus.done }
    printError(
        concat("session ", id.string, " has ended: ", end.map { $0.text } ?? "its keeper died"))
    return ExitStatus.failed
}
