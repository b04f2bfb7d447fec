import CSystem
import KeeperShared

/// Reads the events of one session for a batch.
final class BatchReader: SessionReader {
    private let id: SessionID
    private let batch: EventBatch
    private(set) var isThrough = false

    init(_ id: SessionID, _ batch: EventBatch) {
        self.id = id
        self.batch = batch
    }

    var deadline: Int64 { Int64.max }

    func receive(_ event: Bytes) { batch.add(event, of: id) }

    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) -> Bool {
        isThrough = session.isOver
        return false
    }
}

/// Events of many sessions that are printed together, in the order of time.
final class EventBatch {
    private struct Event {
        let time: Int64
        let id: SessionID
        let line: Range<Int>
    }

    private let since: Int64
    private let isJSON: Bool
    private var events: [Event] = []
    private var text: [UInt8] = []

    /// - Parameter since: leaves out what happened before, in ns since 1970.
    init(since: Int64, isJSON: Bool) {
        self.since = since
        self.isJSON = isJSON
    }

    /// Adds a line, unless it is torn.
    func add(_ line: Bytes, of id: SessionID) {
        var time: Timestamp?
        var members = JSONMembers(line)
        while members.next() {
            if isJSONString(members.name, "time") { time = jsonTime(members.value) }
        }
        guard members.isWhole, line.last == UInt8(ascii: "}"), let time, time.nanoseconds >= since
        else { return }
        let start = text.count
        text.append(contentsOf: line)
        events.append(Event(time: time.nanoseconds, id: id, line: start..<text.count))
    }

    /// Prints and forgets all.
    func write(to output: StandardOutput) {
        var keys: [SortKey] = []
        for (index, event) in events.enumerated() { keys.append(SortKey(event.time, index)) }
        SortKey.sort(&keys)
        var line: [UInt8] = []
        for key in keys {
            let event = events[key.index]
            line.removeAll(keepingCapacity: true)
            text.withUnsafeBufferPointer { text in
                let raw = Bytes(rebasing: text[event.line])
                if isJSON { appendJSON(raw, event.id, to: &line) } else { append(raw, event.id, to: &line) }
            }
            line.append(UInt8(ascii: "\n"))
            output.write(line)
        }
        events.removeAll()
        text.removeAll(keepingCapacity: true)
        output.flush()
    }

    /// The line as it is, with the session's id after its last member.
    private func appendJSON(_ raw: Bytes, _ id: SessionID, to line: inout [UInt8]) {
        line.append(contentsOf: raw.dropLast())
        line.append(literal: ",\"sessionId\":\"")
        line.append(contentsOf: id.string.utf8)
        line.append(literal: "\"}")
    }

    /// `2026-11-20T10:41:17.123Z calc exited from=running to=exited`
    private func append(_ raw: Bytes, _ id: SessionID, to line: inout [UInt8]) {
        // The first three come first, wherever they are in the line.
        appendPlain(jsonMember("time", of: raw), to: &line)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: id.string.utf8)
        line.append(UInt8(ascii: " "))
        appendPlain(jsonMember("event", of: raw), to: &line)
        var members = JSONMembers(raw)
        while members.next() {
            if isJSONString(members.name, "format") || isJSONString(members.name, "seq")
                || isJSONString(members.name, "time") || isJSONString(members.name, "instance")
                || isJSONString(members.name, "event")
            {
                continue
            }
            line.append(UInt8(ascii: " "))
            appendPlain(members.name, to: &line)
            line.append(UInt8(ascii: "="))
            appendPlain(members.value, to: &line)
        }
    }

    /// A string without its quotes, anything else as JSON; in quotes what could disturb a terminal or a reader.
    private func appendPlain(_ value: Bytes, to line: inout [UInt8]) {
        var bytes: [UInt8] = []
        if value.first == UInt8(ascii: "\"") {
            appendJSONString(value, to: &bytes)
        } else {
            bytes.append(contentsOf: value)
        }
        if !bytes.isEmpty && bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            line.append(contentsOf: bytes)
        } else {
            appendQuoted(bytes, limit: 1000, to: &line)
        }
    }
}
