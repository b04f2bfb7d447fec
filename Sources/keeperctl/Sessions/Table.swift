import CSystem
import KeeperShared

/// Aligned columns, for people. The cells lie one after the other in one block.
struct Table {
    private var text: [UInt8] = []
    /// Where each cell ends.
    private var ends: [Int] = []
    private let columns: Int

    init(_ header: [StaticString]) {
        columns = header.count
        for title in header { add(title) }
    }

    mutating func add(_ cell: StaticString) { add { $0.append(literal: cell) } }

    mutating func add(_ cell: String) { add { $0.append(contentsOf: cell.utf8) } }

    /// A number; `-` without one.
    mutating func add(_ number: Int?) {
        guard let number else { return add("-" as StaticString) }
        add { $0.appendDecimal(UInt64(max(0, number))) }
    }

    /// The next cell, as bytes that `write` appends.
    mutating func add(_ write: (inout [UInt8]) -> Void) {
        write(&text)
        ends.append(text.count)
    }

    /// Writes the rows.
    ///
    /// - Parameter width: the columns of the terminal, which the last cell is cut to.
    /// - Parameter rows: at most this many lines; the last then says what is missing.
    func write(to output: StandardOutput, width: Int = Int.max, rows: Int = Int.max) {
        let widths = self.widths()
        let isColoured = isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR") == nil
        let count = ends.count / columns
        let shown = count <= rows ? count : max(1, rows - 1)
        var line: [UInt8] = []
        for row in 0..<shown {
            line.removeAll(keepingCapacity: true)
            if row == 0 && isColoured { line.append(literal: "\u{1B}[1m") }
            var used = 0
            for column in 0..<columns {
                let cell = self.cell(row * columns + column)
                if column == columns - 1 {
                    append(cell, limit: max(8, width - used), to: &line)
                } else {
                    line.append(contentsOf: cell)
                    let padding = widths[column] - Table.width(of: cell) + 2
                    for _ in 0..<padding { line.append(UInt8(ascii: " ")) }
                    used += widths[column] + 2
                }
            }
            if row == 0 && isColoured { line.append(literal: "\u{1B}[0m") }
            line.append(UInt8(ascii: "\n"))
            output.write(line)
        }
        if shown < count { output.write(concat("… and ", String(count - shown), " more\n")) }
    }

    private func cell(_ index: Int) -> ArraySlice<UInt8> {
        text[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    private func widths() -> [Int] {
        var widths = [Int](repeating: 0, count: columns)
        for index in ends.indices where index % columns != columns - 1 {
            widths[index % columns] = max(widths[index % columns], Table.width(of: cell(index)))
        }
        return widths
    }

    /// In characters, as far as each takes one column.
    private static func width(of cell: ArraySlice<UInt8>) -> Int {
        var width = 0
        for byte in cell where byte & 0xC0 != 0x80 { width += 1 }
        return width
    }

    private func append(_ cell: ArraySlice<UInt8>, limit: Int, to line: inout [UInt8]) {
        if cell.count <= limit || Table.width(of: cell) <= limit {
            line.append(contentsOf: cell)
            return
        }
        var left = limit
        for byte in cell {
            if byte & 0xC0 != 0x80 {
                left -= 1
                if left == 0 { break }
            }
            line.append(byte)
        }
        line.append(contentsOf: "…".utf8)
    }
}

/// How many columns a table may have: `$COLUMNS`, else the terminal's, else 80.
func outputWidth() -> Int {
    if let text = environment("COLUMNS"), let columns = decimal(Array(text.utf8)), columns > 0 {
        return columns
    }
    return terminalSize()?.columns ?? 80
}

/// The size of the terminal that a descriptor is; nil if it is none, or one of unknown size.
func terminalSize(_ number: Int32 = STDOUT_FILENO) -> (columns: Int, rows: Int)? {
    var record = winsize()
    guard csys_window_size(number, &record) == 0, record.ws_col > 0, record.ws_row > 0 else {
        return nil
    }
    return (Int(record.ws_col), Int(record.ws_row))
}

/// A command as one would type it, cut to about this many bytes.
func shellText(_ command: [[UInt8]], limit: Int) -> String {
    var text: [UInt8] = []
    for argument in command where !appendShellWord(argument, limit: limit, from: 0, to: &text) { break }
    return String(decoding: text, as: UTF8.self)
}

/// Appends the same for a command as JSON.
func appendShellText(_ command: UnsafeBufferPointer<UInt8>, limit: Int, to text: inout [UInt8]) {
    let start = text.count
    var argument: [UInt8] = []
    var hasRoom = true
    var words = JSONMembers(command)
    while hasRoom && words.next() {
        argument.removeAll(keepingCapacity: true)
        appendJSONString(words.value, to: &argument)
        hasRoom = appendShellWord(argument, limit: limit, from: start, to: &text)
    }
}

/// - Returns: whether there is room for more words.
private func appendShellWord(
    _ argument: [UInt8], limit: Int, from start: Int, to text: inout [UInt8]
) -> Bool {
    if text.count > start { text.append(UInt8(ascii: " ")) }
    let used = text.count - start
    if used >= limit {
        text.append(contentsOf: "…".utf8)
        return false
    }
    if !argument.isEmpty && argument.count <= limit && argument.allSatisfy(isPlain) {
        text.append(contentsOf: argument)
    } else {
        appendQuoted(argument, limit: limit - used, to: &text)
    }
    return true
}

/// Whether a byte means nothing to a shell.
func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+")...UInt8(ascii: ":"), UInt8(ascii: "="),
        UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "%"):
        true
    default: false
    }
}
