import CSystem

/// One place on a screen.
struct ScreenCell {
    /// The character: 0 where nothing was written, ``rest``, or the number of a ``TerminalScreen/cluster(_:)``.
    var text: UInt32 = 0
    var style = ScreenStyle()

    /// The right half of a wide character.
    static let rest: UInt32 = 1
}

/// What stands where on a screen.
final class ScreenGrid {
    let columns: Int
    let rows: Int
    private let cells: UnsafeMutablePointer<ScreenCell>
    /// Which of the rows in memory each one is: scrolling moves only these.
    private var order: [Int] = []
    /// Whether the text goes on in the next row.
    private var wraps: [Bool]

    /// The memory is the kernel's zeros until it is written to, so a large screen with little on it is small.
    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        // Zeros are blank cells.
        let space = mmap(
            nil, columns * rows * MemoryLayout<ScreenCell>.stride, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let space, space != UnsafeMutableRawPointer(bitPattern: -1) else {
            fatalError("no memory for a screen")
        }
        cells = space.bindMemory(to: ScreenCell.self, capacity: columns * rows)
        wraps = [Bool](repeating: false, count: rows)
        for row in 0..<rows { order.append(row) }
    }

    deinit { munmap(cells, columns * rows * MemoryLayout<ScreenCell>.stride) }

    private func start(_ row: Int) -> UnsafeMutablePointer<ScreenCell> { cells + order[row] * columns }

    subscript(_ row: Int, _ column: Int) -> ScreenCell {
        get { start(row)[column] }
        set { start(row)[column] = newValue }
    }

    func isWrapped(_ row: Int) -> Bool { wraps[order[row]] }
    func setWrapped(_ row: Int, _ isWrapped: Bool) { wraps[order[row]] = isWrapped }

    /// Whether nothing is written on it.
    var isBlank: Bool { usedRows == 0 }

    /// How many rows there are down to the last one that isn't blank.
    var usedRows: Int {
        var row = rows
        while row > 0, usedColumns(row - 1) == 0 { row -= 1 }
        return row
    }

    /// How many columns there are up to the last that isn't blank.
    func usedColumns(_ row: Int, styled: Bool = false) -> Int {
        let line = start(row)
        var column = columns
        while column > 0 {
            let cell = line[column - 1]
            if cell.text != 0, cell.text != 0x20 { break }
            if styled, cell.style.bits != 0 { break }
            column -= 1
        }
        return column
    }

    // MARK: Changing it

    /// A change begins at this column: half a wide character is none.
    private func split(_ row: Int, _ column: Int) {
        guard column > 0, column < columns else { return }
        let line = start(row)
        guard line[column].text == ScreenCell.rest else { return }
        line[column].text = 0
        line[column - 1].text = 0
    }

    /// Writes a character, whose width is in columns.
    func put(_ text: UInt32, _ style: ScreenStyle, width: Int, row: Int, column: Int) {
        split(row, column)
        split(row, column + width)
        let line = start(row) + column
        line[0] = ScreenCell(text: text, style: style)
        if width == 2 { line[1] = ScreenCell(text: ScreenCell.rest, style: style) }
    }

    /// Makes columns blank.
    func erase(row: Int, _ from: Int, _ to: Int, _ style: ScreenStyle) {
        split(row, from)
        split(row, to)
        let line = start(row)
        var column = from
        while column < to {
            line[column] = ScreenCell(text: 0, style: style)
            column += 1
        }
        if to == columns { setWrapped(row, false) }
    }

    /// Makes rows blank.
    func erase(rows from: Int, _ to: Int, _ style: ScreenStyle) {
        var row = from
        while row < to {
            erase(row: row, 0, columns, style)
            row += 1
        }
    }

    /// Moves the rest of a row to the right, and so out of it.
    func insert(_ count: Int, row: Int, column: Int, _ style: ScreenStyle) {
        let count = min(count, columns - column)
        split(row, column)
        split(row, columns - count)
        let line = start(row) + column
        memmove(line + count, line, (columns - column - count) * MemoryLayout<ScreenCell>.stride)
        erase(row: row, column, column + count, style)
    }

    /// Moves the rest of a row to the left, over as many columns.
    func delete(_ count: Int, row: Int, column: Int, _ style: ScreenStyle) {
        let count = min(count, columns - column)
        split(row, column)
        split(row, column + count)
        let line = start(row) + column
        memmove(line, line + count, (columns - column - count) * MemoryLayout<ScreenCell>.stride)
        erase(row: row, columns - count, columns, style)
    }

    /// Moves the rows from `top` to `bottom` up, or down where the count is less than 0; what comes in is blank.
    func scroll(_ top: Int, _ bottom: Int, by count: Int, _ style: ScreenStyle) {
        let height = bottom - top + 1
        let size = min(abs(count), height)
        if size == height { return erase(rows: top, bottom + 1, style) }
        // Those that go out come in blank on the other side.
        let moved = count > 0 ? size : height - size
        if count > 0 {
            erase(rows: top, top + size, style)
        } else {
            erase(rows: bottom + 1 - size, bottom + 1, style)
        }
        if moved == 1 {
            let first = order[top]
            var row = top
            while row < bottom {
                order[row] = order[row + 1]
                row += 1
            }
            order[bottom] = first
            return
        }
        let before = Array(order[top...bottom])
        var row = 0
        while row < height {
            order[top + row] = before[(row + moved) % height]
            row += 1
        }
    }
}
