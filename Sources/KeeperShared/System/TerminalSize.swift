import CSystem

/// The size of a terminal in characters.
package struct TerminalSize: Equatable, Sendable {
    package let columns: Int
    package let rows: Int

    /// Nobody's terminal is larger; the kernel would take 65,535.
    package static let largest = 9999

    /// nil when either is less than 1 or more than ``largest``.
    package init?(columns: Int, rows: Int) {
        guard columns > 0, columns <= TerminalSize.largest, rows > 0, rows <= TerminalSize.largest else {
            return nil
        }
        self.columns = columns
        self.rows = rows
    }

    /// 80 columns, 24 rows: what a terminal has had since the VT100.
    package static var standard: TerminalSize { TerminalSize(columns: 80, rows: 24)! }

    /// Reads `80x24`; nil for anything else.
    package static func parse(_ text: [UInt8]) -> TerminalSize? {
        guard let mark = text.firstIndex(of: UInt8(ascii: "x")), let columns = decimal(Array(text[..<mark])),
            let rows = decimal(Array(text[(mark + 1)...]))
        else { return nil }
        return TerminalSize(columns: columns, rows: rows)
    }

    /// `80x24`
    package var text: String { concat(String(columns), "x", String(rows)) }
}

extension FileDescriptor {
    /// Gives a terminal another size; its foreground process group gets SIGWINCH if it differs.
    package borrowing func setWindowSize(_ size: TerminalSize) throws(SystemError) {
        var record = winsize()
        record.ws_col = UInt16(size.columns)
        record.ws_row = UInt16(size.rows)
        let number = raw
        try systemCall("set the terminal's size") { csys_set_window_size(number, &record) }
    }
}
