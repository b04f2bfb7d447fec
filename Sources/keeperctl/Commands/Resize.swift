import KeeperShared

let resizeCommand = Command("resize", run: runResize) {
    CommandSpec(
        $0, summary: "Change the size of a session's terminal",
        operands: [Shared.oneSession, OperandSpec("COLSxROWS", .terminalSize)],
        examples: [
            ExampleSpec(
                "keeperctl resize shell 120x40", "Makes it 120 columns wide and 40 rows high.")
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "The session has no terminal."), Shared.noSession,
        ])
}

/// `resize`: gives a session's terminal another size.
func runResize(_ context: Context) throws(CommandFailure) -> Int32 {
    let operands = context.arguments.operands
    let id = try context.sessionID(operands[0])
    let directory = try context.directory(of: id)
    guard let size = TerminalSize.parse(operands[1].bytes) else { return ExitStatus.badUsage }
    try ControlClient.ask(id, in: directory, "resize", parameters: size.parameters).commandResult(of: id)
    return ExitStatus.done
}

extension TerminalSize {
    /// As the control socket takes it.
    var parameters: [UInt8] {
        Array(concat("{\"cols\":", String(columns), ",\"rows\":", String(rows), "}").utf8)
    }
}
