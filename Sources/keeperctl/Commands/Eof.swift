import KeeperShared

let eofCommand = Command("eof", run: runEOF) {
    CommandSpec(
        $0, summary: "Close a session's standard input",
        description: [
            "Lines that were sent before are delivered first. Returns when the input is closed."
        ],
        operands: [Shared.oneSession],
        examples: [
            ExampleSpec("keeperctl eof import", "Lets a program that reads to end-of-file finish.")
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// Closes a session's standard input.
func runEOF(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionIDs()[0]
    let directory = try context.directory(of: id)
    try ControlClient.ask(id, in: directory, "closeInput").commandResult(of: id)
    return ExitStatus.done
}
