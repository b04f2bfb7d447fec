import CSystem
import KeeperShared

let versionCommand = Command("version", run: runVersion) {
    CommandSpec(
        $0, summary: "Print the version",
        examples: [ExampleSpec("keeperctl version", "Prints the version of this keeperctl.")])
}

private func runVersion(_ context: Context) -> Int32 {
    printVersion()
    return ExitStatus.done
}

/// Also for `--version`.
func printVersion() {
    writeStandard(STDOUT_FILENO, Array(concat("keeperctl ", keeperVersion.description, "\n").utf8))
}
