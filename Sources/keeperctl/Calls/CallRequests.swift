import CSystem
import KeeperShared

/// Requests that are not answered yet, and how long their answers are waited for.
struct CallRequests {
    private struct Request {
        /// As JSON: what the caller wrote, and what an answer is given back with.
        let id: [UInt8]
        let sentAt: Int64
        var isAnswered = false
    }

    /// The prefix of all our ids, with the opening quote; no other client uses it.
    private let prefix: [UInt8]
    private var requests: [Request] = []
    /// The number of the first in the list.
    private var first = 0
    /// How many wait for an answer.
    private(set) var openCount = 0
    let timeout: Int64
    private let longest: Int64
    /// As the last sign of progress has it.
    private var extendedTo: Int64 = 0

    /// What a sign of progress gives.
    private static let patience: Int64 = .seconds(60)
    /// How many requests are under way at once. The list may be longer while an early one has no answer yet.
    private static let mostOpen = 1024
    private static let mostListed = 64 << 10

    /// - Parameter longest: what signs of progress can extend the time to. Both in ns.
    init(timeout: Int64, longest: Int64) {
        self.timeout = min(timeout, longest)
        self.longest = longest
        prefix = Array(concat("\"keeperctl-", String(randomNumber()), "-").utf8)
    }

    /// Counts a request in.
    ///
    /// - Parameter id: as the caller wrote it; empty for a request that is the program's own.
    /// - Returns: the id to send, as JSON.
    mutating func add(_ id: [UInt8], at now: Int64) -> [UInt8] {
        var sent = prefix
        sent.appendDecimal(UInt64(first + requests.count))
        sent.append(UInt8(ascii: "\""))
        requests.append(Request(id: id.isEmpty ? sent : id, sentAt: now))
        openCount += 1
        return sent
    }

    /// Whether some should be answered before more are sent.
    var isFull: Bool {
        openCount >= CallRequests.mostOpen || requests.count >= CallRequests.mostListed
    }

    /// Takes the request that an answer is for.
    ///
    /// - Returns: the id as the caller wrote it; nil when it is not ours, or answered already.
    mutating func take(_ id: Bytes) -> [UInt8]? {
        guard id.count > prefix.count + 1, memcmp(id.baseAddress!, prefix, prefix.count) == 0,
            let number = jsonInteger(Bytes(rebasing: id[prefix.count..<(id.count - 1)])), number >= first,
            number - first < requests.count, !requests[number - first].isAnswered
        else { return nil }
        openCount -= 1
        requests[number - first].isAnswered = true
        let own = requests[number - first].id
        dropAnswered()
        return own
    }

    /// Forgets those at the front that are done with. Half of the list at a time, as removing moves the rest.
    private mutating func dropAnswered() {
        var count = 0
        while count < requests.count, requests[count].isAnswered { count += 1 }
        if count == requests.count || count > 64, count * 2 >= requests.count {
            requests.removeFirst(count)
            first += count
        }
    }

    /// The child is at work: everything that waits may wait for longer.
    mutating func noteProgress(at now: Int64) { extendedTo = now + CallRequests.patience }

    /// When the time of the oldest is over; nil when nothing waits.
    var deadline: Int64? {
        for request in requests where !request.isAnswered { return end(of: request) }
        return nil
    }

    private func end(of request: Request) -> Int64 {
        min(request.sentAt + longest, max(request.sentAt + timeout, extendedTo))
    }

    /// Gives those up whose time is over.
    ///
    /// - Returns: their ids as the caller wrote them.
    mutating func takeOverdue(at now: Int64) -> [[UInt8]] {
        var overdue: [[UInt8]] = []
        for index in requests.indices where !requests[index].isAnswered {
            if end(of: requests[index]) > now { break }
            requests[index].isAnswered = true
            openCount -= 1
            overdue.append(requests[index].id)
        }
        dropAnswered()
        return overdue
    }
}
