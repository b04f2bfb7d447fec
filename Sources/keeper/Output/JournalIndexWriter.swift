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
    private var state = SavedState.Index()
    private var file: FileDescriptor?
    /// Records not written yet: while output keeps coming they go out together.
    private var pending: [UInt8] = []

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
    var isFull: Bool { state.count >= JournalIndexWriter.maximumCount }

    /// Starts over for a new segment.
    mutating func begin(base: Int) {
        self.base = base
        file = nil
        pending = []
        (state.isBroken, state.count, state.lastPosition) = (false, 0, -1)
    }

    /// Adds a record where this chunk needs one.
    ///
    /// - Parameters:
    ///   - position: of the chunk's first byte in the stream.
    ///   - time: Unix time in ns.
    ///   - interrupted: the other stream spoke since this one's last chunk.
    mutating func note(position: Int, time: Int64, interrupted: Bool) {
        let wasSilent = time - state.lastChunkTime >= JournalIndexWriter.silence || time < state.lastChunkTime
        state.lastChunkTime = time
        if state.lastPosition >= 0, !wasSilent, !interrupted,
            position - state.lastPosition < JournalIndexWriter.interval
        {
            return
        }
        state.lastPosition = position
        state.count += 1
        withUnsafeBytes(of: UInt64(position).littleEndian) { pending += $0 }
        withUnsafeBytes(of: UInt64(bitPattern: time).littleEndian) { pending += $0 }
        if wasSilent || interrupted || pending.count >= 64 * StreamName.indexRecordSize { flush() }
    }

    mutating func flush() {
        if pending.isEmpty { return }
        defer { pending.removeAll(keepingCapacity: true) }
        if state.isBroken { return }
        do throws(SystemError) {
            if file == nil {
                file = try folder.descriptor.open(
                    stream.indexName(base: base), O_WRONLY | O_CREAT | O_APPEND)
            }
            let records = pending
            try file.use { file throws(SystemError) in try file.writeAll(records, "\(stream.text).idx") }
        } catch {
            state.isBroken = true
        }
    }

    func save() -> SavedState.Index {
        var saved = state
        saved.descriptor = file.raw
        return saved
    }

    mutating func restore(_ saved: SavedState.Index, base: Int) {
        self.base = base
        state = saved
        file = FileDescriptor(owningIfOpen: saved.descriptor)
    }
}
