import KeeperShared

extension TerminalScreen {
    /// The last rows as text, without blanks at their ends and without blank rows at the end.
    func text(rows limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        let end = grid.usedRows
        for row in max(0, end - limit)..<end {
            for column in 0..<grid.usedColumns(row) { append(grid[row, column], to: &bytes) }
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    /// Appends what a cell shows.
    func append(_ cell: ScreenCell, to bytes: inout [UInt8]) {
        if cell.text == ScreenCell.rest { return }
        if let cluster = cluster(cell.text) {
            bytes += cluster
        } else {
            bytes.appendUTF8(max(cell.text, 0x20))
        }
    }
}
