import CSystem
import KeeperShared

@main struct KeeperctlMain {
    static func main() { exit(runKeeperctl()) }
}

/// Runs what the arguments ask for, and returns the exit status.
func runKeeperctl() -> Int32 {
    csys_fill_standard_streams()
    ignoreSignals([SIGPIPE])
    let request: CommandLineRequest
    do throws(UsageError) {
        request = try parseCommandLine(processArguments(), for: keeperctlTable)
    } catch {
        printError(error.message)
        return isRun ? 125 : ExitStatus.badUsage
    }
    let output = StandardOutput()
    switch request {
    case .help(let command): output.write(HelpRenderer.render(command, of: keeperctlTable))
    case .version: output.write(concat("keeperctl ", "\(keeperVersion)", "\n"))
    case .run(let arguments):
        do throws(CommandFailure) {
            return try dispatch(arguments.command.name, Context(arguments: arguments))
        } catch {
            printError(error.text)
            return error.status
        }
    }
    output.flush()
    return ExitStatus.done
}

/// Whether the command line, which can't be understood as a whole, is one of `run`, with docker's numbers.
private var isRun: Bool {
    var skipsValue = false
    for argument in processArguments() {
        if skipsValue {
            skipsValue = false
        } else if argument.equals("--sessions-dir") {
            skipsValue = true
        } else if argument.bytes.first != UInt8(ascii: "-") {
            return argument.equals("run")
        }
    }
    return false
}

private func dispatch(_ name: String, _ context: Context) throws(CommandFailure) -> Int32 {
    for (candidate, command) in commands where equalUTF8(candidate, name) { return try command(context) }
    throw CommandFailure(ExitStatus.badUsage, concat("'", name, "' is not a command of this keeperctl"))
}

private typealias Command = (Context) throws(CommandFailure) -> Int32

private var commands: [(String, Command)] {
    [
        ("spawn", runSpawn), ("run", runRun), ("write", runWrite), ("kill", runKill), ("eof", runEOF),
        ("discover", runDiscover), ("status", runStatus), ("wait", runWait), ("logs", runLogs),
        ("follow", runFollow), ("peek", runPeek),
        ("stats", runStats), ("top", runTop), ("metrics", runMetrics),
        ("ls", runList), ("inspect", runInspect), ("prune", runPrune), ("events", runEvents),
        ("label", runLabel), ("restart", runRestart), ("pause", runPause), ("resume", runResume),
        ("upgrade", runUpgrade), ("watch", runWatch), ("sync", runSync), ("call", runCall), ("turn", runTurn),
        ("attach", runAttach), ("send-keys", runSendKeys), ("resize", runResize),
        ("exec", runExec), ("doctor", runDoctor),
    ]
}
