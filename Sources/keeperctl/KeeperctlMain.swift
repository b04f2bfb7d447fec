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
    switch request {
    case .help(let command): printHelp(command)
    case .version: printVersion()
    case .run(let arguments):
        do throws(CommandFailure) {
            return try dispatch(arguments)
        } catch {
            printError(error.text)
            return error.status
        }
    }
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
