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
    /// Closed segments that still exist, oldest first.
    private var closed: [Segment] = []
    private var base = 0
    private var size = 0
    private var log: FileDescriptor?
    /// A line's end came within the last tenth; the next byte starts a new segment.
    private var segmentHasEnded = false
    private var index: JournalIndexWriter

    /// The state as it is now. The index is flushed first.
    func save() -> SavedState.Journal {
        flushIndex()
        var state = SavedState.Journal()
        state.base = base
        state.size = size
        state.closed = closed
        state.segmentHasEnded = segmentHasEnded
        state.log = log.raw
        index.save(into: &state)
        return state
    }

    /// Goes on where another binary of the same process was, and owns its descriptors.
    convenience init(
        _ stream: StreamName, bound: Int, in folder: SessionFolder, restoring state: SavedState.Journal
    ) {
        self.init(stream, bound: bound, in: folder)
        base = state.base
        size = state.size
        closed = state.closed
        segmentHasEnded = state.segmentHasEnded
        log = FileDescriptor(owningIfOpen: state.log)
        index.restore(state)
    }

    init(_ stream: StreamName, bound: Int, in folder: SessionFolder) {
        self.stream = stream
        self.folder = folder
        self.bound = bound
        segmentLimit = max(1, bound / 4)
        index = JournalIndexWriter(stream, in: folder)
    }

    /// The positions that are kept.
    var extent: StreamExtent {
        StreamExtent(first: closed.first?.base ?? base, next: base + size)
    }

    /// Makes the first segment.
    func open() throws(SystemError) {
        try openSegment()
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
                if log == nil || segmentHasEnded || size >= segmentLimit || index.isFull { try openSegment() }
                index.note(position: base + size, time: time, interrupted: interrupted && written == 0)
                let part = partForSegment(UnsafeRawBufferPointer(rebasing: bytes[written...]))
                var offset = 0
                while offset < part.bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: part.bytes[offset...])
                    let count = try writeLog(rest)
                    offset += count
                    size += count
                    written += count
                }
                segmentHasEnded = part.endsSegment
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
        let room = segmentLimit - size
        guard size + bytes.count > tenth else { return (bytes, false) }
        let end = min(room, bytes.count)
        let start = max(0, tenth - size)
        if start < end, let found = memrchr(bytes.baseAddress! + start, 10, end - start) {
            let count = UnsafeRawPointer(found) - bytes.baseAddress! + 1
            return (UnsafeRawBufferPointer(rebasing: bytes[..<count]), true)
        }
        return (UnsafeRawBufferPointer(rebasing: bytes[..<end]), false)
    }

    private func openSegment() throws(SystemError) {
        if log != nil {
            flushIndex()
            // Make room first: a full disk must not keep what is due to go.
            var kept = size + segmentLimit
            for segment in closed { kept += segment.size }
            while kept > bound, let oldest = closed.first {
                // One that can't be removed stays until the session's files go.
                try? folder.descriptor.remove(stream.segmentName(base: oldest.base))
                try? folder.descriptor.remove(stream.indexName(base: oldest.base))
                kept -= oldest.size
                closed.removeFirst()
            }
        }
        let newBase = base + size
        let name = stream.segmentName(base: newBase)
        let file = try folder.descriptor.open(name, O_WRONLY | O_CREAT | O_APPEND)
        if log != nil { closed.append(Segment(base: base, size: size)) }
        log = consume file
        base = newBase
        size = 0
        segmentHasEnded = false
        index.begin(base: base)
        swapLink(to: name)
    }

    private func swapLink(to name: String) {
        do throws(SystemError) {
            if base == 0 {
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

    /// Writes the index records that wait.
    func flushIndex() { index.flush() }

    /// The last bytes of the stream, at most `count`, from the newest segments.
    func tail(_ count: Int) -> [UInt8] {
        var tail: [UInt8] = []
        let segments = closed + [Segment(base: base, size: size)]
        for segment in segments.reversed() where tail.count < count {
            let want = min(count - tail.count, segment.size)
            let part = [UInt8](unsafeUninitializedCapacity: want) { space, filled in
                do throws(SystemError) {
                    let file = try folder.descriptor.open(stream.segmentName(base: segment.base), O_RDONLY)
                    filled = try file.read(
                        into: UnsafeMutableRawBufferPointer(space), at: segment.size - want)
                } catch {
                    // What can't be read is left out: it only explains an end, or helps to find a text.
                }
            }
            tail = part + tail
        }
        return tail
    }
}
