import KeeperShared

/// Makes another terminal show what a screen shows.
struct ScreenPainter {
    private(set) var bytes: [UInt8] = []
    private let screen: TerminalScreen
    /// The other terminal's size.
    private let columns: Int
    private let rows: Int

    /// - Parameters:
    ///   - size: the other terminal's. Where it is narrower lines take more rows, and what is at the top goes out of it;
    ///     of a screen that a program has for itself the rest is cut off.
    ///   - modes: brings a terminal at rest into the modes that the program has set.
    init(_ screen: TerminalScreen, _ size: (columns: Int, rows: Int), modes: [UInt8]) {
        self.screen = screen
        (columns, rows) = size
        if let lines = screen.hidden {
            // To be there again when the program leaves its own screen; with nothing on it, what is there now is.
            if !lines.isBlank {
                pushOut()
                let place = screen.hiddenPlace ?? screen.place
                move(paint(lines, place, cutting: false))
                place.style.append(to: &bytes)
            }
        } else {
            pushOut()
        }
        bytes += modes
        // Modes that would disturb; switched on again after it.
        append("\u{1B}[m\u{1B}[?6l\u{1B}[?7h\u{1B}[H")
        let cursor = paint(screen.grid, screen.place, cutting: screen.hidden != nil)
        finish(cursor)
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func append(_ first: Int, _ second: Int, _ last: StaticString) {
        bytes += Array(concat("\u{1B}[", String(first), ";", String(second), last.description).utf8)
    }

    private mutating func move(_ cursor: (row: Int, column: Int)) {
        append(cursor.row + 1, cursor.column + 1, "H")
    }

    /// What stood on the terminal goes to where it can be scrolled back to.
    private mutating func pushOut() {
        append(rows, 1, "H")
        bytes += [UInt8](repeating: 10, count: rows)
        append("\u{1B}[H")
    }

    /// Paints from the top left on.
    ///
    /// - Returns: where the cursor belongs.
    private mutating func paint(
        _ grid: ScreenGrid, _ place: TerminalScreen.Place, cutting: Bool
    ) -> (row: Int, column: Int) {
        let width = cutting ? min(grid.columns, columns) : grid.columns
        let height = cutting ? min(grid.rows, rows) : max(grid.usedRows, place.row + 1)
        // Rows of the terminal above the present line of text, and columns of that so far.
        var line = 0
        var length = 0
        var cursor = (row: min(place.row, rows - 1), column: min(place.column, width - 1))
        for row in 0..<height {
            let goesOn = !cutting && grid.isWrapped(row) && row + 1 < height
            if row == place.row {
                length += cursor.column
                cursor = (line + length / columns, length % columns)
                length -= min(place.column, width - 1)
            }
            let used = goesOn ? width : min(width, grid.usedColumns(row, styled: true))
            paint(grid, row, used)
            length += used
            if goesOn { continue }
            line += max(1, (length + columns - 1) / columns)
            length = 0
            if row + 1 < height { append("\r\n") }
        }
        return (min(max(0, cursor.row - max(0, line - rows)), rows - 1), cursor.column)
    }

    private mutating func paint(_ grid: ScreenGrid, _ row: Int, _ end: Int) {
        var style = ScreenStyle()
        for column in 0..<end {
            let cell = grid[row, column]
            if cell.style != style {
                style = cell.style
                style.append(to: &bytes)
            }
            screen.append(cell, to: &bytes)
        }
        if style.bits != 0 { append("\u{1B}[m") }
    }

    /// All that decides what the next character does.
    private mutating func finish(_ cursor: (row: Int, column: Int)) {
        let place = screen.place
        var cursor = cursor
        if screen.top > 0 || screen.bottom < screen.rows - 1 {
            append(screen.top + 1, screen.bottom + 1, "r")
        }
        move((screen.saved.row, min(screen.saved.column, screen.columns - 1)))
        screen.saved.style.append(to: &bytes)
        append("\u{1B}7")
        if place.isOrigin {
            append("\u{1B}[?6h")
            cursor.row = max(0, cursor.row - screen.top)
        }
        move(cursor)
        if place.column == screen.columns, columns == screen.columns {
            // Only a character brings the cursor past the last column.
            let row = screen.place.row
            var column = place.column - 1
            if column > 0, screen.grid[row, column].text == ScreenCell.rest {
                column -= 1
                move((cursor.row, column))
            }
            screen.grid[row, column].style.append(to: &bytes)
            screen.append(screen.grid[row, column], to: &bytes)
        }
        place.style.append(to: &bytes)
        if place.sets.0 { append("\u{1B}(0") }
        if place.sets.1 { append("\u{1B})0") }
        if place.isShifted { append("\u{0E}") }
        if screen.inserts { append("\u{1B}[4h") }
        if !screen.wraps { append("\u{1B}[?7l") }
        bytes += screen.partial
    }
}
