import CSystem
import KeeperShared

/// Sessions to be listed, as tables or as JSON.
final class SessionList {
    /// What a list shows of one session. Text is in the list's own block.
    struct Row {
        let id: SessionID
        var state = SessionState.running
        var keeper: pid_t?
        var child: pid_t?
        var restarts = 0
        var startedAt: Timestamp?
        var isForeign = false
        var end: ProcessEnd?
        var outputSize = 0
        fileprivate var command = 0..<0
        fileprivate var labels = 0..<0
    }

    /// How ``sort(by:)`` orders; each falls back to the id.
    enum Order: String, CaseIterable {
        case name
        /// The youngest first.
        case age
        case state
        /// The largest first.
        case size
    }

    private var rows: [Row] = []
    /// What could not be looked at.
    var failures: [(id: SessionID, error: SystemError)] = []
    /// Commands and labels as JSON.
    private var text: [UInt8] = []
    private let directory: FileDescriptor
    private let path: String

    init(_ directory: borrowing SessionsDirectory) throws(CommandFailure) {
        self.directory = try attempt(directory.text, try directory.descriptor.duplicate())
        path = processLink("self/fd/\(directory.descriptor.raw)") ?? ""
    }

    var isEmpty: Bool { rows.isEmpty }

    func addName(_ id: SessionID) { rows.append(Row(id: id)) }

    // MARK: Rows

    /// A session of ours whose keeper lives. A status of another keeper is an earlier session's.
    func add(_ id: SessionID, keeper: pid_t, _ status: StatusSummary?) {
        var row = Row(id: id, state: .starting, keeper: keeper)
        if let status, status.isNamed(by: keeper) {
            take(status, into: &row)
            if status.end == nil { row.child = status.child }
        }
        rows.append(row)
    }

    /// A session that is over: what it has not recorded itself is lost.
    func add(_ id: SessionID, over status: StatusSummary?) {
        var row = Row(id: id, state: .lost)
        if let status {
            take(status, into: &row)
            if !row.state.isFinal { row.state = .lost }
        }
        rows.append(row)
    }

    private func take(_ status: StatusSummary, into row: inout Row) {
        row.state = status.state
        row.restarts = status.restarts
        row.startedAt = status.startedAt
        row.end = status.end
        row.outputSize = status.outputSize
        row.command = keep(status.command)
        row.labels = keep(status.labels)
        // The file's positions are those of the last transition.
        if !status.state.isFinal || status.state == .lost {
            row.outputSize = max(row.outputSize, currentSize(row.id))
        }
    }

    private func keep(_ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        let start = text.count
        text.append(contentsOf: bytes)
        return start..<text.count
    }

    private func currentSize(_ id: SessionID) -> Int {
        // A session that removes its files just then has none.
        guard let folder = try? directory.openDirectory(SessionNames(id).folder),
            let stdout = try? JournalReader(.stdout).journalEnd(in: folder),
            let stderr = try? JournalReader(.stderr).journalEnd(in: folder)
        else { return 0 }
        return stdout + stderr
    }

    /// A foreign keeper's session: all that is known of it is in two small files.
    func add(_ id: SessionID, foreign keeper: pid_t?) {
        var row = Row(id: id, keeper: keeper, isForeign: true)
        let names = SessionNames(id)
        // What it has removed meanwhile, or never had, is left out.
        if let bytes = try? directory.contents(of: names.childSidecar, limit: 16) {
            row.child = parsePID(bytes)
        }
        if let metadata = try? directory.metadata(of: names.sidecar) {
            row.startedAt = Timestamp(nanoseconds: .seconds(Int64(metadata.modified)))
        }
        rows.append(row)
    }

    /// Orders the rows, which are in the order of their ids.
    func sort(by order: Order) {
        if order == .name { return }
        var keys: [SortKey] = []
        for (index, row) in rows.enumerated() {
            let key: Int64
            switch order {
            case .name: key = 0
            case .age: key = -(row.startedAt?.nanoseconds ?? 0)
            case .state: key = row.state.rank
            case .size: key = -Int64(row.outputSize)
            }
            keys.append(SortKey(key, index))
        }
        SortKey.sort(&keys)
        rows = keys.map { rows[$0.index] }
    }

    /// Keeps the rows that have one of the states, if any are given, and all of the labels.
    func keep(_ states: [SessionState], _ labels: [WantedLabel]) {
        rows.removeAll { row in
            if !states.isEmpty && !states.contains(where: { $0 == row.state }) { return true }
            return labels.contains { !hasLabel($0, row) }
        }
    }

