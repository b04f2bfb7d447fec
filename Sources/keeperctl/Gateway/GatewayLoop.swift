import CSystem
import KeeperShared

/// What the loop calls.
protocol GatewayPart: AnyObject {
    /// A descriptor of the part's is ready.
    func ready(_ readiness: Readiness)
    /// The part asked for another turn, or its time has come.
    func turn()
    /// When to give it a turn at the latest, on the monotonic clock; `Int64.max` for never.
    var deadline: Int64 { get }
    /// Whether the loop has it in its list of those that asked for a turn.
    var isScheduled: Bool { get set }
}

/// One thread, one epoll set, and the parts that wait in it.
final class GatewayLoop {
    private let poller: Poller
    private var parts: [UInt64: any GatewayPart] = [:]
    private var nextToken: UInt64 = 1
    /// Those that asked for a turn, each once, in order.
    private var waiting: [any GatewayPart] = []
    /// Pages for what is received and for what is sent. One connection at a time has its turn: it takes these, and gives
    /// them back at its end unless something is left in them. An idle connection has none.
    var spareInput = PageBuffer()
    var spareOutput = PageBuffer()
    /// The same for what is on its way to a session.
    var spareTyped = PageBuffer()
    /// No part's time comes before this. Parts move their deadlines without a word; only an earlier one is told.
    private var nextDeadline = Int64.max
    private var timed: [any GatewayPart] = []
    private(set) var isEnding = false
    private var dateSecond = 0
    private var dateText: [UInt8] = []

    /// Times this close to each other are one wake-up, in ns.
    private static let slack: Int64 = .milliseconds(5)

    init() throws(SystemError) { poller = try Poller() }

    /// Waits for a descriptor on behalf of a part.
    ///
    /// - Returns: what ``change(_:_:_:)`` and ``remove(_:_:)`` know it by.
    func add(
        _ part: any GatewayPart, _ descriptor: borrowing FileDescriptor, _ interest: Readiness
    ) throws(SystemError) -> UInt64 {
        let token = nextToken
        nextToken += 1
        try poller.add(descriptor, interest, token: token)
        parts[token] = part
        return token
    }

    func change(_ token: UInt64, _ descriptor: borrowing FileDescriptor, _ interest: Readiness) {
        // It is in the set: only the kernel's memory can fail here, and the next change tries again.
        try? poller.modify(descriptor, interest, token: token)
    }

    func remove(_ token: UInt64, _ descriptor: borrowing FileDescriptor) {
        poller.remove(descriptor)
        parts[token] = nil
    }

    /// Gives a part another turn after all that is ready now.
    func schedule(_ part: any GatewayPart) {
        if part.isScheduled { return }
        part.isScheduled = true
        waiting.append(part)
    }

    /// A part has a deadline, from now until ``forget(_:)``.
    func watchTime(of part: any GatewayPart) {
        timed.append(part)
        noteDeadline(part.deadline)
    }

    /// A part's deadline has become earlier.
    func noteDeadline(_ deadline: Int64) { nextDeadline = min(nextDeadline, deadline) }

    func forget(_ part: any GatewayPart) { timed.removeAll { $0 === part } }

    func end() { isEnding = true }

    /// Waits once, and gives every part that is ready its turn.
    func runOnce() throws(SystemError) {
        var timeout: Int32 = -1
        if !waiting.isEmpty {
            timeout = 0
        } else if nextDeadline != Int64.max {
            timeout = Int32(clamping: max(0, nextDeadline - monotonicNow() + 999_999) / 1_000_000)
        }
        try poller.wait(timeout: timeout) { token, readiness in parts[token]?.ready(readiness) }
        if nextDeadline != Int64.max, nextDeadline <= monotonicNow() { callTimed() }
        if waiting.isEmpty { return }
        let turns = waiting
        waiting.removeAll(keepingCapacity: true)
        for part in turns { part.isScheduled = false }
        for part in turns { part.turn() }
    }

    private func callTimed() {
        let due = monotonicNow() + GatewayLoop.slack
        nextDeadline = Int64.max
        // Those that end in their turn leave the table.
        let all = timed
        for part in all where part.deadline <= due { part.turn() }
        for part in timed { nextDeadline = min(nextDeadline, part.deadline) }
    }

    /// The present for a head's field Date, made once a second.
    var date: [UInt8] {
        let second = time(nil)
        if second != dateSecond {
            dateSecond = second
            dateText = Timestamp(nanoseconds: Int64(second) * 1_000_000_000).httpDate
        }
        return dateText
    }
}

extension PageBuffer {
    /// Gives the pages back once they are empty: they are the next one's, unless there are some for that already.
    mutating func giveBack(to spare: inout PageBuffer) {
        if !isEmpty || capacity == 0 { return }
        if isStandard, spare.capacity == 0 { swap(&self, &spare) } else { self = PageBuffer() }
    }
}
