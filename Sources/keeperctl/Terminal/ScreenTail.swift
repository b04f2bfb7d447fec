import CSystem
import KeeperShared

/// The end of a terminal session's output: enough of it to know what the terminal shows and how it is set.
struct ScreenTail {
    /// Has followed all of it.
    let filter: TerminalFilter
    /// Where reading goes on.
    let end: Int

    /// What programs write between two drawings of a whole screen is mostly less than this.
    static let size = 1 << 20

    /// Reads it from the journal in a session's open folder.
    ///
    /// - Parameter size: of the terminal, if what it shows is wanted.
    init(
        in folder: borrowing FileDescriptor, _ size: (columns: Int, rows: Int)? = nil
    ) throws(SystemError) {
        let start = max(0, try JournalReader(.stdout).journalEnd(in: folder) - ScreenTail.size)
        let tail = JournalReader(.stdout, from: start)
        var bytes: [UInt8] = []
        while bytes.count < ScreenTail.size {
            if try ScreenTail.read(tail, ScreenTail.size - bytes.count, in: folder, into: &bytes) == 0 {
                break
            }
        }
        end = tail.position
        let isCut = end > bytes.count
        // A sequence or a character may have been cut in two.
        if isCut { bytes.removeFirst(bytes.firstIndex { $0 == 10 || $0 == 0x1B } ?? 0) }
        var filter = TerminalFilter()
        if let size { filter.screen = TerminalScreen(size, isCut: isCut) }
        var nothing: [UInt8] = []
        bytes.withUnsafeBytes { filter.feed($0, .nothing, into: &nothing) }
        self.filter = filter
    }

    /// Appends what a reader has next, up to a number of bytes.
    ///
    /// - Returns: how many it has; 0 when there is nothing for now.
    @inline(never) static func read(
        _ reader: JournalReader, _ limit: Int, in folder: borrowing FileDescriptor, into bytes: inout [UInt8]
    ) throws(SystemError) -> Int {
        let count = try reader.look(in: folder) { _ in }
        let size = bytes.count
        if count == 0 { return 0 }
        bytes += [UInt8](repeating: 0, count: min(count, limit))
        let filled = try bytes.withUnsafeMutableBufferPointer { space throws(SystemError) in
            let rest = UnsafeMutableBufferPointer(rebasing: space[size...])
            return try reader.read(into: UnsafeMutableRawBufferPointer(rest))
        }
        bytes.removeLast(bytes.count - size - filled)
        return count
    }
}
