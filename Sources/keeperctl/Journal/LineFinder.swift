import CSystem
import KeeperShared

/// Finds where lines of a journal begin and end, without reading more of it than lies in between.
final class LineFinder {
    private let stream: StreamName
    /// Oldest first.
    private let segments: [SegmentFile]
    private let oldest: Int
    private var file: FileDescriptor?
    private var fileBase = -1
    /// Bytes of one segment, from ``blockStart`` on.
    private var block = PageBuffer()
    private var blockStart = 0

    /// More than ten lines mostly need, and little enough to read at once.
    private static let blockSize = 16 << 10
    private static let searchSize = 128 << 10

    init(_ stream: StreamName, _ segments: [SegmentFile]) {
        self.stream = stream
        self.segments = segments
        oldest = segments.first?.base ?? 0
    }

    /// The start of the line that holds the byte before a position; nil when the journal begins there.
    ///
    /// What lies after missing bytes, and the journal's oldest byte, count as a line's start.
    func lineStart(before position: Int, in folder: borrowing FileDescriptor) throws(SystemError) -> Int? {
        guard position > oldest, let last = segment(holding: position - 1) else { return nil }
        // Where bytes are missing, what is before them is a line's end.
        var end = min(position, last.end) - 1
        while end > oldest {
            if end <= blockStart || end > blockStart + block.count {
                guard let segment = segment(holding: end - 1), end <= segment.end else { return end }
                let start = max(segment.base, end - LineFinder.blockSize)
                if !(try load(segment, start, end - start, in: folder)) { return end }
            }
            if let bytes = block.bytes.baseAddress, let found = memrchr(bytes, 10, end - blockStart) {
                return blockStart + (UnsafeRawPointer(found) - bytes) + 1
            }
            end = blockStart
        }
        return end
    }

    /// The start of the line that holds the byte at a position.
    func lineStart(at position: Int, in folder: borrowing FileDescriptor) throws(SystemError) -> Int {
        try lineStart(before: position + 1, in: folder) ?? position
    }

    /// The position after the line that holds the byte at a position, or after the last byte there is.
    func lineEnd(at position: Int, in folder: borrowing FileDescriptor) throws(SystemError) -> Int {
        var start = position
        while let segment = segment(holding: start), start < segment.end {
            if start < blockStart || start >= blockStart + block.count {
                let count = min(LineFinder.blockSize, segment.end - start)
                if !(try load(segment, start, count, in: folder)) { break }
            }
            let offset = start - blockStart
            if let end = lineFeed(in: block.bytes, from: offset) { return blockStart + end + 1 }
            start = blockStart + block.count
        }
        return start
    }

    /// Searches lines backward, as many at a time as are read at once.
    ///
    /// - Parameter lowest: a line's start: what lies before it is not searched.
    /// - Returns: where the lines that were searched begin, and the starts of those that are wanted, in order.
    func search(
        _ selection: LineSelection, before position: Int, downTo lowest: Int,
        in folder: borrowing FileDescriptor
    ) throws(SystemError) -> (start: Int, wanted: [Int]) {
        guard let segment = segment(holding: position - 1) else { return (lowest, []) }
        let end = min(position, segment.end)
        let start = max(segment.base, lowest, end - LineFinder.searchSize)
        if end <= start { return (lowest, []) }
        if !(try load(segment, start, end - start, in: folder)) { return (lowest, []) }
        let bytes = block.bytes
        // The first line may have begun before.
        let first = start == lowest ? 0 : lineFeed(in: bytes, from: 0).map { $0 + 1 } ?? bytes.count
        if first < bytes.count {
            return (start + first, selection.lines(in: bytes, from: first).map { start + $0 })
        }
        let lineStart = max(lowest, try lineStart(before: end, in: folder) ?? lowest)
        return (lineStart, try holds(selection, lineStart, end, in: folder) ? [lineStart] : [])
    }

    /// Whether a line that need not fit into memory is wanted.
    private func holds(
        _ selection: LineSelection, _ start: Int, _ end: Int, in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        var search = LineSelection.Search()
        var position = start
        while position < end, let segment = segment(holding: position), position < segment.end {
            let count = min(LineFinder.searchSize, min(end, segment.end) - position)
            if !(try load(segment, position, count, in: folder)) { return false }
            if selection.matches(next: block.bytes, &search) { return true }
            position += count
        }
        return false
    }

    /// Whether at least this many lines end in a range of one segment.
    func hasLines(
        _ wanted: Int, from start: Int, to end: Int, in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        var position = start
        for _ in 0..<wanted {
            let next = try lineEnd(at: position, in: folder)
            if next <= position || next > end { return false }
            position = next
        }
        return true
    }

    /// The last segment that begins at or before a position.
    private func segment(holding position: Int) -> SegmentFile? { segments.last { $0.base <= position } }

    /// Reads bytes of a segment into ``block``; false when they are gone.
    private func load(
        _ segment: SegmentFile, _ start: Int, _ count: Int, in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        if fileBase != segment.base {
            do throws(SystemError) {
                file = try folder.open(stream.segmentName(base: segment.base), O_RDONLY)
            } catch {
                if error.code == ENOENT { return false }
                throw error
            }
            fileBase = segment.base
        }
        block.removeFirst(block.count)
        let space = UnsafeMutableRawBufferPointer(rebasing: try block.room(for: count)[..<count])
        let got = try file.use { file throws(SystemError) in
            try file.read(into: space, at: start - segment.base)
        }
        block.grow(by: got ?? 0)
        blockStart = start
        return block.count == count
    }
}
