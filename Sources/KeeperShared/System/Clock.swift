import CSystem

/// Time since boot in nanoseconds, for deadlines: it never goes back.
package func monotonicNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

extension Int64 {
    /// Nanoseconds in this many milliseconds.
    package static func milliseconds(_ count: Int64) -> Int64 { count * 1_000_000 }
    /// Nanoseconds in this many seconds.
    package static func seconds(_ count: Int64) -> Int64 { count * 1_000_000_000 }
}

/// Waits; only for pauses between attempts.
package func pause(nanoseconds: Int64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    while nanosleep(&time, &rest) < 0 && csys_errno() == EINTR { time = rest }
}
