import CSystem
import KeeperShared

/// Why a follower can't go on.
enum FollowFailure: Error {
    /// Nobody reads any more what is written.
    case readerGone
    case output(SystemError)
    case journal(SystemError)

    /// The exit status of a command that only follows.
    @inline(never)
    func status(_ what: String) throws(CommandFailure) -> Int32 {
        switch self {
        // As quiet as `cat` when its reader leaves.
        case .readerGone: return 128 + SIGPIPE
        case .output(let error): throw CommandFailure("write output", error)
        case .journal(let error): throw CommandFailure(what, error)
        }
    }
}

/// One stream on its way from the journal to standard output or standard error.
final class FollowedStream {
    let name: StreamName
    /// Where to start.
    var position = 0
    /// Where to stop at the latest.
    var limit = Int.max
    let output: FollowedOutput

    init(_ name: StreamName, to output: FollowedOutput) {
        self.name = name
        self.output = output
    }
}

/// Copies a session's journals, in the order in which their bytes came, to their end or as long as the session lives.
///
/// Part of a loop that may have other parts: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``.
final class Follower {
    /// Everything is copied, and no more will come.
    private(set) var isDone = false
    private let folder: FileDescriptor
    private let watch: SessionWatch?
    private let merge: JournalMerge
    /// For each reader where its bytes go, and what is done to them on the way.
    private let outputs: [FollowedOutput]
    private let formatters: [LineFormatter]
    private let gap: (StreamName, JournalGap) -> Void
    /// What was read last, for the formatters.
    private var scratch = PageBuffer()
    private var hasMore = true
    /// Ends as soon as nobody reads, not with the next write.
    var endsWithReaders = false

    private static let chunk = 128 << 10
    /// Smaller where much may be put between.
    private static let formattedChunk = 32 << 10
    /// What is copied before the loop's other parts get their turn.
    private static let chunksPerTurn = 16

    /// - Parameter streams: one, or both with stdout first.
    /// - Parameter watch: what tells of the session's end; nil copies what is there now.
    /// - Parameter gap: told of bytes that the journal no longer holds.
    init(
        folder: consuming FileDescriptor, streams: [FollowedStream], style: LineStyle = LineStyle(),
        watch: SessionWatch?, gap: @escaping (StreamName, JournalGap) -> Void
    ) throws(SystemError) {
        var readers: [JournalReader] = []
        for stream in streams {
            let reader = JournalReader(stream.name, from: stream.position, indexed: streams.count > 1)
            reader.limit = stream.limit
            if watch == nil, stream.limit == Int.max { reader.limit = try reader.journalEnd(in: folder) }
            readers.append(reader)
        }
        merge = JournalMerge(readers)
        outputs = streams.map { $0.output }
        formatters = style.isPlain ? [] : streams.map { LineFormatter(style, $0.name) }
        self.folder = folder
        self.watch = watch
        if formatters.isEmpty {
            self.gap = gap
        } else {
            // Kept, not made for each call: the reader's code would be there twice.
            let formatters = formatters
            self.gap = { stream, missing in
                for formatter in formatters where formatter.stream == stream { formatter.hasGap = true }
                gap(stream, missing)
            }
        }
    }

    /// What the session said last, if it is being watched.
    var status: SessionStatus? { watch?.status }

    /// The position up to which a stream is copied; nil for one that is not followed.
    func position(of stream: StreamName) -> Int? { merge.readers.first { $0.stream == stream }?.position }

    /// Adds what the follower waits for to a turn.
    func prepare(_ set: PollSet) {
        if isDone { return }
        var isBlocked = false
        for output in outputs where !output.isEmpty {
            output.target.waitForRoom(in: set)
            isBlocked = true
        }
        if isBlocked { return }
        if hasMore { return set.limit(milliseconds: 0) }
        watch?.prepare(set)
        if endsWithReaders {
            for output in outputs { output.target.waitForHangUp(in: set) }
        }
    }

    /// Copies what there is, as far as the targets take it.
    func turn(_ set: PollSet) throws(FollowFailure) {
        if isDone { return }
        do throws(SystemError) { try watch?.turn(set, folder: folder) } catch { throw .journal(error) }
        if endsWithReaders {
            for output in outputs where output.isEmpty && output.target.readerHasGone(in: set) {
                throw .readerGone
            }
        }
        // Asked before reading: what came before the end is then read for certain.
        let isOver = watch?.isOver ?? true
        for _ in 0..<Follower.chunksPerTurn {
            if !(try flush()) { return }
            if !(try readChunk()) {
                hasMore = false
                if isOver {
                    try endLines()
                    isDone = try flush()
                }
                return
            }
        }
        hasMore = true
        _ = try flush()
    }

    /// - Returns: false when the journals have no more for now.
    private func readChunk() throws(FollowFailure) -> Bool {
        do throws(SystemError) {
            let next = try merge.next(in: folder, gap: gap)
            for number in formatters.indices where formatters[number].hasGap {
                try formatters[number].endLine(to: outputs[number])
            }
            guard let next else { return false }
            let reader = merge.readers[next.reader]
            let output = outputs[next.reader]
            if formatters.isEmpty {
                let count = min(next.count, Follower.chunk)
                try read(reader, count, into: &output.waiting)
                return true
            }
            let position = reader.position
            try read(reader, min(next.count, Follower.formattedChunk), into: &scratch)
            try formatters[next.reader].add(
                scratch.bytes, at: position, base: reader.base, in: folder, to: output)
            scratch.removeFirst(scratch.count)
            return true
        } catch {
            throw .journal(error)
        }
    }

    private func read(
        _ reader: JournalReader, _ count: Int, into buffer: inout PageBuffer
    ) throws(SystemError) {
        let space = try buffer.room(for: count)
        buffer.grow(by: try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<count])))
    }

    /// Lets go of lines that will not become whole.
    private func endLines() throws(FollowFailure) {
        do throws(SystemError) {
            for number in formatters.indices { try formatters[number].endLine(to: outputs[number]) }
        } catch {
            throw .journal(error)
        }
    }

    /// - Returns: false when a target has no room for now.
    private func flush() throws(FollowFailure) -> Bool {
        for output in outputs where !(try output.flush()) { return false }
        return true
    }
}
