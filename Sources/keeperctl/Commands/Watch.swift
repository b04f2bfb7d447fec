import CSystem
import KeeperShared

/// `watch`: restarts sessions when files change, until it is told to end.
func runWatch(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let report = ActionReport(context)
    let filter = TreeFilter(
        includes: arguments.values("include"), excludes: arguments.values("exclude"),
        isStandard: !arguments.flag("no-default-excludes"))
    let restarter = try Restarter(context, filter: filter, debounce: arguments.duration("debounce") ?? 0) {
        id, path, failure in
        if let failure {
            report.failed(failure, id, path: path)
        } else {
            report.done("restarted", id, path: path)
        }
    }
    _ = raiseDescriptorLimit()
    for operand in arguments.operands { try watch(operand, restarter, context) }
    restarter.begin()
    let signals = try EndSignals()
    report.watching(restarter.tree)
    let set = PollSet()
    while true {
        set.clear()
        restarter.prepare(set)
        if try signals.wait(set) { return ExitStatus.done }
        restarter.turn(set)
    }
}

/// Watches for an operand `ID=PATH`.
private func watch(
    _ operand: Argument, _ restarter: Restarter, _ context: Context
) throws(CommandFailure) {
    let parts = operand.bytes.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[1].isEmpty else {
        throw CommandFailure(
            ExitStatus.badUsage, concat(quoted(operand.bytes), " is not of the form ID=PATH"))
    }
    let id = try context.sessionID(Argument(bytes: Array(parts[0])))
    if try restarter.watch(Array(parts[1]), for: id) { return }
    let directory = try context.makeDirectory()
    switch try SessionLookup(id, in: directory.descriptor) {
    case .live, .foreign: break
    case .none, .dead, .over:
        printError(concat(id.string, ": no such session now; its files are watched all the same"))
    }
}

/// The signals by which a command that goes on for ever is told to end.
final class EndSignals {
    private let signals: SignalReader

    init() throws(CommandFailure) {
        do throws(SystemError) {
            signals = try SignalReader([SIGINT, SIGTERM])
        } catch {
            throw CommandFailure("signals", error)
        }
    }

    /// Waits for these too.
    ///
    /// - Returns: whether one of them came.
    func wait(_ set: PollSet) throws(CommandFailure) -> Bool {
        set.add(signals.descriptor, .input)
        do throws(SystemError) { try set.wait() } catch { throw CommandFailure("wait", error) }
        return signals.next() != nil
    }
}
