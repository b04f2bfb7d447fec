/// What control sequences do to a screen.
extension TerminalScreen {
    /// Takes `ESC [`, parameters and a last byte.
    ///
    /// - Parameter numbers: the parameters.
    func control(_ sequence: [UInt8], _ numbers: [Int]) {
        let last = sequence[sequence.count - 1]
        if last != UInt8(ascii: "b") { forgetLast() }
        let mark = sequence[2]
        if sequence.count > 3, sequence[sequence.count - 2] < 0x30 {
            if last == UInt8(ascii: "p"), mark == UInt8(ascii: "!") { softReset() }
            return
        }
        if mark >= UInt8(ascii: "<"), mark <= UInt8(ascii: "?") {
            let isOn = last == UInt8(ascii: "h")
            if mark == UInt8(ascii: "?"), isOn || last == UInt8(ascii: "l") {
                for mode in numbers { change(mode, isOn) }
            }
            return
        }
        let first = numbers.first ?? 0
        let count = max(1, first)
        switch last {
        case UInt8(ascii: "A"), UInt8(ascii: "F"): goUp(count, last)
        case UInt8(ascii: "B"), UInt8(ascii: "E"), UInt8(ascii: "e"): goDown(count, last)
        case UInt8(ascii: "C"), UInt8(ascii: "a"): place.column = min(place.column + count, columns - 1)
        case UInt8(ascii: "D"): place.column = max(0, place.column - count)
        case UInt8(ascii: "G"), UInt8(ascii: "`"): place.column = min(count, columns) - 1
        case UInt8(ascii: "d"): setRow(count)
        case UInt8(ascii: "H"), UInt8(ascii: "f"):
            setRow(count)
            place.column = min(max(1, numbers.count > 1 ? numbers[1] : 1), columns) - 1
        case UInt8(ascii: "I"): for _ in 0..<min(count, columns) { tab() }
        case UInt8(ascii: "Z"): for _ in 0..<min(count, columns) { tabBack() }
        case UInt8(ascii: "J"): eraseScreen(first)
        case UInt8(ascii: "K"): eraseLine(first)
        case UInt8(ascii: "@"), UInt8(ascii: "P"), UInt8(ascii: "X"): edit(last, count)
        case UInt8(ascii: "L"), UInt8(ascii: "M"):
            if place.row < top || place.row > bottom { return }
            scroll(place.row, last == UInt8(ascii: "M") ? count : -count)
        case UInt8(ascii: "S"): scroll(top, count)
        case UInt8(ascii: "T"): if numbers.count < 2 { scroll(top, -count) }
        case UInt8(ascii: "b"): repeatLast(count)
        case UInt8(ascii: "g"):
            if first == 0 { setTab(false) }
            if first == 3 { clearTabs() }
        case UInt8(ascii: "h"): if first == 4 { inserts = true }
        case UInt8(ascii: "l"): if first == 4 { inserts = false }
        case UInt8(ascii: "m"): place.style.change(sequence[2..<(sequence.count - 1)])
        case UInt8(ascii: "r"):
            setRegion(count - 1, (numbers.count > 1 && numbers[1] > 0 ? numbers[1] : rows) - 1)
        case UInt8(ascii: "s"): saved = place
        case UInt8(ascii: "u"): restore(saved)
        default: break
        }
    }

    private func change(_ mode: Int, _ isOn: Bool) {
        switch mode {
        case 6:
            place.isOrigin = isOn
            place.column = 0
            setRow(1)
        case 7: wraps = isOn
        case 47, 1047, 1049: showOther(isOn, keepingPlace: mode == 1049)
        default: break
        }
    }

    private func softReset() {
        let (row, column) = (place.row, place.column)
        setRegion(0, rows - 1)
        place = Place()
        saved = Place()
        place.row = row
        place.column = column
        inserts = false
    }

    // MARK: Moving

    private func setRow(_ number: Int) {
        place.row = place.isOrigin ? min(top + number - 1, bottom) : min(number, rows) - 1
    }

    private func goUp(_ count: Int, _ last: UInt8) {
        leaveEnd(last == UInt8(ascii: "F"))
        place.row = max(place.row - count, place.row < top ? 0 : top)
    }

    private func goDown(_ count: Int, _ last: UInt8) {
        leaveEnd(last == UInt8(ascii: "E"))
        place.row = min(place.row + count, place.row > bottom ? rows - 1 : bottom)
    }

    /// Moves the cursor out of the place after the last column.
    private func leaveEnd(_ isToStart: Bool) { place.column = isToStart ? 0 : min(place.column, columns - 1) }

    // MARK: Erasing and editing

    private func eraseLine(_ which: Int) {
        let here = min(place.column + 1, columns)
        switch which {
        case 0: eraseRow(place.column, columns)
        case 1: eraseRow(0, here)
        case 2: eraseRow(0, columns)
        default: break
        }
    }

    private func eraseRow(_ from: Int, _ to: Int) {
        if from < to { grid.erase(row: place.row, from, to, place.style.background) }
    }

    private func eraseScreen(_ which: Int) {
        let style = place.style.background
        if which < 2 { eraseLine(which) }
        switch which {
        case 0: grid.erase(rows: place.row + 1, rows, style)
        case 1: grid.erase(rows: 0, place.row, style)
        case 2: grid.erase(rows: 0, rows, style)
        default: break
        }
    }

    private func edit(_ last: UInt8, _ count: Int) {
        let style = place.style.background
        if place.column >= columns { return }
        switch last {
        case UInt8(ascii: "@"): grid.insert(count, row: place.row, column: place.column, style)
        case UInt8(ascii: "P"): grid.delete(count, row: place.row, column: place.column, style)
        default: eraseRow(place.column, min(place.column + count, columns))
        }
    }

    private func scroll(_ first: Int, _ count: Int) {
        grid.scroll(first, bottom, by: count, place.style.background)
    }
}
