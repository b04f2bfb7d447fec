import CSystem
import KeeperShared

// What a writer has sent, as lines.
extension InputConnection {
    /// Bytes of a line that has not ended.
    var partialCount: Int { buffer.count - completeCount }

    /// Marks the complete lines. A line that is too long fails the connection, after the lines before it.
    ///
    /// - Parameter offset: where in ``buffer`` the new bytes begin.
    func findLines(from offset: Int, maximumLine: Int) {
        let bytes = buffer.bytes
        let start = bytes.baseAddress!
        if let last = memrchr(start + offset, 10, bytes.count - offset) {
            completeCount = UnsafeRawPointer(last) - start + 1
        }
        if bytes.count <= maximumLine { return }
        var lineStart = 0
        while lineStart < bytes.count {
            let end = lineFeed(in: bytes, from: lineStart) ?? bytes.count
            if end - lineStart > maximumLine {
                completeCount = lineStart
                failure = .tooLong(limit: maximumLine)
                return
            }
            lineStart = end + 1
        }
    }

    /// Makes this a line of the keeper's own, given without its end.
    func becomeLine(_ line: [UInt8], then completion: LineCompletion?) throws(SystemError) {
        try line.bytes { bytes throws(SystemError) in try buffer.append(bytes) }
        try append(UInt8(ascii: "\n"))
        completeCount = buffer.count
        self.completion = completion
    }

    /// Makes this a stream of bytes, of which the first are here already.
    func becomeStream(_ bytes: [UInt8]) throws(SystemError) {
        isStream = true
        if bytes.isEmpty { return }
        try bytes.bytes { bytes throws(SystemError) in try buffer.append(bytes) }
        completeCount = buffer.count
    }

    func append(_ byte: UInt8) throws(SystemError) {
        try buffer.room(for: 1)[0] = byte
        buffer.grow(by: 1)
    }

    /// Counts what a write took: whole lines leave the buffer, the one that is in stdin in part stays.
    func advance(by count: Int) {
        if isStream {
            buffer.removeFirst(count)
            completeCount -= count
            return
        }
        sentCount += count
        let bytes = buffer.bytes
        guard sentCount > 0, let last = memrchr(bytes.baseAddress!, 10, sentCount) else { return }
        let whole = UnsafeRawPointer(last) - bytes.baseAddress! + 1
        delivered += countLineFeeds(UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
        buffer.removeFirst(whole)
        completeCount -= whole
        sentCount -= whole
    }
}
