/// Bytes of a stream that come in pieces, taken out as whole lines.
package struct LineBuffer: ~Copyable {
    private var buffer = PageBuffer()
    /// How much is known to hold no line's end: a long line is searched once, not with each piece of it.
    private var searched = 0
    /// How much was handed out.
    private var taken = 0
    private var isPassingOver = false
    /// A line was too long and is passed over. The caller reports it, and resets this.
    package var hasOverflown = false
    private let longest: Int

    /// What a single long line may have needed is given back.
    private static let usual = 1 << 20

    /// - Parameter longest: the most bytes that a line may have before its `\n`.
    package init(longest: Int) { self.longest = longest }

    /// What is not handed out so far: of a line that has no end, once ``next()`` gave nil. Valid until the buffer is
    /// changed.
    package var rest: Bytes {
        UnsafeBufferPointer(UnsafeRawBufferPointer(rebasing: buffer.bytes[taken...]))
    }

    /// Counts the ``rest`` as handed out.
    package mutating func takeRest() {
        taken = buffer.count
        searched = 0
    }

    /// The next line without its end; nil when there is none, or when ``hasOverflown`` was set just now. Valid until the
    /// buffer is changed.
    package mutating func next() -> Bytes? {
        while true {
            buffer.removeFirst(taken)
            taken = 0
            let bytes = buffer.bytes
            let end = lineFeed(in: bytes, from: searched)
            searched = end == nil ? bytes.count : 0
            if let end { taken = end + 1 }
            if isPassingOver {
                isPassingOver = end == nil
                if end != nil { continue }
            } else if end ?? searched > longest {
                isPassingOver = end == nil
                hasOverflown = true
            } else if let end {
                return UnsafeBufferPointer(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            }
            if isPassingOver { forget() }
            if buffer.isEmpty, buffer.capacity > LineBuffer.usual { buffer = PageBuffer() }
            return nil
        }
    }

    /// Forgets what is not handed out.
    package mutating func forget() {
        buffer.removeFirst(buffer.count)
        searched = 0
        taken = 0
    }

    /// Where the next bytes go, at most this many at once; ``grow(by:)`` then counts them.
    package mutating func room(for count: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: try buffer.room(for: count)[..<count])
    }

    package mutating func grow(by count: Int) { buffer.grow(by: count) }

    package mutating func append(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.bytes { bytes throws(SystemError) in try buffer.append(bytes) }
    }
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// These bytes as bytes of a string and the like.
    package init(_ raw: UnsafeRawBufferPointer) {
        self.init(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: raw.count)
    }
}
