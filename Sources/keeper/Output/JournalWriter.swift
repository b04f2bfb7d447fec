import CSystem
import KeeperShared

/// Appends one stream's output to its segments, and removes the oldest beyond the bound.
///
/// The log is the truth; the index says roughly when which byte came and may be short or missing.
final class JournalWriter {
    let stream: StreamName
    private let folder: SessionFolder
    /// Bytes of output kept at most.
    private let bound: Int
    private let segmentLimit: Int
    private var state = SavedState.Journal()
    private var log: FileDescriptor?
    private var index: JournalIndexWriter

    /// The index is flushed first.
    func save() -> SavedState.Journal {
        flushIndex()
        var saved = state
        saved.log = log.raw
        saved.index = index.save()
        return saved
    }

    convenience init(
        _ stream: StreamName, bound: Int, in folder: SessionFolder, restoring saved: SavedState.Journal
    ) {
        self.init(stream, bound: bound, in: folder)
        state = saved
        log = FileDescriptor(owningIfOpen: saved.log)
        index.restore(saved.index, base: saved.base)
    }

    init(_ stream: StreamName, bound: Int, in folder: SessionFolder) {
        self.stream = stream
        self.folder = folder
        self.bound = bound
        segmentLimit = max(1, bound / 4)
        index = JournalIndexWriter(stream, in: folder)
    }

    var extent: StreamExtent {
        StreamExtent(first: state.closed.first?.base ?? state.base, next: state.base + state.size)
    }

    /// Appends bytes that came at `time` (Unix time in ns).
    ///
    /// - Parameter interrupted: the other stream spoke since this one's last chunk.
    /// - Parameter failure: why not all of it could be written.
    /// - Returns: how many bytes are in the journal.
    func append(
        _ bytes: UnsafeRawBufferPointer, time: Int64, interrupted: Bool,
        failure: inout SystemError?
    ) -> Int {
        var written = 0
        do throws(SystemError) {
            while written < bytes.count {
                if log == nil || state.segmentHasEnded || state.size >= segmentLimit || index.isFull {
                    try open()
                }
                let end = state.base + state.size
                index.note(position: end, time: time, interrupted: interrupted && written == 0)
                let part = partForSegment(UnsafeRawBufferPointer(rebasing: bytes[written...]))
                var offset = 0
                while offset < part.bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: part.bytes[offset...])
                    let count = try writeLog(rest)
                    offset += count
                    state.size += count
                    written += count
                }
                state.segmentHasEnded = part.endsSegment
            }
        } catch {
            failure = error
        }
        return written
    }

    private func writeLog(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        try log.use { file throws(SystemError) in try file.write(bytes, "\(stream.text).log") } ?? 0
    }

    /// What of `bytes` goes into the present segment: it ends at a line's end in its last tenth, if one comes.
    private func partForSegment(
        _ bytes: UnsafeRawBufferPointer
    ) -> (bytes: UnsafeRawBufferPointer, endsSegment: Bool) {
        let tenth = segmentLimit - segmentLimit / 10
        let room = segmentLimit - state.size
        guard state.size + bytes.count > tenth else { return (bytes, false) }
        let end = min(room, bytes.count)
        let start = max(0, tenth - state.size)
        if start < end, let found = memrchr(bytes.baseAddress! + start, 10, end - start) {
            let count = UnsafeRawPointer(found) - bytes.baseAddress! + 1
            return (UnsafeRawBufferPointer(rebasing: bytes[..<count]), true)
        }
        return (UnsafeRawBufferPointer(rebasing: bytes[..<end]), false)
    }

    /// Opens the next segment, or the first.
    func open() throws(SystemError) {
        if log != nil {
            flushIndex()
            // Make room first: a full disk must not keep what is due to go.
            var kept = state.size + segmentLimit
            for segment in state.closed { kept += segment.size }
            while kept > bound, let oldest = state.closed.first {
                // One that can't be removed stays until the session's files go.
                try? folder.descriptor.remove(stream.segmentName(base: oldest.base))
                try? folder.descriptor.remove(stream.indexName(base: oldest.base))
                kept -= oldest.size
                state.closed.removeFirst()
            }
        }
        let newBase = state.base + state.size
        let name = stream.segmentName(base: newBase)
        let file = try folder.descriptor.open(name, O_WRONLY | O_CREAT | O_APPEND)
        if log != nil { state.closed.append(Segment(base: state.base, size: state.size)) }
        log = consume file
        state.base = newBase
        state.size = 0
        state.segmentHasEnded = false
        index.begin(base: state.base)
        swapLink(to: name)
    }

    private func swapLink(to name: String) {
        do throws(SystemError) {
            if state.base == 0 {
                try folder.descriptor.link(name, to: stream.linkName)
            } else {
                try folder.descriptor.remove(stream.newLinkName)
                try folder.descriptor.link(name, to: stream.newLinkName)
                try folder.descriptor.rename(stream.newLinkName, to: stream.linkName)
            }
        } catch {
            // The link is for people: they miss the newest lines until the next segment.
        }
    }

    func flushIndex() { index.flush() }

    /// The last bytes of the stream, at most `count`.
    func tail(_ count: Int) -> [UInt8] { lastBytes(of: stream, count, in: folder.descriptor) }
}
