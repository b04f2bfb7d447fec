import CSystem
import KeeperShared

let listCommand = Command("ls", aliases: ["ps"], run: runList) {
    CommandSpec(
        $0, summary: "List sessions",
        description: [
            "Lists live sessions, and with --all those that have ended and whose files are still there. "
                + "Changes nothing: 'discover' clears away what dead keepers have left."
        ],
        groups: [
            OptionGroup("Choosing", [ListOptions.all, ListOptions.filter, ListOptions.label]),
            OptionGroup(
                "Output",
                [
                    Shared.json, ListOptions.noTrunc, ListOptions.quiet, ListOptions.sort,
                    ListOptions.watch,
                ]),
        ],
        examples: [
            ExampleSpec("keeperctl ls", "Shows live sessions."),
            ExampleSpec(
                "keeperctl ls -a --sort age", "Shows ended sessions too, the youngest first."),
            ExampleSpec(
                "keeperctl ls -aq --filter state=failed", "Prints the IDs of those that failed."),
        ], exitStatuses: [Shared.done, ExitStatusSpec("1", "Something could not be looked at.")])
}

/// The options of `ls`.
enum ListOptions {
    static let all = Flag("all", short: "a", help: "List ended sessions too")
    static let filter: RepeatedOption<Argument> = RepeatedOption(
        "filter", .keyValue, "KEY=VALUE",
        help: "List those with this state=STATE, or label=NAME or label=NAME=VALUE")
    static let label: RepeatedOption<Argument> = RepeatedOption(
        "label", .keyValue, "NAME=VALUE", help: "List those with this label")
    static let noTrunc = Flag(
        "no-trunc", help: "Print whole commands, however wide the table", excludes: ["json"])
    static let quiet = Flag("quiet", short: "q", help: "Print only IDs", excludes: ["json"])
    static let sort: Setting<SessionList.Order> = Setting(
        "sort", .choice, "name|age|state|size",
        help: "Order: by name, youngest first, by state, or largest output first", default: "name")
    static let watch = Flag(
        "watch", help: "Show the table again whenever it changes", excludes: ["json", "quiet"])
}

/// Lists sessions; changes nothing.
func runList(_ context: Context) throws(CommandFailure) -> Int32 {
    let choice = try ListChoice(context.arguments)
    if context.arguments[ListOptions.watch] { return try watchList(choice, context) }
    let isJSON = context.arguments[Shared.json]
    let isQuiet = context.arguments[ListOptions.quiet]
    guard let directory = try context.openDirectory() else {
        if !isJSON && !isQuiet { printError(choice.emptyText(try context.directoryPath())) }
        return ExitStatus.done
    }
    let list = try choice.list(directory)
    let failures = FailureRecord()
    failures.add(list.failures)
    if isJSON {
        list.writeJSON(to: context.output)
    } else if isQuiet {
        list.writeNames(to: context.output)
    } else if list.isEmpty {
        printError(choice.emptyText(directory.path))
    } else {
        list.writeLongTable(to: context.output, width: choice.isCut ? outputWidth() : Int.max)
    }
    context.output.flush()
    return failures.status
}

/// What `ls --json` prints, for the gateway.
func heldList(_ context: Context) throws(CommandFailure) -> [UInt8] {
    guard let directory = try context.openDirectory() else { return [] }
    try ListChoice(context.arguments).list(directory).writeJSON(to: context.output)
    return context.output.take()
}

/// What to list, and in which order.
struct ListChoice {
    let isCut: Bool
    private var includesEnded: Bool
    private var states: [SessionState] = []
    private var labels: [WantedLabel] = []
    private let order: SessionList.Order
    /// Whether ids are all that is asked for.
    private let needsStatus: Bool

    init(_ arguments: ParsedArguments) throws(CommandFailure) {
        includesEnded = arguments[ListOptions.all]
        isCut = !arguments[ListOptions.noTrunc]
        for label in arguments[ListOptions.label] { labels.append(WantedLabel(label.bytes[...])) }
        order = arguments[ListOptions.sort]
        for filter in arguments[ListOptions.filter] {
            if filter.bytes.starts(with: "label=".utf8) {
                labels.append(WantedLabel(filter.bytes[6...]))
            } else if filter.bytes.starts(with: "state=".utf8),
                let state = SessionState(String(decoding: filter.bytes[6...], as: UTF8.self))
            {
                states.append(state)
            } else {
                throw CommandFailure(
                    ExitStatus.badUsage,
                    concat("--filter ", quoted(filter.bytes), " is neither a state=STATE nor a label=NAME"))
            }
        }
        // A final state is that of an ended session.
        if states.contains(where: { $0.isFinal }) { includesEnded = true }
        needsStatus = !arguments[ListOptions.quiet] || order != .name || !states.isEmpty || !labels.isEmpty
    }

    /// Which directory had nothing to list.
    func emptyText(_ path: String) -> String {
        let isFiltered = !states.isEmpty || !labels.isEmpty
        return concat(
            isFiltered ? "no such sessions in " : includesEnded ? "no sessions in " : "no live sessions in ",
            path)
    }

    /// Looks.
    func list(_ directory: borrowing SessionsDirectory) throws(CommandFailure) -> SessionList {
        let census = try attempt(
            directory.text,
            try Census(of: directory.descriptor, includesEnded ? [.sidecar, .folder] : .sidecar))
        let list = try SessionList(directory)
        let reader = StatusReader()
        for index in census.indices {
            do throws(SystemError) {
                try add(census, index, to: list, in: directory.descriptor, reader)
            } catch {
                list.failures.append((census.id(index), error))
            }
        }
        if !states.isEmpty || !labels.isEmpty { list.keep(states, labels) }
        list.sort(by: order)
        return list
    }

    private func add(
        _ census: borrowing Census, _ index: Int, to list: SessionList,
        in directory: borrowing FileDescriptor,
        _ reader: StatusReader
    ) throws(SystemError) {
        var ownership = Ownership.nobody
        if census.traces(index).contains(.sidecar) { ownership = try census.ownership(index, in: directory) }
        switch ownership {
        case .keeper(let pid):
            let status = needsStatus ? census.status(index, in: directory, with: reader) : nil
            list.add(census.id(index), keeper: pid, status)
        case .foreign(let pid): list.add(census.id(index), foreign: pid)
        case .unsettled: break
        case .dead:
            if !includesEnded { return }
            list.add(census.id(index), over: census.status(index, in: directory, with: reader))
        case .nobody:
            // A folder without a status is not a session's.
            if includesEnded, let status = census.status(index, in: directory, with: reader) {
                list.add(census.id(index), over: status)
            }
        }
    }
}
