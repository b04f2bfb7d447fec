import KeeperShared

/// Waits until changes have come to rest: so long after the last of them. Changes that never rest are not waited for
/// longer than 25 such times after the first, but at least a second.
package struct QuietTime {
    private let rest: Int64
    private var latest: Int64 = 0
    /// When it is over, on the monotonic clock; nil while there is nothing to wait for.
    package private(set) var deadline: Int64?

    /// - Parameter rest: in nanoseconds.
    package init(_ rest: Int64) { self.rest = rest }

    /// Something has changed.
    package mutating func note(_ now: Int64) {
        if deadline == nil {
            let (longest, isTooLong) = rest.multipliedReportingOverflow(by: 25)
            let (sum, isTooLate) = now.addingReportingOverflow(isTooLong ? rest : max(.seconds(1), longest))
            latest = isTooLate ? .max : sum
        }
        let (next, isTooLate) = now.addingReportingOverflow(rest)
        deadline = min(latest, isTooLate ? .max : next)
    }

    /// Whether the time is over; then the next begins with the next change.
    package mutating func isOver(_ now: Int64) -> Bool {
        guard let deadline, deadline <= now else { return false }
        self.deadline = nil
        return true
    }
}
