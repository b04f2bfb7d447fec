import CSystem

/// Cuts a stream of bytes into lines. A line that lies within one chunk is handed out in place;
/// memory is held only for a line that isn't complete yet, and only until it is.
package struct LineSplitter {
    /// What the receiver of a line wants next.
    package enum Flow: Equatable, Sendable {
        case next
        /// Hand out no more: what follows isn't lines, or isn't wanted.
        case stop
    }

    /// How far a chunk was used.
    package enum Outcome: Equatable, Sendable {
        /// To its end.
        case consumed
        /// The receiver stopped at the line that ends just before this offset.
        case stopped(Int)
        /// A line is longer than allowed and was dropped. The bytes before this offset are used;
        /// to go on with the next line, consume the others: the rest of the long line is skipped.
        case tooLong(Int)
    }

    /// The most bytes that a line may have, without its `\n`.
    package let maximumLine: Int
    private var partial: [UInt8] = []
    private var isSkipping = false

    /// A splitter whose lines have at most `maximumLine` bytes before the `\n`.
    package init(maximumLine: Int) { self.maximumLine = maximumLine }

    /// What is held of a line that isn't complete.
    package var partialLine: [UInt8] { partial }

    /// Hands out each line that ends in this chunk, without its `\n`; the buffer is valid only
    /// during the call.
    package mutating func consume(
        _ chunk: UnsafeBufferPointer<UInt8>, _ receive: (UnsafeBufferPointer<UInt8>) -> Flow
    ) -> Outcome {
        var start = 0
        while start < chunk.count {
            let rest = UnsafeBufferPointer(rebasing: chunk[start...])
            let end = newline(in: rest)
            let piece = UnsafeBufferPointer(rebasing: rest[..<(end ?? rest.count)])
            start += piece.count + (end == nil ? 0 : 1)
            if isSkipping {
                isSkipping = end == nil
                continue
            }
            guard piece.count <= maximumLine - partial.count else {
                partial = []
                isSkipping = end == nil
                return .tooLong(start)
            }
            guard end != nil else {
                partial.append(contentsOf: piece)
                break
            }
            let flow: Flow
            if partial.isEmpty {
                flow = receive(piece)
            } else {
                partial.append(contentsOf: piece)
                flow = handOut(receive)
            }
            if flow == .stop { return .stopped(start) }
        }
        return .consumed
    }

    /// At the end of the stream: hands out a last line that has no `\n`, if there is one.
    package mutating func finish(_ receive: (UnsafeBufferPointer<UInt8>) -> Void) {
        isSkipping = false
        guard !partial.isEmpty else { return }
        _ = handOut { line in
            receive(line)
            return .stop
        }
    }

    private mutating func handOut(_ receive: (UnsafeBufferPointer<UInt8>) -> Flow) -> Flow {
        let line = partial
        partial = []
        return line.withUnsafeBufferPointer { receive($0) }
    }

    private func newline(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let start = bytes.baseAddress, let found = memchr(start, 0x0A, bytes.count) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(start)
    }
}
