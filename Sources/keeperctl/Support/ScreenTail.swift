import CSystem
import KeeperShared

/// The end of a terminal session's output: enough of it to show the last screenful and to know how the terminal
/// is set.
struct ScreenTail {
    /// Follows all of it.
    private(set) var filter = TerminalFilter()
    /// Where reading goes on.
    let end: Int
    private let bytes: [UInt8]
    /// Whether the session's first output is among it.
    private let isWhole: Bool

    /// What programs write between two drawings of a whole screen is mostly less than this.
    static let size = 1 << 20

    /// Reads it from the journal in a session's open folder.
    init(in folder: borrowing FileDescriptor) throws(SystemError) {
        let reader = JournalReader(.stdout)
        let journalEnd = try reader.journalEnd(in: folder)
        let tail = JournalReader(.stdout, from: max(0, journalEnd - ScreenTail.size))
        var bytes: [UInt8] = []
        while bytes.count < ScreenTail.size {
            if try ScreenTail.read(tail, ScreenTail.size - bytes.count, in: folder, into: &bytes) == 0 {
                break
            }
        }
        end = tail.position
        isWhole = end == bytes.count
        self.bytes = bytes
        var nothing: [UInt8] = []
        bytes.withUnsafeBytes { filter.feed($0, .nothing, into: &nothing) }
    }

    /// Appends what a reader has next, up to so many bytes.
    ///
    /// - Returns: how many it has; 0 when there is nothing for now.
    @inline(never) static func read(
        _ reader: JournalReader, _ limit: Int, in folder: borrowing FileDescriptor, into bytes: inout [UInt8]
    ) throws(SystemError) -> Int {
        let count = try reader.look(in: folder) { _ in }
        let size = bytes.count
        if count == 0 { return 0 }
        bytes += [UInt8](repeating: 0, count: min(count, limit))
        // Typed throws don't pass through withUnsafeMutableBytes.
        var failure: SystemError?
        var filled = 0
        bytes.withUnsafeMutableBytes { space in
            do throws(SystemError) {
                filled = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: space[size...]))
            } catch { failure = error }
        }
        if let failure { throw failure }
        bytes.removeLast(bytes.count - size - filled)
        return count
    }

    /// What shows the last screenful on another terminal: all since a screen was begun anew, and of lines below
    /// each other no more than fit on it.
    ///
    /// - Parameter filter: has followed what is shown; for what comes after it.
    func replay(rows: Int, into filter: inout TerminalFilter) -> [UInt8] {
        var start = self.filter.screenStart ?? 0
        if self.filter.screenStart == nil, !isWhole { start = behindLine(0) }
        var modes = self.filter.screenModes
        if !self.filter.isOtherScreen {
            let last = lines(rows)
            if last > start {
                start = last
                modes = self.filter.redo
            }
        }
        var shown: [UInt8] = []
        bytes.withUnsafeBytes { all in
            modes.withUnsafeBytes { filter.feed($0, .live, into: &shown) }
            filter.feed(UnsafeRawBufferPointer(rebasing: all[start...]), .replay, into: &shown)
        }
        return shown
    }

    /// The start of the last so many lines.
    private func lines(_ count: Int) -> Int {
        var index = bytes.count
        var left = count
        while index > 0 {
            if bytes[index - 1] == 10 {
                left -= 1
                if left == 0 { return index }
            }
            index -= 1
        }
        return 0
    }

    private func behindLine(_ start: Int) -> Int {
        var index = start
        while index < bytes.count {
            index += 1
            if bytes[index - 1] == 10 { return index }
        }
        return start
    }
}
