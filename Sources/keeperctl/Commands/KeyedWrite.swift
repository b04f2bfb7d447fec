import CSystem
import KeeperShared

/// `write --key`: sends one line that the session takes at most once, however often it is tried.
///
/// Unlike other lines this one may be sent again when the answer is lost, to the keeper that takes the place of the
/// one before as well; never to another session that has got the same id meanwhile.
func writeOnce(
    _ key: Argument, _ id: SessionID, in directory: consuming SessionsDirectory, _ context: Context
) throws(CommandFailure) -> Int32 {
    let line = try theLine(context)
    let tooLong = CommandFailure(
        ExitStatus.failed,
        concat("write to ", id.string, ": with --key a line has at most a mebibyte; nothing was sent"))
    if line.count > KeyedLine.longest { throw tooLong }
    var json = JSONWriter()
    json.beginObject()
    json.key("line")
    guard line.withUnsafeBytes({ json.text($0) }) else {
        throw CommandFailure(
            ExitStatus.badUsage, "a line with --key must be UTF-8; without --key any bytes can be written")
    }
    json.key("key")
    guard key.bytes.withUnsafeBytes({ json.text($0) }) else {
        throw CommandFailure(ExitStatus.badUsage, "the key of --key must be UTF-8")
    }
    json.endObject()
    if key.bytes.isEmpty || key.bytes.count > KeyedLine.longestKey {
        throw CommandFailure(ExitStatus.badUsage, "the key of --key must be of 1 to 256 bytes")
    }
    if json.bytes.count > KeyedLine.longest { throw tooLong }
    let attempts = context.arguments[WriteOptions.attempts]
    var sender = KeyedLine(id, parameters: json.bytes, deadline: context.deadline)
    // Longer each time: a service manager may take its time to start the next keeper.
    var delay: Int64 = .milliseconds(50)
    for number in 1...attempts {
        if let isDuplicate = try sender.send(in: directory) {
            if isDuplicate {
                printError(
                    concat("write to ", id.string, ": not sent again: a line with this key is delivered"))
            }
            return ExitStatus.done
        }
        if number < attempts { pause(nanoseconds: delay) }
        delay = min(3 * delay, .seconds(2))
    }
    throw sender.failure
}

/// The one line, which may come on standard input.
private func theLine(_ context: Context) throws(CommandFailure) -> [UInt8] {
    let lines = context.arguments.operands.dropFirst()
    if let line = lines.first, lines.count == 1, !line.bytes.contains(10) { return line.bytes }
    let more = CommandFailure(
        ExitStatus.badUsage, "--key is for one line; use a key of its own and a 'write' for each line")
    if !lines.isEmpty { throw more }
    // As much as shows that it is too long.
    var bytes = try attempt(
        "read standard input",
        try FileDescriptor.duplicate(ofNumber: STDIN_FILENO).readAll(limit: KeyedLine.longest + 2))
    if bytes.last == 10 { bytes.removeLast() }
    if bytes.contains(10) { throw more }
    return bytes
}

/// One line with its key, on its way.
private struct KeyedLine {
    /// Bytes of a message to the control socket, less what is around the parameters.
    static let longest = (1 << 20) - 256
    /// As the keeper has it.
    static let longestKey = 256

    private let id: SessionID
    private let parameters: [UInt8]
    private let deadline: Int64?
    /// The session that it was sent to.
    private var folder = FolderIdentity()
    private var wasSent = false

    init(_ id: SessionID, parameters: [UInt8], deadline: Int64?) {
        self.id = id
        self.parameters = parameters
        self.deadline = deadline
    }

    /// - Returns: whether the line had been delivered before; nil when there was no answer.
    mutating func send(
        in directory: borrowing SessionsDirectory
    ) throws(CommandFailure) -> Bool? {
        switch try SessionLookup(id, in: directory.descriptor) {
        case .none: throw wasSent ? failure : CommandFailure.noSession(id, in: directory.path)
        // A keeper that another one follows has left its lock with the service manager: that counts as live.
        case .over, .dead: throw wasSent ? failure : CommandFailure.sessionOver(id)
        case .foreign:
            throw CommandFailure(
                ExitStatus.failed,
                concat("write to ", id.string, ": its keeper is a foreign one, which knows no keys"))
        case .live: break
        }
        let present = try attempt(
            id.string, try FolderIdentity(SessionNames(id).folder, in: directory.descriptor))
        if wasSent, present != folder { throw failure }
        do throws(ControlFailure) {
            let client = try ControlClient(id, in: directory.descriptor, "write", parameters: parameters)
            folder = present
            wasSent = true
            return try client.result(deadline: deadline)["duplicate"]?.boolValue ?? false
        } catch {
            switch error {
            case .unreachable, .noAnswer: return nil
            case .timedOut:
                throw CommandFailure(
                    ExitStatus.timedOut,
                    concat("write to ", id.string, ": timed out; the same key may be tried again"))
            case .refused, .failed: throw error.commandFailure(id)
            }
        }
    }

    /// No attempt got an answer.
    var failure: CommandFailure {
        if wasSent {
            return CommandFailure(
                ExitStatus.outcomeUnknown,
                concat(
                    "write to ", id.string,
                    ": outcome unknown: the keeper ended without an answer; the line may be delivered or not")
            )
        }
        return CommandFailure(
            ExitStatus.failed,
            concat("write to ", id.string, ": its keeper can't be reached; nothing was sent"))
    }
}
