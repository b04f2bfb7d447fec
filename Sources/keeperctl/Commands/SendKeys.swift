import CSystem
import KeeperShared

/// `send-keys`: types at a session's terminal.
func runSendKeys(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    let directory = try context.directory(of: id)
    _ = try LiveSession(id, in: directory)
    do throws(ControlFailure) {
        let client = try ControlClient(id, in: directory.descriptor, "input")
        _ = try client.result()
        var bytes: [UInt8] = []
        for operand in arguments.operands.dropFirst() {
            if arguments.flag("literal") {
                bytes += operand.bytes
            } else if let key = Key(operand.bytes) {
                bytes += key.bytes(application: key.isCursor && hasApplicationKeys(id, in: directory))
            } else {
                bytes += operand.bytes
            }
        }
        try type(bytes, client)
    } catch {
        throw error.commandFailure(id)
    }
    return ExitStatus.done
}

/// Whether the program in the terminal has asked for the other codes of the arrow keys.
private func hasApplicationKeys(_ id: SessionID, in directory: borrowing SessionsDirectory) -> Bool {
    guard let folder = try? directory.descriptor.openDirectory(SessionNames(id).folder),
        let tail = try? ScreenTail(in: folder)
    else { return false }
    return tail.filter.hasApplicationKeys
}

/// Sends bytes and waits until the terminal has taken them: the keeper closes the connection then.
private func type(_ bytes: [UInt8], _ client: ControlClient) throws(ControlFailure) {
    do throws(SystemError) {
        try client.socket.writeAll(bytes)
        client.socket.shutDownSending()
        // What comes is an error.
        let answer = try client.socket.readAll()
        if !answer.isEmpty {
            let refusal = InputRefusal(answer)
            throw SystemError("", refusal.message, 0)
        }
    } catch {
        if error.code == 0 { throw .refused(code: 0, message: error.subject) }
        throw .noAnswer
    }
}
