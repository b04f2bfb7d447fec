import CSystem
import KeeperShared

/// Lists sessions; changes nothing.
func runList(_ context: Context) throws(CommandFailure) -> Int32 {
    let choice = try ListChoice(context.arguments)
    if context.arguments.flag("watch") { return try watchList(choice, context) }
    let isJSON = context.arguments.flag("json")
    let isQuiet = context.arguments.flag("quiet")
    guard let directory = try context.openDirectory() else {
        if !isJSON && !isQuiet { printError(choice.emptyText(try context.directoryPath())) }
        return ExitStatus.done
    }
    var status = ExitStatus.done
    let list = try choice.list(directory)
    for failure in list.failures {
        printError(CommandFailure(concat("session ", failure.id.string), failure.error).text)
        status = ExitStatus.failed
    }
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
    return status
}

/// What to list, and in which order.
struct ListChoice {
    let isCut: Bool
    private var includesEnded: Bool
    private var states: [SessionState] = []
    private var labels: [WantedLabel] = []
    private var order: SessionList.Order?
    /// Whether ids are all that is asked for.
    private let needsStatus: Bool

    init(_ arguments: ParsedArguments) throws(CommandFailure) {
        includesEnded = arguments.flag("all")
        isCut = !arguments.flag("no-trunc")
        for label in arguments.values("label") { labels.append(WantedLabel(label.bytes[...])) }
        if let sort = arguments.value("sort") {
            if sort.equals("age") { order = .age }
            if sort.equals("state") { order = .state }
            if sort.equals("size") { order = .size }
        }
        for filter in arguments.values("filter") {
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
        // Who asks for what has ended wants to see it.
        if states.contains(where: { $0.isFinal }) { includesEnded = true }
        needsStatus = !arguments.flag("quiet") || order != nil || !states.isEmpty || !labels.isEmpty
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
        let census: Census
        do throws(SystemError) {
            census = try Census(of: directory.descriptor, includesEnded ? [.sidecar, .folder] : .sidecar)
        } catch {
            throw CommandFailure(concat("sessions directory ", directory.path), error)
        }
        let list = SessionList(directory.descriptor)
        let reader = StatusReader()
        for index in census.indices {
            do throws(SystemError) {
                try add(census, index, to: list, in: directory.descriptor, reader)
            } catch {
                list.failures.append((census.id(index), error))
            }
        }
        if !states.isEmpty || !labels.isEmpty { list.keep(states, labels) }
        if let order { list.sort(by: order) }
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
