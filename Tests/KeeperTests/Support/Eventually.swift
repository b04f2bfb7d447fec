import Glibc

struct TimedOut: Error, CustomStringConvertible {
    let what: String
    var description: String { "gave up waiting: \(what)" }
}

/// Seconds on the monotonic clock.
func monotonicNow() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// Waits until the condition holds. The only place where the tests sleep; the generous limit is
/// there to end a broken run, not to measure anything.
func eventually(_ what: String, timeout: Double = 60, _ condition: () throws -> Bool) throws {
    _ = try eventual(what, timeout: timeout) { try condition() ? true : nil }
}

/// Waits until there is a value.
func eventual<Value>(_ what: String, timeout: Double = 60, _ value: () throws -> Value?) throws -> Value {
    let deadline = monotonicNow() + timeout
    while true {
        if let found = try value() { return found }
        if monotonicNow() > deadline { throw TimedOut(what: what) }
        var pause = timespec(tv_sec: 0, tv_nsec: 4_000_000)
        nanosleep(&pause, nil)
    }
}
