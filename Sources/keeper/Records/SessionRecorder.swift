import CSystem
import KeeperShared

/// Keeps what the session's files tell: the status and the events.
///
/// A disk that takes no more stops nothing: events wait here, and the status is written when it can be.
final class SessionRecorder {
    var status: SessionStatus
    var manager = ServiceManager()
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

    init(_ status: SessionStatus) { self.status = status }

    /// Puts what the next binary needs into its state.
    func save(into state: inout SavedState) {
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        status.write(to: &json)
        state.status = json.bytes
        state.events = events.raw
        state.eventBytes = eventBytes
        state.sequence = sequence
        state.waitingEvents = waitingEvents
    }

    /// Goes on where another binary was; nil when its status can't be understood.
    convenience init?(restoring state: SavedState) {
        guard let status = SessionStatus(bytes: state.status) else { return nil }
        self.init(status)
        events = FileDescriptor(owningIfOpen: state.events)
        eventBytes = state.eventBytes
        sequence = state.sequence
        waitingEvents = state.waitingEvents
    }

    /// Whether something waits for room on the disk.
    var hasBacklog: Bool { statusIsStale || !waitingEvents.isEmpty }

    /// Writes the status as it is now.
    ///
    /// - Returns: whether it is on disk.
    @discardableResult
    func writeStatus(in folder: borrowing FileDescriptor) -> Bool {
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        status.write(to: &json)
        json.endLine()
        hasChanged = true
        do throws(SystemError) {
            if let code = Faults.next("write", SessionNames.status) {
                throw SystemError("write", SessionNames.status, code)
            }
            try folder.replace(SessionNames.status, with: json.bytes)
            statusIsStale = false
        } catch {
            statusIsStale = true
        }
        return !statusIsStale
    }

    /// Makes the file for the events before there is one: readers that find the folder then hold it, and can read it
    /// to its end even if it is removed the moment after.
    func prepareEvents(in folder: borrowing FileDescriptor) { try? openEvents(in: folder) }

    /// Writes the status into a folder that nobody reads yet.
    func writeFirstStatus(in folder: borrowing FileDescriptor) {
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        status.write(to: &json)
        json.endLine()
        do throws(SystemError) {
            try folder.open(SessionNames.status, O_WRONLY | O_CREAT).writeAll(json.bytes, SessionNames.status)
            statusIsStale = false
        } catch {
            statusIsStale = true
        }
    }

    /// Appends an event; `details` adds members to it.
    func event(
        _ name: StaticString, in folder: borrowing FileDescriptor,
        _ details: (inout JSONWriter) -> Void = { _ in }
    ) {
        sequence += 1
        hasChanged = true
        var json = JSONWriter(capacity: SessionRecorder.usualSize)
        appendEventHeader(
            json: &json, seq: sequence, time: Timestamp.now(), instance: status.instance, event: name)
        details(&json)
        json.endObject()
        json.endLine()
        // Dropped when too many wait: their sequence numbers tell.
        if waitingEvents.isEmpty {
            waitingEvents = json.bytes
        } else if waitingEvents.count < SessionRecorder.waitingBound {
            waitingEvents += json.bytes
        }
        flushEvents(in: folder)
    }

    /// A change of state: recorded as an event and in the status.
    @discardableResult
    func transition(
        to state: SessionState, _ name: StaticString, in folder: borrowing FileDescriptor,
        _ details: (inout JSONWriter) -> Void = { _ in }
    ) -> Bool {
        let from = status.state
        assert(SessionTransition.isKnown(from, name, state), "\(from.name) → \(state.name) (\(name))")
        status.state = state
        let isWritten = writeStatus(in: folder)
        manager.tell(status)
        event(name, in: folder) { json in
            json.key("from")
            json.string("\(from.name)")
            json.key("to")
            json.string("\(state.name)")
            details(&json)
        }
        return isWritten
    }

    /// Tries again what didn't fit on the disk.
    func retry(in folder: borrowing FileDescriptor) {
        if statusIsStale { writeStatus(in: folder) }
        flushEvents(in: folder)
    }

    private func flushEvents(in folder: borrowing FileDescriptor) {
        var sent = 0
        do throws(SystemError) {
            if events == nil || eventBytes >= SessionRecorder.eventBound { try openEvents(in: folder) }
            while sent < waitingEvents.count {
                let count = try writeEvents(from: sent)
                sent += count
                eventBytes += count
            }
        } catch {}
        if sent == waitingEvents.count { waitingEvents = [] } else { waitingEvents.removeFirst(sent) }
    }

    private func writeEvents(from offset: Int) throws(SystemError) -> Int {
        var failure: SystemError?
        var count = 0
        waitingEvents.withUnsafeBytes { bytes in
            switch events {
            case .none: break
            case .some(let file):
                do throws(SystemError) {
                    count = try file.write(
                        UnsafeRawBufferPointer(rebasing: bytes[offset...]), SessionNames.events)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return count
    }

    private func openEvents(in folder: borrowing FileDescriptor) throws(SystemError) {
        if events != nil { try folder.rename(SessionNames.events, to: SessionNames.olderEvents) }
        // Opened from scratch should this fail: the old name is gone.
        events = nil
        events = try folder.open(SessionNames.events, O_WRONLY | O_CREAT | O_APPEND)
        eventBytes = 0
    }
}
