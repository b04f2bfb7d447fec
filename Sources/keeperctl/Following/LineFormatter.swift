import CSystem
import KeeperShared

/// What comes before each line.
struct LineStyle {
    /// The session's name; empty for none.
    var label: [UInt8] = []
    /// Whether the time follows.
    var timestamps = false
    /// Whether a line waits until it is whole, as others are written to the same place.
    var holdsLines = false
    /// Whether lines are to be kept apart though nothing comes before them.
    var keepsLines = false

    var isPlain: Bool { label.isEmpty && !timestamps && !keepsLines }
}

/// Puts a name and a time before each line of one stream.
final class LineFormatter {
    let stream: StreamName
    /// Bytes are missing: what comes next is not of the line before.
    var hasGap = false
    private let style: LineStyle
    private let selection: LineSelection?
    private var index: JournalIndex?
    /// The beginning of a line that is not whole yet, with what comes before it.
    private var held = PageBuffer()
    /// How much of it comes before the line.
    private var heldHead = 0
    private var isInLine = false
    /// What comes before a line, with the time at its end.
    private var head: [UInt8]
    private var headTime: Int64 = -1

    /// A longer line is cut in two: a stream without line ends must not fill the memory.
    private static let longest = 16 << 20

    /// - Parameter selection: which lines are passed on; nil for all.
    init(_ style: LineStyle, _ stream: StreamName, _ selection: LineSelection?) {
        self.style = style
        self.selection = selection
        self.stream = stream
        head = style.label
        index = style.timestamps ? JournalIndex(stream) : nil
    }

    /// Closes the index.
    func rest() {
        if index != nil { index = JournalIndex(stream) }
    }

    /// Adds what a reader has read.
    ///
    /// - Parameter position: that of the first byte, in the segment that begins at `base`.
    func add(
        _ bytes: UnsafeRawBufferPointer, at position: Int, base: Int, in folder: borrowing FileDescriptor,
        to output: FollowedOutput
    ) throws(SystemError) {
        index?.enterSegment(base: base)
        var start = 0
        while start < bytes.count {
            if let selection, !isInLine {
                if selection.isFull { return }
                start = selection.firstLine(in: bytes, from: start)
                if start == bytes.count { return }
            }
            let found = lineFeed(in: bytes, from: start)
            let end = found.map { $0 + 1 } ?? bytes.count
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            let holds = (style.holdsLines || selection != nil) && (!held.isEmpty || found == nil)
            if !isInLine {
                if let index { setTime(index.knownTime(at: position + start, in: folder)) }
                if holds { try append(head, to: &held) } else { try append(head, to: &output.waiting) }
                heldHead = held.count
            }
            if holds { try held.append(piece) } else { try output.waiting.append(piece) }
            isInLine = found == nil
            if holds, !isInLine || held.count > LineFormatter.longest {
                if selection == nil || !isInLine { try release(to: output) } else { try endLine(to: output) }
            } else if !holds {
                selection?.take()
            }
            start = end
        }
    }

    /// Ends a line that has no end: nothing more comes of it.
    func endLine(to output: FollowedOutput) throws(SystemError) {
        hasGap = false
        if !isInLine { return }
        isInLine = false
        let isWanted = try release(to: output)
        // Bytes as they are, but fewer.
        if style.isPlain, selection?.isOfAny ?? false { return }
        if isWanted { try append([10], to: &output.waiting) }
    }

    /// - Returns: whether the line is one that is wanted.
    @discardableResult
    private func release(to output: FollowedOutput) throws(SystemError) -> Bool {
        defer { held.removeFirst(held.count) }
        if let selection {
            let line = UnsafeRawBufferPointer(rebasing: held.bytes[heldHead...])
            if selection.isFull || !selection.matches(line) { return false }
            selection.take()
        }
        try output.waiting.append(held.bytes)
        return true
    }

    private func append(_ bytes: [UInt8], to buffer: inout PageBuffer) throws(SystemError) {
        try bytes.bytes { bytes throws(SystemError) in try buffer.append(bytes) }
    }

    private func setTime(_ time: Int64) {
        if time == headTime { return }
        headTime = time
        head = style.label
        if time > 0 {
            Timestamp(nanoseconds: time).appendRFC3339(to: &head)
        } else {
            // No index tells; as wide as a time.
            head.append(UInt8(ascii: "-"))
            for _ in 1..<24 { head.append(UInt8(ascii: " ")) }
        }
        head.append(UInt8(ascii: " "))
    }
}
