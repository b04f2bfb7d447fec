import CSystem
import KeeperShared

/// `watch`: restarts sessions when files change, until it is told to end.
func runWatch(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let signals = try endSignals()
    let report = ActionReport(context)
    let restarter = try Restarter(
        context,
        filter: TreeFilter(
            includes: arguments.values("include").map { $0.bytes },
            excludes: arguments.values("exclude").map { $0.bytes },
            isStandard: !arguments.flag("no-default-excludes")),
        debounce: arguments.duration("debounce") ?? 0
    ) { id, path, failure in
        if let failure {
            report.failed(failure, id, path: path)
        } else {
            report.done("restarted", id, path: path)
        }
    }
    _ = raiseDescriptorLimit()
    for operand in arguments.operands {
        guard let mark = operand.bytes.firstIndex(of: UInt8(ascii: "=")), mark + 1 < operand.bytes.count
        else {
            throw CommandFailure(
                ExitStatus.badUsage, concat(quoted(operand.bytes), " is not of the form ID=PATH"))
        }
        let id = try context.sessionID(Argument(bytes: Array(operand.bytes[..<mark])))
        try restarter.watch(Array(operand.bytes[(mark + 1)...]), for: id)
    }
    restarter.begin()
    let directory = try context.makeDirectory()
    for id in restarter.ids {
        switch try SessionLookup(id, in: directory.descriptor) {
        case .live, .foreign: break
        case .none, .dead, .over:
            printError(concat(id.string, ": no such session now; its files are watched all the same"))
        }
    }
    let set = PollSet()
    while true {
        set.clear()
        set.add(signals.descriptor, .input)
        restarter.prepare(set)
        do throws(SystemError) { try set.wait() } catch { throw CommandFailure("wait", error) }
        if signals.next() != nil { return ExitStatus.done }
        restarter.turn(set)
    }
}

/// Takes note of the signals by which a command that goes on for ever is told to end.
func endSignals() throws(CommandFailure) -> SignalReader {
    do throws(SystemError) {
        return try SignalReader([SIGINT, SIGTERM])
    } catch {
        throw CommandFailure("signals", error)
    }
}
