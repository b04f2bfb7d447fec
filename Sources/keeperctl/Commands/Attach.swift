import CSystem
import KeeperShared

let attachCommand = Command("attach", run: runAttach) {
    CommandSpec(
        $0, summary: "Use a session from this terminal, or by standard input and output",
        description: [
            "A session with a terminal (spawn --tty) is shown here: the last screenful, and all from then on. "
                + "Keys go to it, its size follows this terminal's, and any number may be attached. The detach "
                + "keys leave it, and the session goes on; this terminal is left as it was found.",
            "Otherwise lines of standard input go in and what the session writes from now on comes out, on "
                + "standard output and standard error, so that a program may use 'keeperctl attach ID' as its "
                + "server. The end of standard input ends attach, not the session.",
        ],
        operands: [Shared.oneSession],
        groups: [OptionGroup("Options", [AttachOptions.readOnly, DetachKeys.option])],
        examples: [
            ExampleSpec(
                "keeperctl attach shell", "Shows session shell until ctrl-p and ctrl-q are typed."),
            ExampleSpec(
                "keeperctl attach tools",
                "What a program runs to talk to the server in session tools."),
        ],
        exitStatuses: [
            ExitStatusSpec(
                "0", "Detached, standard input ended, or the session ended with status 0."),
            ExitStatusSpec("1", "The session ended in another way, or refused a line."),
            Shared.noSession,
        ])
}

/// The options of `attach`.
enum AttachOptions {
    static let readOnly = Flag("read-only", help: "Only look: send nothing, and leave the size as it is")
}

/// `attach`: the user's terminal, or standard input and output, as those of a session.
func runAttach(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let keys = try DetachKeys(context)
    let isReadOnly = context.arguments[AttachOptions.readOnly]
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
        let watch = try SessionWatch(request.names, in: directory.descriptor)
        // A session that has just ended still has something to show.
        let input = request.isReadOnly || watch.isOver ? nil : try openInput(request.names.id, directory)
        let view = TerminalView(
            request, try directory.descriptor.duplicate(), watch,
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
