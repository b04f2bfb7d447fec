import CSystem
import KeeperShared

/// Tells when the bytes of a journal came, from the index beside each segment, read forward.
///
/// The index may be short, torn or missing. Bytes that no record covers count as those before them.
final class JournalIndex {
    private let stream: StreamName
    private var base = 0
    private var file: FileDescriptor?
    /// Where in the file the bytes after those in ``records`` are.
    private var offset = 0
    /// What was read ahead.
    private var records: [UInt8] = []
    private var used = 0
    /// Unix time in ns of the bytes at the position that was asked for last.
    private var time: Int64 = 0
    private var lastPosition = 0
    private var hasStarted = false
    /// There was no further record at the last look.
    private var isExhausted = false

    private static let readAhead = 256 * StreamName.indexRecordSize

    init(_ stream: StreamName) { self.stream = stream }

    /// Goes to the index of another segment; until that tells more, the last time holds.
    func enterSegment(base: Int) {
        if hasStarted, base == self.base { return isExhausted = false }
        self.base = base
        file = nil
        offset = 0
        records = []
        used = 0
        lastPosition = base
        isExhausted = false
    }

    /// Unix time in ns of the byte at `position` in the present segment; 0 when nothing is known.
    func time(at position: Int, in folder: borrowing FileDescriptor) -> Int64 {
        isExhausted = false
        return knownTime(at: position, in: folder)
    }

    /// The same without looking again and again for records that were not there at the last look: for one line
    /// after the other. ``enterSegment(base:)`` of the same segment lets it look again.
    func knownTime(at position: Int, in folder: borrowing FileDescriptor) -> Int64 {
        if !hasStarted { start(at: position, in: folder) }
        while let record = peek(in: folder), record.position <= position {
            take(record)
        }
        return time
    }

    /// The end of those bytes, up to `end`, that came before another stream's time.
    ///
    /// - Parameter orWith: bytes of exactly that time count as well.
    func runEnd(upTo end: Int, before other: Int64, orWith: Bool, in folder: borrowing FileDescriptor) -> Int
    {
        isExhausted = false
        while let record = peek(in: folder), record.position < end {
            if orWith ? record.time > other : record.time >= other { return record.position }
            take(record)
        }
        return end
    }

    /// Leaves out the records before the one that covers the first position that is asked for.
    private func start(at position: Int, in folder: borrowing FileDescriptor) {
        hasStarted = true
        // Without an index and a list of segments the time is unknown; no byte is lost.
        let covering = IndexFile(stream, base: base, in: folder)?.covering(position)
        if let covering {
            offset = covering * StreamName.indexRecordSize
        } else if let timeline = try? JournalTimeline(stream, in: folder) {
            time = timeline.time(at: position, in: folder)
        }
    }

    private func take(_ record: IndexRecord) {
        lastPosition = record.position
        time = record.time
        used += StreamName.indexRecordSize
    }

    /// The next record that can be true.
    private func peek(in folder: borrowing FileDescriptor) -> IndexRecord? {
        while true {
            if used == records.count {
                if isExhausted { return nil }
                if !readMore(in: folder) {
                    isExhausted = true
                    return nil
                }
            }
            let record = records.withUnsafeBytes { IndexRecord($0, at: used) }
            if record.position >= lastPosition { return record }
            used += StreamName.indexRecordSize
        }
    }

    private func readMore(in folder: borrowing FileDescriptor) -> Bool {
        do throws(SystemError) {
            // The writer makes it with its first record, which may be later than the first byte.
            if file == nil { file = try folder.open(stream.indexName(base: base), O_RDONLY) }
            records =
                try file.use { file throws(SystemError) in
                    try file.read(upTo: JournalIndex.readAhead, at: offset)
                } ?? []
        } catch {
            // An index that can't be read is as good as none: times are coarser.
            return false
        }
        // The rest of a torn record is read again next time.
        records.removeLast(records.count % StreamName.indexRecordSize)
        offset += records.count
        used = 0
        return !records.isEmpty
    }
}