    private func hasLabel(_ wanted: WantedLabel, _ row: Row) -> Bool {
        text.withUnsafeBufferPointer { text in
            var members = JSONMembers(UnsafeBufferPointer(rebasing: text[row.labels]))
            var found: [UInt8] = []
            while members.next() {
                found.removeAll()
                appendJSONString(members.name, to: &found)
                if !found.elementsEqual(wanted.name) { continue }
                guard let value = wanted.value else { return true }
                found.removeAll()
                appendJSONString(members.value, to: &found)
                return found.elementsEqual(value)
            }
            return false
        }
    }

    // MARK: Output

    func writeNames(to output: StandardOutput) {
        for row in rows { output.write(concat(row.id.string, "\n")) }
    }

    func writeJSON(to output: StandardOutput) {
        for row in rows {
            output.write(
                jsonObject(isLine: true) { json in
                    json.member("sessionId", row.id.string)
                    json.member("state", text: row.state.name)
                    json.member("keeperPid", row.keeper.map { Int($0) })
                    json.member("childPid", row.child.map { Int($0) })
                    json.member("sockPath", concat(path, "/", SessionNames(row.id).socket))
                    json.key("startedAt")
                    if let time = row.startedAt { json.string(time.rfc3339) } else { json.null() }
                    if row.isForeign { json.member("foreign", true) }
                    if let end = row.end, end != .unknown { end.write(codeKey: "exitCode", to: &json) }
                    json.key("labels")
                    json.raw(labelsJSON(row))
                })
        }
    }

    /// The labels as they are written, unless they are on several lines.
    private func labelsJSON(_ row: Row) -> [UInt8] {
        let labels = Array(text[row.labels])
        return labels.first != UInt8(ascii: "{") || labels.contains { $0 < 0x20 } ? Array("{}".utf8) : labels
    }

    /// The table of `discover`: who is there.
    func writeTable(to output: StandardOutput, width: Int) {
        var table = Table(["SESSION", "STATE", "KEEPER", "CHILD", "AGE", "COMMAND"])
        let now = Timestamp.now().nanoseconds
        for row in rows {
            table.add(row.id.string)
            table.add(row.state.name)
            table.add(row.keeper.map { Int($0) })
            table.add(row.child.map { Int($0) })
            addAge(row, now, to: &table)
            addCommand(row, width, to: &table)
        }
        table.write(to: output, width: width)
    }

    /// The table of `ls`: how they are.
    func writeLongTable(to output: StandardOutput, width: Int, rows limit: Int = Int.max) {
        var table = Table(["SESSION", "STATE", "AGE", "CHILD", "RESTARTS", "OUTPUT", "COMMAND"])
        let now = Timestamp.now().nanoseconds
        for row in rows {
            table.add(row.id.string)
            table.add { text in
                text.append(literal: row.state.name)
                guard row.keeper == nil, let end = row.end, end != .unknown else { return }
                text.append(UInt8(ascii: " "))
                switch end {
                case .exited(let code): text.appendDecimal(UInt64(max(0, code)))
                case .signalled(let signal): text.append(contentsOf: signalName(signal).utf8)
                case .unknown: break
                }
            }
            addAge(row, now, to: &table)
            table.add(row.child.map { Int($0) })
            table.add(row.isForeign ? nil : row.restarts)
            table.add { text in
                if row.isForeign {
                    text.append(UInt8(ascii: "-"))
                } else {
                    text.appendRoundedSize(row.outputSize)
                }
            }
            addCommand(row, width, to: &table)
        }
        table.write(to: output, width: width, rows: limit)
    }

    private func addAge(_ row: Row, _ now: Int64, to table: inout Table) {
        guard let time = row.startedAt else { return table.add("-" as StaticString) }
        table.add { $0.appendAge(now - time.nanoseconds) }
    }

    private func addCommand(_ row: Row, _ width: Int, to table: inout Table) {
        if row.isForeign { return table.add("(a foreign keeper)" as StaticString) }
        // A character has up to four bytes; the table cuts to its width.
        let limit = width < 1 << 20 ? width * 4 : Int.max / 2
        let command = row.command
        table.add { line in
            text.withUnsafeBufferPointer {
                appendShellText(UnsafeBufferPointer(rebasing: $0[command]), limit: limit, to: &line)
            }
        }
    }
}

extension SessionState {
    /// In the order of a life.
    fileprivate var rank: Int64 { Int64(SessionState.allCases.firstIndex { $0 == self } ?? 0) }
}
