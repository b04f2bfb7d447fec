import KeeperShared

/// What a terminal shows that has been written to.
///
/// It does what xterm, tmux and their relatives have in common, as far as it can be seen; where they differ, what tmux
/// does. ``TerminalFilter`` finds the sequences.
final class TerminalScreen {
    /// What the program moves and may want back.
    struct Place {
        var row = 0
        /// The number of columns after a character in the last one: the next goes into the next row.
        var column = 0
        var style = ScreenStyle()
        /// Whether each of the two sets is that of lines and corners.
        var sets = (false, false)
        /// Which of them is used.
        var isShifted = false
        /// Rows are counted from the top of the region, and the cursor stays inside (DECOM).
        var isOrigin = false
    }

    let columns: Int
    let rows: Int
    private(set) var grid: ScreenGrid
    /// The lines that are there again when the program leaves its own screen.
    private(set) var hidden: ScreenGrid?
    var place = Place()
    /// As DECSC left it.
    var saved = Place()
    private(set) var hiddenPlace: Place?
    /// The first and the last row that scroll.
    private(set) var top = 0
    private(set) var bottom: Int
    var wraps = true
    var inserts = false
    private var tabs: [Bool]
    /// The last character, while nothing else came; for REP.
    private var last: UInt32 = 0
    /// Characters with others that go on top of them.
    private var clusters: [[UInt8]] = []
    /// What has come of a character of several bytes.
    private(set) var partial: [UInt8] = []
    /// Whether the output before is not known.
    private var isCut: Bool

    private static let clusterMark: UInt32 = 1 << 31
    /// More bytes than any sensible character has, and as many as tmux keeps.
    private static let clusterSize = 21
    /// 64 MiB; larger ones are for no eye.
    private static let largest = 4 << 20

    /// - Parameter isCut: whether what comes first is not the first output.
    init(_ size: (columns: Int, rows: Int), isCut: Bool) {
        columns = size.columns
        rows = min(size.rows, max(1, TerminalScreen.largest / size.columns))
        bottom = rows - 1
        grid = ScreenGrid(columns: columns, rows: rows)
        tabs = []
        self.isCut = isCut
        for column in 0..<columns { tabs.append(column > 0 && column % 8 == 0) }
    }

    /// The text of a cell that is a cluster.
    func cluster(_ text: UInt32) -> [UInt8]? {
        text & TerminalScreen.clusterMark == 0 ? nil : clusters[Int(text & ~TerminalScreen.clusterMark)]
    }

    // MARK: Text

