import CSystem
import KeeperShared

let helpCommand = Command("help", run: runHelp) {
    CommandSpec(
        $0, summary: "Explain a command, or list all of them",
        operands: [OperandSpec("COMMAND", .command, .optional)],
        examples: [ExampleSpec("keeperctl help spawn", "Shows the options of spawn.")])
}

private func runHelp(_ context: Context) -> Int32 {
    printHelp(context.arguments.operands.first.flatMap { keeperctlTable.command(called: $0.bytes) })
    return ExitStatus.done
}

/// Also for `--help`.
func printHelp(_ command: CommandSpec?) {
    writeStandard(STDOUT_FILENO, HelpRenderer.render(command, of: keeperctlTable))
}
