import KeeperShared

/// One screenful for a terminal in full-screen mode, line by line.
struct Screen {
    enum Style {
        case plain, bold, reverse
    }

    private var bytes: [UInt8]
    private let rows: Int
    private var used = 0

    init(rows: Int) {
        self.rows = rows
        bytes = Array("\u{1B}[H".utf8)
    }

    /// A line; those that don't fit are left out.
    @inline(never)
    mutating func line(_ text: String, _ style: Style = .plain) {
        if used >= rows { return }
        if used > 0 { bytes += Array("\r\n".utf8) }
        used += 1
        switch style {
        case .plain: break
        case .bold: bytes += Array("\u{1B}[1m".utf8)
        case .reverse: bytes += Array("\u{1B}[7m".utf8)
        }
        bytes += Array(text.utf8)
        if style != .plain { bytes += Array("\u{1B}[0m".utf8) }
        bytes += Array("\u{1B}[K".utf8)
    }

    /// A line at the bottom.
    mutating func lastLine(_ text: String) {
        while used < rows - 1 { line("") }
        line(text)
    }

    /// All that is to be written.
    consuming func finish() -> [UInt8] { bytes + Array("\u{1B}[J".utf8) }
}

/// The sessions in the order and the part of the list that are shown.
struct TopTable {
    private enum Column {
        case name, processor, memory, input, output, age

        init?(letter: UInt8) {
            switch letter {
            case UInt8(ascii: "n"): self = .name
            case UInt8(ascii: "c"): self = .processor
            case UInt8(ascii: "m"): self = .memory
            case UInt8(ascii: "i"): self = .input
            case UInt8(ascii: "o"): self = .output
            case UInt8(ascii: "a"): self = .age
            default: return nil
            }
        }
    }

    private var sessions: [SessionSample] = []
    private var rows: [SessionSample] = []
    private var column = Column.processor
    private var isReversed = false
    private var selection = 0
    private var offset = 0

    var selected: SessionSample? { selection < rows.count ? rows[selection] : nil }

    @inline(never)
    mutating func update(_ sessions: [SessionSample]) {
        self.sessions = sessions
        arrange()
    }

    /// Sorts by another column, or by the same one the other way round.
    mutating func sort(by letter: UInt8) {
        guard let new = Column(letter: letter) else { return }
        isReversed = new == column && !isReversed
        column = new
        arrange()
    }

    mutating func moveSelection(_ step: Int) {
        selection = max(0, min(rows.count - 1, selection + step))
    }

    /// Sorts, and keeps the same session selected.
    @inline(never)
    private mutating func arrange() {
        let id = selected?.id
        // They come in the order of their names, which equal ones keep.
        var keys = sessions.indices.map { index in
            let value = column == .name ? -index : value(sessions[index])
            return SortKey(Int64(isReversed ? value : -value), index)
        }
        SortKey.sort(&keys)
        rows = keys.map { sessions[$0.index] }
        if let id, let place = rows.firstIndex(where: { $0.id == id }) { selection = place }
        moveSelection(0)
    }

    /// What a column is sorted by, the largest first.
    @inline(never)
    private func value(_ session: SessionSample) -> Int {
        switch column {
        case .name: 0
        case .processor: session.cpuPermille ?? -1
        case .memory: session.usage?.resident ?? -1
        case .input: session.inputRate ?? -1
        case .output: session.outputRate ?? -1
        case .age: -Int(session.startedAt?.nanoseconds ?? 0)
        }
    }

    mutating func draw(on screen: inout Screen, _ size: (columns: Int, rows: Int)) {
        var cpu = 0
        var memory = 0
        var longest = 7
        for session in rows {
            cpu += session.cpuPermille ?? 0
            memory += session.usage?.resident ?? 0
            longest = max(longest, session.id.string.utf8.count)
        }
        screen.line(
            concat(
                String(rows.count), rows.count == 1 ? " session, " : " sessions, ", percentText(cpu),
                " % CPU, ",
                sizeText(memory), " memory"))
        let width = max(8, min(longest, size.columns - 49))
        let header = [
            title("SESSION", .name), "STATE", title("CPU%", .processor), title("MEM", .memory),
            title("IN/S", .input), title("OUT/S", .output), title("AGE", .age),
        ]
        screen.line(line(header, width), .bold)
        let visible = max(1, size.rows - 3)
        offset = max(0, min(offset, rows.count - visible))
        if selection < offset { offset = selection }
        if selection >= offset + visible { offset = selection - visible + 1 }
        let now = Timestamp.now().nanoseconds
        for index in offset..<min(rows.count, offset + visible) {
            let session = rows[index]
            let cells = [
                session.id.string, "\(session.state.name)", percentText(session.cpuPermille),
                sizeText(session.usage?.resident), sizeText(session.inputRate), sizeText(session.outputRate),
                session.startedAt.map { formatAge(now - $0.nanoseconds) } ?? "-",
            ]
            screen.line(line(cells, width), index == selection ? .reverse : .plain)
        }
    }

    /// The title of a column, marked when it is sorted by.
    @inline(never)
    private func title(_ text: String, _ column: Column) -> String {
        column == self.column ? concat(text, isReversed ? "^" : "*") : text
    }

    /// Names and states to the left, figures to the right.
    private func line(_ cells: [String], _ width: Int) -> String {
        var text: [UInt8] = []
        for (index, cell) in cells.enumerated() {
            let bytes = Array(cell.utf8)
            let room = index == 0 ? width : index == 1 ? 8 : 7
            let blanks = [UInt8](repeating: 32, count: max(0, room - bytes.count))
            if index > 0 { text.append(32) }
            if index < 2 {
                text +=
                    bytes.count > room ? Array(bytes[..<(room - 1)]) + [UInt8(ascii: "~")] : bytes + blanks
            } else {
                text += blanks + bytes
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