    /// Takes text and control characters.
    func write(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            if byte >= 0x80 {
                takePart(byte)
                continue
            }
            if !partial.isEmpty { partial.removeAll(keepingCapacity: true) }
            if byte >= 0x20 {
                if byte < 0x7F { put(UInt32(byte)) }
            } else {
                obey(byte)
            }
        }
    }

    /// A byte of a character that has several. What is none shows nothing.
    private func takePart(_ byte: UInt8) {
        if byte >= 0xC0 {
            partial.removeAll(keepingCapacity: true)
        } else if partial.isEmpty {
            return
        }
        partial.append(byte)
        let first = partial[0]
        let size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        if partial.count < size { return }
        var scalar = UInt32(first) & (size == 2 ? 0x1F : size == 3 ? 0xF : 7)
        for part in partial.dropFirst() { scalar = scalar << 6 | UInt32(part & 0x3F) }
        partial.removeAll(keepingCapacity: true)
        // Below that are control characters.
        if scalar >= 0xA0, scalar < 0x11_0000, scalar >> 11 != 0x1B { put(scalar) }
    }

    private func put(_ given: UInt32) {
        var scalar = given
        if scalar >= 0x5F, scalar < 0x7F, place.isShifted ? place.sets.1 : place.sets.0 {
            scalar = UInt32(TerminalScreen.drawn[Int(scalar - 0x5F)])
        }
        let width = characterWidth(scalar)
        if width == 0 { return combine(scalar) }
        if wraps, place.column > columns - width {
            grid.setWrapped(place.row, true)
            feedLine()
            place.column = 0
        }
        if place.column > columns - width { return }
        if inserts { grid.insert(width, row: place.row, column: place.column, place.style.background) }
        grid.put(scalar, place.style, width: width, row: place.row, column: place.column)
        place.column = min(place.column + width, wraps ? columns : columns - 1)
        last = given
    }

    /// Puts a mark onto the character before.
    private func combine(_ scalar: UInt32) {
        if place.column == 0 { return }
        var column = place.column - 1
        if grid[place.row, column].text == ScreenCell.rest { column -= 1 }
        let text = grid[place.row, column].text
        var bytes: [UInt8] = cluster(text) ?? []
        if bytes.isEmpty { bytes.appendUTF8(max(text, 0x20)) }
        bytes.appendUTF8(scalar)
        if bytes.count > TerminalScreen.clusterSize { return }
        grid[place.row, column].text = TerminalScreen.clusterMark | UInt32(clusters.count)
        clusters.append(bytes)
    }

    /// DEC's characters for drawing, from `_` to `~`.
    private static let drawn: [UInt16] = [
        0x20, 0x25C6, 0x2592, 0x2409, 0x240C, 0x240D, 0x240A, 0xB0, 0xB1, 0x2424, 0x240B, 0x2518, 0x2510,
        0x250C,
        0x2514, 0x253C, 0x23BA, 0x23BB, 0x2500, 0x23BC, 0x23BD, 0x251C, 0x2524, 0x2534, 0x252C, 0x2502,
        0x2264,
        0x2265, 0x3C0, 0x2260, 0xA3, 0xB7,
    ]

    // MARK: Control characters

    private func obey(_ byte: UInt8) {
        last = 0
        switch byte {
        case 8: goBack()
        case 9: tab()
        case 10, 11, 12: feedLine()
        case 13: place.column = 0
        case 14: place.isShifted = true
        case 15: place.isShifted = false
        default: break
        }
    }

    private func goBack() {
        if place.column > 0 {
            place.column -= 1
        } else if place.row > 0, grid.isWrapped(place.row - 1) {
            place.row -= 1
            place.column = columns - 1
        }
    }

    func tab() {
        if place.column >= columns - 1 { return }
        repeat { place.column += 1 } while place.column < columns - 1 && !tabs[place.column]
    }

    /// To the next row, which comes in from below if need be.
    func feedLine() {
        if place.row == bottom {
            grid.scroll(top, bottom, by: 1, place.style.background)
        } else if place.row < rows - 1 {
            place.row += 1
        }
    }

    private func goUp() {
        if place.row == top {
            grid.scroll(top, bottom, by: -1, place.style.background)
        } else if place.row > 0 {
            place.row -= 1
        }
    }

    // MARK: Sequences

    /// ESC and one more byte, or two.
    func escape(_ sequence: [UInt8]) {
        last = 0
        let byte = sequence[1]
        if sequence.count == 2 {
            switch byte {
            case UInt8(ascii: "7"): saved = place
            case UInt8(ascii: "8"): restore(saved)
            case UInt8(ascii: "D"): feedLine()
            case UInt8(ascii: "E"):
                place.column = 0
                feedLine()
            case UInt8(ascii: "M"): goUp()
            case UInt8(ascii: "H"): if place.column < columns { tabs[place.column] = true }
            case UInt8(ascii: "c"): reset()
            default: break
            }
        } else if sequence.count == 3 {
            let isDrawing = sequence[2] == UInt8(ascii: "0")
            switch byte {
            case UInt8(ascii: "("): place.sets.0 = isDrawing
            case UInt8(ascii: ")"): place.sets.1 = isDrawing
            case UInt8(ascii: "#"): if sequence[2] == UInt8(ascii: "8") { fill() }
            default: break
            }
        }
    }

    func restore(_ old: Place) {
        place = old
        place.column = min(place.column, columns - 1)
    }

    /// All as in the beginning.
    private func reset() {
        if let lines = hidden { grid = lines }
        hidden = nil
        place = Place()
        saved = Place()
        wraps = true
        inserts = false
        setRegion(0, rows - 1)
        for column in 0..<columns { tabs[column] = column > 0 && column % 8 == 0 }
        grid.erase(rows: 0, rows, place.style)
    }

    /// Makes a screen of E, to adjust it by (DECALN).
    private func fill() {
        setRegion(0, rows - 1)
        for row in 0..<rows {
            for column in 0..<columns {
                grid.put(UInt32(UInt8(ascii: "E")), ScreenStyle(), width: 1, row: row, column: column)
            }
        }
    }

    func setRegion(_ first: Int, _ end: Int) {
        let end = min(end, rows - 1)
        if first >= end, rows > 1 { return }
        place.row = 0
        place.column = 0
        top = first
        bottom = end
    }

    func setTab(_ isSet: Bool) { if place.column < columns { tabs[place.column] = isSet } }

    func clearTabs() { for column in 0..<columns { tabs[column] = false } }

    /// To the tab before.
    func tabBack() {
        place.column = min(place.column, columns - 1)
        repeat { place.column = max(0, place.column - 1) } while place.column > 0 && !tabs[place.column]
    }

    /// Writes the last character again, up to the end of the row (REP).
    func repeatLast(_ count: Int) {
        if last == 0 { return }
        for _ in 0..<min(count, columns - place.column) { put(last) }
        last = 0
    }

    func forgetLast() { last = 0 }

    /// Shows the screen that programs have for themselves, or the lines again.
    func showOther(_ isOther: Bool, keepingPlace: Bool) {
        if isOther {
            isCut = false
            if hidden != nil { return }
            if keepingPlace { hiddenPlace = place }
            hidden = grid
            grid = ScreenGrid(columns: columns, rows: rows)
            return
        }
        if isCut {
            // What was taken for lines was that screen.
            isCut = false
            grid.erase(rows: 0, rows, ScreenStyle())
            hiddenPlace = Place(row: rows - 1)
        }
        if let lines = hidden { grid = lines }
        hidden = nil
        if keepingPlace, let old = hiddenPlace { place = old }
        place.column = min(place.column, columns - 1)
    }
}
