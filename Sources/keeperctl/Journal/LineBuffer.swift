import CSystem
import KeeperShared

typealias Bytes = UnsafeBufferPointer<UInt8>

/// Bytes that come in pieces, taken out as whole lines.
struct LineBuffer: ~Copyable {
    private var buffer = PageBuffer()
    /// How much is known to hold no line's end: a long line is searched once, not with each piece of it.
    private var searched = 0
    /// How much was handed out.
    private var taken = 0
    private var isPassingOver = false

    /// A longer line is passed over: output without line ends must not fill the memory.
    private static let longest = 64 << 20
    private static let chunk = 256 << 10

    /// For messages about lines that are passed over, such as `call to calc`.
    let what: String

    init(_ what: String) { self.what = what }

    /// What there is of a line that has no end so far. Valid until the buffer is changed.
    var unfinished: Bytes { Bytes(UnsafeRawBufferPointer(rebasing: buffer.bytes[taken...])) }

    /// Counts what is unfinished as handed out.
    mutating func takeUnfinished() {
        taken = buffer.count
        searched = 0
    }

    /// The next line without its end; nil when there is none. Valid until the buffer is changed.
    mutating func next() -> Bytes? {
        buffer.removeFirst(taken)
        taken = 0
        while true {
            let bytes = buffer.bytes
            guard searched < bytes.count,
                let found = memchr(bytes.baseAddress! + searched, 10, bytes.count - searched)
            else { break }
            let end = UnsafeRawPointer(found) - bytes.baseAddress!
            searched = 0
            taken = end + 1
            if !isPassingOver { return Bytes(UnsafeRawBufferPointer(rebasing: bytes[..<end])) }
            isPassingOver = false
            buffer.removeFirst(taken)
            taken = 0
        }
        searched = buffer.count
        if searched > LineBuffer.longest {
            if !isPassingOver { printError(concat(what, ": a line of more than 64 MiB is passed over")) }
            forget()
            isPassingOver = true
        }
        return nil
    }

    /// Forgets what is unfinished.
    mutating func forget() {
        buffer.removeFirst(buffer.count)
        searched = 0
        taken = 0
    }

    /// Where the next bytes go, at most this many at once; ``grow(by:)`` then counts them.
    mutating func room(for count: Int = Int.max) throws(SystemError) -> UnsafeMutableRawBufferPointer {
        let count = min(count, LineBuffer.chunk)
        return UnsafeMutableRawBufferPointer(rebasing: try buffer.room(for: count)[..<count])
    }

    mutating func grow(by count: Int) { buffer.grow(by: count) }
}

// Not inlined, as the library's own are, some hundred bytes wherever they stand.

/// A copy of bytes that will not stay.
@inline(never) func ownedBytes(_ bytes: Bytes) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: bytes.count) { space, count in
        if bytes.count > 0 { memcpy(space.baseAddress!, bytes.baseAddress!, bytes.count) }
        count = bytes.count
    }
}

/// Whether both are the same bytes.
@inline(never) func isSame(_ left: Bytes, _ right: [UInt8]) -> Bool {
    left.count == right.count && (right.isEmpty || memcmp(left.baseAddress!, right, right.count) == 0)
}

/// The text that a JSON string stands for; empty for anything else.
@inline(never) func stringText(of value: Bytes) -> [UInt8] {
    var text: [UInt8] = []
    appendJSONString(value, to: &text)
    return text
}

extension Bytes {
    /// None.
    static var none: Bytes { Bytes(start: nil, count: 0) }

    /// These bytes as bytes of a string and the like.
    init(_ raw: UnsafeRawBufferPointer) {
        self.init(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: raw.count)
    }
}
