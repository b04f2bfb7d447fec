import KeeperShared

/// Lets few of many events of output through: the last of each stream and session, now and then. For a list that shows
/// what sessions say last, however much they say.
final class EventThinner {
    /// Events that are held, the oldest first.
    private var held: [(session: [UInt8], stream: [UInt8], event: [UInt8], lines: Int)] = []
    /// When they are to be let through, on the monotonic clock; `Int64.max` while there are none.
    private(set) var due = Int64.max

    /// How long events are held, in ns.
    private static let pause: Int64 = .milliseconds(200)

    /// Takes an event.
    ///
    /// - Parameter pass: called with each event that goes through now.
    func take(_ event: UnsafeRawBufferPointer, _ pass: (UnsafeRawBufferPointer) -> Void) {
        let bytes = event.bindMemory(to: UInt8.self)
        let session = jsonBytes("sessionId", of: bytes) ?? []
        guard isJSONString(jsonMember("type", of: bytes), "output") else {
            // What was written before it is told before it.
            release(pass) { $0 == session }
            return pass(event)
        }
        let stream = jsonBytes("stream", of: jsonMember("data", of: bytes)) ?? []
        if let place = held.firstIndex(where: { $0.session == session && $0.stream == stream }) {
            held[place].event = Array(event)
            held[place].lines += 1
        } else {
            held.append((session, stream, Array(event), 1))
        }
        if due == Int64.max { due = monotonicNow() + EventThinner.pause }
    }

    /// Lets through what has been held long enough.
    func release(_ pass: (UnsafeRawBufferPointer) -> Void) {
        if due > monotonicNow() { return }
        release(pass) { _ in true }
    }

    private func release(_ pass: (UnsafeRawBufferPointer) -> Void, _ isWanted: ([UInt8]) -> Bool) {
        var rest: [(session: [UInt8], stream: [UInt8], event: [UInt8], lines: Int)] = []
        for entry in held {
            if !isWanted(entry.session) {
                rest.append(entry)
                continue
            }
            // Two braces end an event: its data's and its own.
            let event = entry.event.dropLast(2) + Array(concat(",\"lines\":", String(entry.lines), "}}").utf8)
            Array(event).bytes { pass($0) }
        }
        held = rest
        if held.isEmpty { due = Int64.max }
    }
}
