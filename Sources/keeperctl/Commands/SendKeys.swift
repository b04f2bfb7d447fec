import CSystem
import KeeperShared

let sendKeysCommand = Command("send-keys", run: runSendKeys) {
    CommandSpec(
        $0, summary: "Type at a session's terminal",
        description: [
            "KEY is Enter, Escape, Tab, BTab, Space, BSpace, Up, Down, Left, Right, Home, End, PageUp, PageDown, "
                + "Insert, Delete or F1 to F12, or a character after C- (control) or M- (meta); C-, M- and S- "
                + "go with most others too. Anything else is typed as it is. Returns when the terminal has it."
        ],
        operands: [Shared.oneSession, OperandSpec("KEY", .string, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [SendKeysOptions.literal])
        ],
        examples: [
            ExampleSpec("keeperctl send-keys shell 'make test' Enter", "Types a command."),
            ExampleSpec("keeperctl send-keys editor Escape :wq Enter", "Leaves vi."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "The session has no terminal."), Shared.noSession,
        ])
}

/// The options of `send-keys`.
enum SendKeysOptions {
    static let literal = Flag("literal", short: "l", help: "Type everything as it is: no names of keys")
}

/// `send-keys`: types at a session's terminal.
func runSendKeys(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    let directory = try context.directory(of: id)
    let client = try ControlClient.ask(id, in: directory, "input")
    try client.commandResult(of: id)
    var bytes: [UInt8] = []
    for operand in arguments.operands.dropFirst() {
        if !arguments[SendKeysOptions.literal], let key = Key(operand.bytes) {
            bytes += key.bytes(application: key.isCursor && hasApplicationKeys(id, in: directory))
        } else {
            bytes += operand.bytes
        }
    }
    try type(bytes, client, id)
    return ExitStatus.done
}

/// Whether the program in the terminal has asked for the other codes of the arrow keys.
private func hasApplicationKeys(_ id: SessionID, in directory: borrowing SessionsDirectory) -> Bool {
    // Without its output the usual codes are the best guess.
    guard let folder = try? directory.descriptor.openDirectory(SessionNames(id).folder),
        let tail = try? ScreenTail(in: folder)
    else { return false }
    return tail.filter.hasApplicationKeys
}

/// Sends bytes and waits until the terminal has taken them: the keeper closes the connection then.
private func type(_ bytes: [UInt8], _ client: ControlClient, _ id: SessionID) throws(CommandFailure) {
    let answer: [UInt8]
    do throws(SystemError) {
        try client.socket.writeAll(bytes)
        client.socket.shutDownSending()
        answer = try client.socket.readAll()
    } catch {
        throw ControlFailure.noAnswer.commandFailure(id)
    }
    // What comes is an error.
    if answer.isEmpty { return }
    throw CommandFailure(ExitStatus.failed, concat(id.string, ": ", InputRefusal(answer).message))
}
