import CSystem
import KeeperShared

/// Notes, where it survives this keeper, whether the child has got the last line whole: a keeper that follows one that
/// was killed then knows whether a line may be torn.
final class LineGuard {
    private let page: SharedPage
    /// What ``bound(_:)`` gave last is the start of a line that may be torn.
    private var beginsLine = false
    /// POSIX's smallest `PIPE_BUF`, which is Linux's as well.
    private static let atom = 4096

    init(_ page: SharedPage) { self.page = page }

    /// What of these lines is to be written next.
    ///
    /// A pipe takes up to `PIPE_BUF` bytes in one piece or not at all. Only a line that is longer may be torn.
    func bound(_ lines: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        beginsLine = false
        guard let start = lines.baseAddress else { return lines }
        if page[.lineIsOpen] == 0 {
            if lines.count <= LineGuard.atom { return lines }
            if let last = memrchr(start, 10, LineGuard.atom) {
                return UnsafeRawBufferPointer(rebasing: lines[...(UnsafeRawPointer(last) - start)])
            }
            page[.lineIsOpen] = 1
            beginsLine = true
        }
        let end = lineFeed(in: lines, from: 0).map { $0 + 1 } ?? lines.count
        return UnsafeRawBufferPointer(rebasing: lines[..<end])
    }

    /// All that ``bound(_:)`` gave is in the pipe.
    func linesAreWhole() { page[.lineIsOpen] = 0 }

    /// The pipe took nothing.
    func nothingWasWritten() { if beginsLine { page[.lineIsOpen] = 0 } }
}
