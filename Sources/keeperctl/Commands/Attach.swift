import CSystem
import KeeperShared

/// `attach`: the user's terminal, or standard input and output, as those of a session.
func runAttach(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let keys = try DetachKeys(context)
    let isReadOnly = context.arguments.flag("read-only")
    let directory = try context.directory(of: id)
    let session = try LiveSession(id, in: directory)
    let names = SessionNames(id)
    let end: ProcessEnd?
    if session.isTerminal, TerminalGuard.isAvailable {
        if let instance = getenv("KEEPER_INSTANCE"), equalUTF8(String(cString: instance), session.instance) {
            throw CommandFailure(
                ExitStatus.conflict,
                concat(id.string, ": this is its own terminal: it would show what it shows"))
        }
        let request = ViewRequest(names: names, keys: keys, isReadOnly: isReadOnly)
        switch try showTerminal(request, in: directory) {
        case .detached: return ExitStatus.done
        case .ended(let signal): return 128 + signal
        case .sessionOver(let known): end = known
        }
    } else {
        let view = try PipeView(names, in: directory, isReadOnly: isReadOnly)
        if let status = try view.run() { return status }
        end = view.end
    }
    if end == .exited(0) { return ExitStatus.done }
    throw CommandFailure(
        ExitStatus.failed, concat("session ", id.string, " has ended: ", end?.text ?? "its keeper died"))
}

/// Shows a session on the terminal, which is as it was when this returns.
@inline(never) func showTerminal(
    _ request: ViewRequest, in directory: borrowing SessionsDirectory
) throws(CommandFailure) -> ViewEnd {
    let end = try view(request, in: directory)
    if case .detached = end {
        // On a line of its own, wherever the program left the cursor.
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
    do throws(SystemError) {
        let folder = try directory.descriptor.openDirectory(request.names.folder)
        let watch = try SessionWatch(request.names, in: directory, folder: folder)
        // A session that has just ended still has something to show.
        let input = request.isReadOnly || watch.isOver ? nil : try openInput(request.names.id, directory)
        let view = TerminalView(
            request, try directory.descriptor.duplicate(), folder, watch,
            try TerminalGuard(fullScreen: false, rescued: true), input: input)
        return try view.run()
    } catch {
        throw CommandFailure(concat("attach to ", request.names.id.string), error)
    }
}

/// A connection that carries what is typed; nil when the keeper is gone.
private func openInput(
    _ id: SessionID, _ directory: borrowing SessionsDirectory
) throws(SystemError) -> FileDescriptor? {
    // What keeps it from answering also ends the view, which says so.
    guard let client = try? ControlClient(id, in: directory.descriptor, "input"),
        (try? client.result(deadline: monotonicNow() + .seconds(5))) != nil
    else { return nil }
    return try client.socket.duplicate()
}
