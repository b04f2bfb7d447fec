import CSystem
import KeeperShared

/// Keeps what the session's files tell: the status and the events.
///
/// A disk that takes no more stops nothing: events wait here, and the status is written when it can be.
final class SessionRecorder {
    var status: SessionStatus
    let manager = ServiceManager()
    /// How far the journals go, whenever the status is written.
    var extents: () -> (stdout: StreamExtent, stderr: StreamExtent) = { (StreamExtent(), StreamExtent()) }
    private let folder: SessionFolder
    private var events: FileDescriptor?
    private var eventBytes = 0
    private var sequence = 0
    private var waitingEvents: [UInt8] = []
    private(set) var statusIsStale = true
    /// Something was recorded since this was last set to false.
    var hasChanged = false

    /// Events are kept up to this size, and one older file of the same.
    private static let eventBound = 1 << 20
    private static let waitingBound = 64 << 10
    /// Most statuses and events are shorter.
    private static let usualSize = 992

    init(_ status: SessionStatus, in folder: SessionFolder) {
        self.status = status
        self.folder = folder
    }

    convenience init(_ status: SessionStatus, in folder: SessionFolder, restoring state: SavedState) {
        self.init(status, in: folder)
        events = FileDescriptor(owningIfOpen: state.events)
        eventBytes = state.eventBytes
        sequence = state.sequence
        waitingEvents = state.waitingEvents
    }

    func save(into state: inout SavedState) {
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        writeStatus(to: &json)
        state.status = json.bytes
        state.events = events.raw
        state.eventBytes = eventBytes
        state.sequence = sequence
        state.waitingEvents = waitingEvents
    }

    /// Whether something waits for room on the disk.
    var hasBacklog: Bool { statusIsStale || !waitingEvents.isEmpty }

    // MARK: The status

    /// Appends the status as it is now.
    func writeStatus(to json: inout JSONWriter) {
        (status.stdout, status.stderr) = extents()
        status.write(to: &json)
    }

    /// Writes the status as it is now into its file; a disk that takes no more leaves it stale.
    func writeStatus() {
        hasChanged = true
        writeStatus { bytes throws(SystemError) in
            if let code = Faults.next("write", SessionNames.status) {
                throw SystemError("write", SessionNames.status, code)
            }
            try folder.descriptor.replace(SessionNames.status, with: bytes)
        }
    }

    /// The same in a folder that nobody reads yet.
    func writeFirstStatus() {
        writeStatus { bytes throws(SystemError) in
            try folder.descriptor.open(SessionNames.status, O_WRONLY | O_CREAT)
                .writeAll(bytes, SessionNames.status)
        }
    }

    private func writeStatus(_ write: ([UInt8]) throws(SystemError) -> Void) {
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        writeStatus(to: &json)
        json.endLine()
        do throws(SystemError) {
            try write(json.bytes)
            statusIsStale = false
        } catch {
            // Tried again later: see hasBacklog.
            statusIsStale = true
        }
    }

    // MARK: Events

    /// Makes the file for the events before there is one: readers that find the folder then hold it, and can read it
    /// to its end even if it is removed the moment after.
    func prepareEvents() {
        // What fails here is tried again with the first event.
        try? openEvents()
    }

    /// Appends an event.
    ///
    /// - Parameter states: the change of state that it is; `from` is nil where that is not known.
    func record(_ event: SessionEvent, from: SessionState? = nil, to: SessionState? = nil) {
        sequence += 1
        hasChanged = true
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        appendEventHeader(
            json: &json, seq: sequence, time: Timestamp.now(), instance: status.instance, event: event.name)
        if let from { json.member("from", text: from.name) }
        if let to { json.member("to", text: to.name) }
        event.write(to: &json)
        json.endObject()
        json.endLine()
        // Dropped when too many wait: their sequence numbers tell.
        if waitingEvents.isEmpty {
            waitingEvents = json.bytes
        } else if waitingEvents.count < SessionRecorder.waitingBound {
            waitingEvents += json.bytes
        }
        flushEvents()
    }

    /// A change of state: recorded in the status and as an event.
    func transition(to state: SessionState, _ event: SessionEvent) {
        let from = status.state
        status.state = state
        writeStatus()
        manager.tell(status)
        record(event, from: from, to: state)
    }

    func retry() {
        if statusIsStale { writeStatus() }
        flushEvents()
    }

    private func flushEvents() {
        var sent = 0
        do throws(SystemError) {
            if events == nil || eventBytes >= SessionRecorder.eventBound { try openEvents() }
            while sent < waitingEvents.count {
                let count = try waitingEvents.bytes { bytes throws(SystemError) in
                    try events.use { file throws(SystemError) in
                        try file.write(UnsafeRawBufferPointer(rebasing: bytes[sent...]), SessionNames.events)
                    }
                }
                sent += count ?? 0
                eventBytes += count ?? 0
            }
        } catch {
            // What is left waits: see hasBacklog.
        }
        if sent == waitingEvents.count { waitingEvents = [] } else { waitingEvents.removeFirst(sent) }
    }

    private func openEvents() throws(SystemError) {
        if events != nil { try folder.descriptor.rename(SessionNames.events, to: SessionNames.olderEvents) }
        // Opened from scratch should this fail: the old name is gone.
        events = nil
        events = try folder.descriptor.open(SessionNames.events, O_WRONLY | O_CREAT | O_APPEND)
        eventBytes = 0
    }
}
