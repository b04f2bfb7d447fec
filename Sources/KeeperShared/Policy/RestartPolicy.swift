/// Whether a child that ended by itself is started again.
package enum RestartPolicy: String, CaseIterable {
    case no
    /// After anything but exit 0.
    case onFailure = "on-failure"
    case always

    /// - Parameter failed: the end was anything but exit 0, or a limit was exceeded.
    package func wantsRestart(failed: Bool) -> Bool {
        switch self {
        case .no: false
        case .onFailure: failed
        case .always: true
        }
    }
}

/// At most ``count`` restarts in ``duration``.
package struct RestartLimit {
    package var count: Int
    /// Nanoseconds.
    package var duration: Int64

    /// Bounds how many times have to be remembered.
    static let highestCount = 1000

    /// Reads `10/10m`; nil for anything else.
    package static func parse(_ text: [UInt8]) -> RestartLimit? {
        guard let mark = text.firstIndex(of: UInt8(ascii: "/")), let count = decimal(Array(text[..<mark])),
            count >= 1, count <= highestCount,
            let duration = Argument(bytes: Array(text[(mark + 1)...])).duration, duration > 0
        else { return nil }
        return RestartLimit(count: count, duration: duration)
    }
}

/// When a child is started again: `min(1 s · 2ⁿ, 30 s)` ± 10 %, n starting over after a minute of being ready.
package struct Backoff {
    /// Restarts since n started over.
    package var attempt = 0
    /// When the policy restarted the child, on the monotonic clock, as far as the limit looks back.
    package var times: [Int64] = []

    package init() {}

    static let base = Int64.seconds(1)
    static let bound = Int64.seconds(30)
    /// A child that has been ready this long counts as recovered.
    package static var recovery: Int64 { Faults.paced(.seconds(60)) }

    /// The next delay in nanoseconds.
    ///
    /// - Parameter random: any number; it moves the delay by up to a tenth.
    package mutating func nextDelay(random: UInt32) -> Int64 {
        let middle = attempt < 5 ? min(Backoff.base << Int64(attempt), Backoff.bound) : Backoff.bound
        attempt += 1
        // In thousandths: 900 to 1,100.
        return middle / 1000 * (900 + Int64(random % 201))
    }

    /// Counts one restart.
    ///
    /// - Returns: whether the limit allows it.
    package mutating func count(now: Int64, limit: RestartLimit?) -> Bool {
        guard let limit else { return true }
        times.removeAll { now - $0 > limit.duration }
        if times.count >= limit.count { return false }
        times.append(now)
        return true
    }
}
