import KeeperShared

/// What a session waits for at most so long. There is no timer while nothing is due.
///
/// The order is for good: a keeper's next binary reads the raw values.
enum DeadlineKind: Int, CaseIterable {
    /// The child has survived long enough to be ready.
    case ready
    /// The next step of stopping.
    case stopStep
    /// Leftover processes have had their time.
    case leftovers
    /// Processes that still hold the output pipes have had their time.
    case drain
    /// A full disk is tried again.
    case disk
    /// The listeners are watched again after descriptors ran out.
    case accept
    /// Memory that a burst needed is given back.
    case idle
    /// The log's size is looked at.
    case logSize
    /// A child that is not ready has had its time.
    case start
    /// The child is started again.
    case restart
    /// What survived SIGKILL is looked at again.
    case stuck
    /// The child has run long enough.
    case runtime
    /// Nothing has gone in or out for too long.
    case idleLimit
    /// Input has gone unanswered for too long.
    case silence
    /// The child's watchdog message is due.
    case watchdog
    /// The processes' memory and processor time are looked at.
    case sample
    /// What the child says of itself is written to the status.
    case note
    /// The service manager wants a sign of life.
    case serviceWatchdog
    /// The new binary's helper has had its time to check the state.
    case upgrade
}

/// Times on the monotonic clock, one for each kind.
struct Deadlines {
    /// Room for every kind: a test counts them.
    var count: Int { times.count }
    private var times = InlineArray<19, Int64>(repeating: .max)

    /// One that is further away than the clock goes is never due.
    mutating func set(_ kind: DeadlineKind, in delay: Int64) {
        let (time, isTooLate) = monotonicNow().addingReportingOverflow(delay)
        times[kind.rawValue] = isTooLate ? .max : time
    }
    /// On the monotonic clock; nil when nothing is due.
    func time(of kind: DeadlineKind) -> Int64? { isSet(kind) ? times[kind.rawValue] : nil }
    mutating func set(_ kind: DeadlineKind, at time: Int64) { times[kind.rawValue] = time }
    mutating func setIfUnset(_ kind: DeadlineKind, in delay: Int64) {
        if !isSet(kind) { set(kind, in: delay) }
    }
    mutating func clear(_ kinds: DeadlineKind...) { for kind in kinds { times[kind.rawValue] = .max } }
    func isSet(_ kind: DeadlineKind) -> Bool { times[kind.rawValue] != .max }

    /// Milliseconds until the next one, rounded up; -1 when there is none.
    func timeout() -> Int32 {
        var next = Int64.max
        for kind in DeadlineKind.allCases { next = min(next, times[kind.rawValue]) }
        if next == .max { return -1 }
        let rest = next - monotonicNow()
        return rest <= 0 ? 0 : Int32(min((rest + 999_999) / 1_000_000, Int64(Int32.max)))
    }

    mutating func takeDue() -> DeadlineKind? {
        var now: Int64 = -1
        for kind in DeadlineKind.allCases where times[kind.rawValue] != .max {
            if now < 0 { now = monotonicNow() }
            if times[kind.rawValue] <= now {
                times[kind.rawValue] = .max
                return kind
            }
        }
        return nil
    }
}
