import CSystem
import KeeperShared

/// Writes the index of a journal's newest segment: roughly when which byte came.
///
/// What can't be written is dropped: the index may be short.
struct JournalIndexWriter: ~Copyable {
    private let stream: StreamName
    private let folder: SessionFolder
    /// The position at which the segment begins.
    private var base = 0
    private var file: FileDescriptor?
    /// A record could not be written whole; those after it would not lie on 16-byte steps.
    private var isBroken = false
    private var count = 0
    /// Records not written yet: while output keeps coming they go out together.
    private var pending: [UInt8] = []
    private var lastPosition = -1
    private var lastChunkTime: Int64 = 0

    private static let maximumCount = 65_536
    /// A record precedes a chunk after this much silence, …
    private static let silence: Int64 = .milliseconds(10)
    /// … and after this many bytes.
    private static let interval = 64 << 10

    init(_ stream: StreamName, in folder: SessionFolder) {
        self.stream = stream
        self.folder = folder
    }

    /// No record has room in this segment's index any more.
    var isFull: Bool { count >= JournalIndexWriter.maximumCount }

    /// Starts over for a new segment.
    mutating func begin(base: Int) {
        self.base = base
        file = nil
        isBroken = false
        count = 0
        pending = []
        lastPosition = -1
    }

    /// Adds a record where this chunk needs one.
    ///
    /// - Parameters:
    ///   - position: of the chunk's first byte in the stream.
    ///   - time: Unix time in ns.
    ///   - interrupted: the other stream spoke since this one's last chunk.
    mutating func note(position: Int, time: Int64, interrupted: Bool) {
        let wasSilent = time - lastChunkTime >= JournalIndexWriter.silence || time < lastChunkTime
        lastChunkTime = time
        if lastPosition >= 0, !wasSilent, !interrupted, position - lastPosition < JournalIndexWriter.interval
        {
            return
        }
        lastPosition = position
        count += 1
        withUnsafeBytes(of: UInt64(position).littleEndian) { pending += $0 }
        withUnsafeBytes(of: UInt64(bitPattern: time).littleEndian) { pending += $0 }
        if wasSilent || interrupted || pending.count >= 64 * StreamName.indexRecordSize { flush() }
    }

    /// Writes the records that wait.
    mutating func flush() {
        if pending.isEmpty { return }
        defer { pending.removeAll(keepingCapacity: true) }
        if isBroken { return }
        do throws(SystemError) {
            if file == nil {
                file = try folder.descriptor.open(
                    stream.indexName(base: base), O_WRONLY | O_CREAT | O_APPEND)
            }
            let records = pending
            try file.use { file throws(SystemError) in try file.writeAll(records, "\(stream.text).idx") }
        } catch {
            isBroken = true
        }
    }

    func save(into state: inout SavedState.Journal) {
        state.indexIsBroken = isBroken
        state.indexRecords = count
        state.lastRecordPosition = lastPosition
        state.lastChunkTime = lastChunkTime
        state.index = file.raw
    }

    /// Goes on where another binary was, and owns its descriptor.
    mutating func restore(_ state: SavedState.Journal) {
        base = state.base
        isBroken = state.indexIsBroken
        count = state.indexRecords
        lastPosition = state.lastRecordPosition
        lastChunkTime = state.lastChunkTime
        file = FileDescriptor(owningIfOpen: state.index)
    }
}
