import CSystem
import KeeperShared

/// Chooses among the lines of one session: those that have a text in them, up to a number of lines.
///
/// The text is looked for in bytes of the journal as they are read; other lines are not looked at one by one.
final class LineSelection {
    /// Empty for all lines.
    private let text: [UInt8]
    /// How many more lines are wanted.
    private var rest: Int

    init(containing text: [UInt8] = [], first count: Int = Int.max) {
        self.text = text
        rest = count
    }

    /// Whether every line is wanted until all have come.
    var isOfAny: Bool { text.isEmpty }

    /// Whether all that are wanted have come.
    var isFull: Bool { rest == 0 }

    /// Counts a line.
    func take() { rest -= 1 }

    /// Whether a line is wanted.
    func matches(_ line: UnsafeRawBufferPointer) -> Bool { find(in: line, from: 0) != nil }

    /// The start of the first line that is wanted, or of the last one if that has no end.
    ///
    /// - Parameter start: where a line begins.
    func firstLine(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        if text.isEmpty { return start }
        return lineStart(in: bytes, from: start, before: find(in: bytes, from: start) ?? bytes.count)
    }

    /// The starts of the lines that are wanted, in order.
    ///
    /// - Parameter start: where a line begins.
    func lines(in bytes: UnsafeRawBufferPointer, from start: Int) -> [Int] {
        var starts: [Int] = []
        var position = start
        while position < bytes.count, let found = find(in: bytes, from: position) {
            starts.append(lineStart(in: bytes, from: position, before: found))
            position = (lineFeed(in: bytes, from: found) ?? bytes.count) + 1
        }
        return starts
    }

    /// Looks for the text in a line that is read bit by bit.
    struct Search {
        /// The end of what came before.
        fileprivate var end: [UInt8] = []
        init() {}
    }

    /// Whether the text ends in the next bytes of a line.
    func matches(next bytes: UnsafeRawBufferPointer, _ search: inout Search) -> Bool {
        if matches(bytes) { return true }
        let overlap = text.count - 1
        let seam = search.end + bytes.prefix(overlap)
        search.end = (bytes.count < overlap ? seam : Array(bytes.suffix(overlap))).suffix(overlap)
        return seam.withUnsafeBytes { matches($0) }
    }

    private func find(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        if text.isEmpty { return start }
        guard let base = bytes.baseAddress else { return nil }
        guard let found = memmem(base + start, bytes.count - start, text, text.count) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    private func lineStart(in bytes: UnsafeRawBufferPointer, from start: Int, before end: Int) -> Int {
        guard let base = bytes.baseAddress, let found = memrchr(base + start, 10, end - start) else {
            return start
        }
        return UnsafeRawPointer(found) - base + 1
    }
}
