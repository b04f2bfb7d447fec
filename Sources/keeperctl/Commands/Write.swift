import CSystem
import KeeperShared

let writeCommand = Command("write", run: runWrite) {
    CommandSpec(
        $0, summary: "Send lines to a session's standard input",
        description: [
            "Each LINE is sent with a line feed after it; without LINE, standard input is sent, of any length. "
                + "Returns when every line is in the command's input pipe.",
            "With --key there is one line, in UTF-8 and of up to a mebibyte with its quoting. It is sent again when the "
                + "answer is lost, as the session takes each key once; a line that it took before is not delivered "
                + "again, and a message says so.",
        ],
        operands: [Shared.oneSession, OperandSpec("LINE", .string, .any)],
        groups: [
            OptionGroup(
                "Options",
                [
                    WriteOptions.attempts,
                    Shared.timeout.explained("Stop waiting for the receipt after this time"),
                    WriteOptions.noReceipt, WriteOptions.key,
                ])
        ],
        examples: [
            ExampleSpec("keeperctl write calc '6*7' 'quit'", "Sends two lines."),
            ExampleSpec("keeperctl write import < records.ndjson", "Sends a file."),
            ExampleSpec(
                "keeperctl write --key order-17 import '{\"order\":17}'",
                "Sends a line that must not arrive twice."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "Every line is delivered."),
            ExitStatusSpec("1", "Refused: the error says how many lines were delivered."),
            Shared.noSession, Shared.timedOut,
            ExitStatusSpec(
                "6", "The session ended before it gave a receipt: lines may be delivered or not."),
        ])
}

/// The options of `write`.
enum WriteOptions {
    static let attempts: Setting<Int> = Setting(
        "attempts", .integer(min: 1, max: 1_000), "N",
        help: "Try to connect this often; lines that may have been delivered are never sent again",
        default: "3")
    static let noReceipt = Flag("no-receipt", help: "Return when the lines are sent, not delivered")
    static let key: Option<Argument> = Option(
        "key", .string, "KEY",
        help: "Send one line, unless one with this key is among the last 1,024 that the session took",
        excludes: ["no-receipt"])
}

/// `write`: sends lines, or standard input, and waits for the receipt.
func runWrite(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    let limit = arguments[Shared.timeout]
    let deadline = limit.map { monotonicNow() + min($0, .seconds(1 << 30)) }
    let directory = try context.directory(of: id)
    if let key = arguments[WriteOptions.key] { return try writeOnce(key, id, in: directory, context) }
    let socket = try connectInput(
        SessionNames(id), in: directory, attempts: arguments[WriteOptions.attempts], deadline: deadline)
    let lines = arguments.operands.dropFirst()
    let what = concat("write to ", id.string)
    let client: InputClient
    if lines.isEmpty {
        let source = try attempt(what, try FileDescriptor.duplicate(ofNumber: STDIN_FILENO))
        client = InputClient(socket: socket, source: source)
    } else {
        client = InputClient(socket: socket, source: nil)
        let bytes = lines.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
        try attempt(what, try client.sendAll(bytes))
    }
    let wantsReceipt = !arguments[WriteOptions.noReceipt]
    client.completesLastLine = !wantsReceipt
    try drive(client, wantsReceipt: wantsReceipt, deadline: deadline, what)
    guard let outcome = client.outcome else { return ExitStatus.done }
    return try report(outcome, of: client, what)
}

/// Moves the client on until its outcome is known, or until all is sent when that is enough.
private func drive(
    _ client: InputClient, wantsReceipt: Bool, deadline: Int64?, _ what: String
) throws(CommandFailure) {
    let set = PollSet()
    while client.outcome == nil {
        if client.isThrough {
            if !wantsReceipt { return }
            if deadline == nil { return client.awaitOutcome() }
        }
        set.clear()
        client.prepare(set)
        if let deadline { set.limit(deadline: deadline) }
        try attempt(what, try set.wait())
        try attempt(concat(what, ": read standard input"), try client.turn(set))
        if client.outcome == nil, let deadline, monotonicNow() >= deadline {
            throw CommandFailure(
                ExitStatus.timedOut, concat(what, ": timed out without a receipt; ", sent(client)))
        }
    }
}

private func report(
    _ outcome: InputOutcome, of client: InputClient, _ what: String
) throws(CommandFailure) -> Int32 {
    switch outcome {
    case .delivered: return ExitStatus.done
    case .refused(let refusal):
        let lines = refusal.delivered == 1 ? " line was delivered" : " lines were delivered"
        throw CommandFailure(
            refusal.code == InputRefusal.busy ? ExitStatus.conflict : ExitStatus.failed,
            concat(what, ": ", refusal.message, "; ", String(refusal.delivered), lines))
    case .unknown:
        if client.sentCount == 0 {
            // With nothing to deliver, everything was.
            if client.isThrough { return ExitStatus.done }
            throw CommandFailure(ExitStatus.failed, concat(what, ": the session has ended; nothing was sent"))
        }
        throw CommandFailure(
            ExitStatus.outcomeUnknown,
            concat(what, ": outcome unknown: the keeper died before it acknowledged; ", sent(client)))
    }
}

private func sent(_ client: InputClient) -> String {
    if client.sentCount == 0 { return "nothing was sent" }
    return concat(String(client.sentCount), " bytes were sent, and may be delivered or not")
}
