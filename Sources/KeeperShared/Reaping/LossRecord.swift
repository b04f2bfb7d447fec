import CSystem

/// Records in a session's folder that its keeper died: in the status and as an event.
///
/// - Returns: the status as it is now; one that was final already stays as it was.
func recordLoss(_ status: SessionStatus, in folder: borrowing FileDescriptor) -> SessionStatus {
    if status.state.isFinal { return status }
    assert(status.state.after(.lost) == .lost)
    let now = Timestamp.now()
    var lost = status
    lost.state = .lost
    lost.exit = SessionStatus.Exit(end: .unknown, at: now)
    var json = JSONWriter()
    lost.write(to: &json)
    json.endLine()
    // A full disk stops nothing: without a keeper every state but a final one reads as lost.
    try? folder.replace(SessionNames.status, with: json.bytes)
    try? appendLossEvent(from: status, at: now, in: folder)
    return lost
}

private func appendLossEvent(
    from status: SessionStatus, at time: Timestamp, in folder: borrowing FileDescriptor
) throws(SystemError) {
    let end = try EventsEnd(of: folder)
    var line: [UInt8] = []
    // The keeper may have died in the middle of a line.
    if end.isTorn { line.append(UInt8(ascii: "\n")) }
    var json = JSONWriter(appendingTo: line)
    appendEventHeader(
        json: &json, seq: end.sequence + 1, time: time, instance: status.instance, event: "lost")
    json.member("from", "\(status.state.name)")
    json.member("to", "lost")
    json.endObject()
    json.endLine()
    try end.file.writeAll(json.bytes, SessionNames.events)
}

/// Where the events of a keeper that died end.
package struct EventsEnd: ~Copyable {
    /// Open for appending.
    package let file: FileDescriptor
    /// Bytes in the file.
    package let size: Int
    /// The number of the last event that is whole; 0 when there is none.
    package let sequence: Int
    /// It died in the middle of a line.
    package let isTorn: Bool

    package init(of folder: borrowing FileDescriptor) throws(SystemError) {
        let file = try folder.open(SessionNames.events, O_RDWR | O_CREAT | O_APPEND)
        let size = try file.metadata().size
        let tail = try file.readLast(tailSize)
        var last = lastSequence(in: tail)
        // There is no older file before the first is full.
        if last == nil, let older = try? folder.open(SessionNames.olderEvents, O_RDONLY) {
            last = lastSequence(in: try older.readLast(tailSize))
        }
        self.file = file
        self.size = size
        sequence = last ?? 0
        isTorn = tail.last.map { $0 != UInt8(ascii: "\n") } ?? false
    }

    package consuming func takeFile() -> FileDescriptor { file }
}

/// More than any event's line.
private let tailSize = 64 << 10

/// The number of the last event that is whole.
private func lastSequence(in bytes: [UInt8]) -> Int? {
    var end = bytes.count
    while end > 0 {
        let start = bytes[..<end].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        // The last line may be torn.
        if let sequence = (try? JSONValue.parse(Array(bytes[start..<end])))?["seq"]?.intValue {
            return Int(sequence)
        }
        end = start - 1
    }
    return nil
}
