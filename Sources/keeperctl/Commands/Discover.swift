import CSystem
import KeeperShared

let discoverCommand = Command("discover", run: runDiscover) {
    CommandSpec(
        $0, summary: "List live sessions and clear away dead ones",
        description: [
            "Looks at every session in the directory, also at those of other keepers. Where a keeper has died, "
                + "its command is ended, the loss is recorded and its stale files are removed."
        ],
        groups: [
            OptionGroup("Options", [Shared.json, DiscoverOptions.quiet, DiscoverOptions.noReap])
        ],
        examples: [
            ExampleSpec("keeperctl discover", "Shows live sessions."),
            ExampleSpec(
                "keeperctl discover --json --no-reap | jq -r .sockPath",
                "Lists sockets, changing nothing."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "Something stale could not be cleared away."),
        ])
}

/// The options of `discover`.
enum DiscoverOptions {
    static let quiet = Flag("quiet", short: "q", help: "Print only IDs", excludes: ["json"])
    static let noReap = Flag("no-reap", help: "Only look: end nothing and remove nothing")
}

/// Lists live sessions, and clears away dead ones.
func runDiscover(_ context: Context) throws(CommandFailure) -> Int32 {
    let isJSON = context.arguments[Shared.json]
    let isQuiet = context.arguments[DiscoverOptions.quiet]
    guard let directory = try context.openDirectory() else {
        if !isJSON && !isQuiet { sayEmpty(try context.directoryPath()) }
        return ExitStatus.done
    }
    let found = try attempt(directory.text, try Discovery(of: directory.descriptor))
    let failures = FailureRecord()
    failures.add(found.failures)
    let list = try SessionList(directory)
    let reader = StatusReader()
    for session in found.sessions {
        switch session.ownership {
        case .keeper(let pid):
            if isQuiet {
                list.addName(session.id)
            } else {
                let path = concat(SessionNames(session.id).folder, "/", SessionNames.status)
                list.add(session.id, keeper: pid, reader.read(path, in: directory.descriptor))
            }
        case .foreign(let pid):
            if isQuiet { list.addName(session.id) } else { list.add(session.id, foreign: pid) }
        case .nobody, .unsettled, .dead: break
        }
    }
    if context.arguments[DiscoverOptions.noReap] {
        printStale(found.dead)
    } else if !reap(found, in: directory.descriptor) {
        failures.note(ExitStatus.failed)
    }
    if isJSON {
        list.writeJSON(to: context.output)
    } else if isQuiet {
        list.writeNames(to: context.output)
    } else if list.isEmpty {
        sayEmpty(directory.path)
    } else {
        list.writeTable(to: context.output, width: outputWidth())
    }
    context.output.flush()
    return failures.status
}

/// All in one write: there may be thousands.
private func printStale(_ ids: [SessionID]) {
    var lines: [UInt8] = []
    for id in ids {
        lines += Array(concat("keeperctl: ", id.string, " is stale: its keeper has died\n").utf8)
    }
    writeStandard(STDERR_FILENO, lines)
}

/// - Returns: whether everything stale is gone.
private func reap(_ found: Discovery, in directory: borrowing FileDescriptor) -> Bool {
    Reaper.removeUnitStarts(found.unitStarts, in: directory)
    RemovedFolders.clearUp(in: directory)
    var isClean = true
    let ids = found.dead + found.leftovers
    // Names without a sidecar are mostly those of a start under way: not worth waiting for.
    let outcomes =
        Reaper.reap(found.dead, in: directory) + Reaper.reap(found.leftovers, in: directory, patience: 0)
    for (index, outcome) in outcomes.enumerated() {
        switch outcome {
        // The holder of the id's lock clears it itself.
        case .nothing, .live, .foreign, .busy: break
        case .reaped(let reaped):
            var state = "foreign"
            if let known = reaped.state { state = "\(known.name)" }
            printError(concat("reaped ", reaped.id.string, " (", state, ")"))
            if !reaped.survivors.isEmpty {
                printError(survivorsText(reaped.id, reaped.survivors))
                isClean = false
            }
        case .failed(let error):
            printError(CommandFailure(concat("can't clear away ", ids[index].string), error).text)
            isClean = false
        }
    }
    return isClean
}

/// Where nothing was found.
func sayEmpty(_ path: String) { printError(concat("no sessions in ", path)) }
