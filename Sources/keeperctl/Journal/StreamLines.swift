import CSystem
import KeeperShared

/// One stream of a session on its way into lines: what is held back, and when it came.
final class StreamLines {
    let name: StreamName
    /// Tells when bytes came.
    let index: JournalIndex
    /// The beginning of a line that is not whole yet.
    private(set) var held = PageBuffer()
    /// When it becomes an event all the same, on the monotonic clock.
    private(set) var deadline = Int64.max

    /// How long the rest of a line is waited for.
    private static let silence: Int64 = .milliseconds(100)
    /// A longer line becomes several events: a stream without line ends must not fill the memory.
    private static let longest = 16 << 20
    private static let usual = 1 << 20

    init(_ name: StreamName) {
        self.name = name
        index = JournalIndex(name)
    }

    /// Holds bytes back.
    ///
    /// - Returns: whether they are too many to wait for more.
    func hold(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Bool {
        try held.append(bytes)
        deadline = monotonicNow() + StreamLines.silence
        return held.count >= StreamLines.longest
    }

    /// What is held is nothing as long as it is not whole.
    func waitForEnd() { deadline = Int64.max }

    func forget() {
        held.removeFirst(held.count)
        deadline = Int64.max
        if held.capacity > StreamLines.usual { held = PageBuffer() }
    }
}
