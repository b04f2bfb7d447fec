import CSystem
import KeeperShared

/// Copies a session's journals, in the order in which their bytes came.
final class OutputCopier {
    /// Everything is copied, and no more will come.
    private(set) var isDone = false
    private var merge: JournalMerge
    /// For each reader where its bytes go, and what is done to them on the way.
    let outputs: [FollowedOutput]
    private let formatters: [LineFormatter]
    private let selection: LineSelection?
    private let gap: (StreamName, JournalGap) -> Void
    /// What was read last, for the formatters.
    private var scratch = PageBuffer()
    private(set) var hasMore = true

    private static let chunk = 128 << 10
    /// Smaller where much may be put between.
    private static let formattedChunk = 32 << 10
    /// What is copied before the loop's other parts get their turn.
    private static let chunksPerTurn = 16

    /// - Parameter streams: one, or both with stdout first.
    /// - Parameter selection: which lines are copied; nil for all.
    /// - Parameter follows: whether to go on with what comes; otherwise what is there now is copied.
    /// - Parameter gap: told of bytes that the journal no longer holds.
    init(
        _ streams: [FollowedStream], style: LineStyle = LineStyle(), _ selection: LineSelection? = nil,
        follows: Bool,
        in folder: borrowing FileDescriptor, gap: @escaping (StreamName, JournalGap) -> Void
    ) throws(SystemError) {
        merge = try FollowedStream.merge(streams, follows: follows, in: folder)
        outputs = streams.map { $0.output }
        self.selection = selection
        formatters =
            style.isPlain && selection == nil
            ? [] : streams.map { LineFormatter(style, $0.name, selection) }
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

    /// The position up to which a stream is copied; nil for one that is not followed.
    func position(of stream: StreamName) -> Int? { merge.readers.first { $0.stream == stream }?.position }

    /// Closes the journals; copying goes on where it was.
    func rest() {
        merge = JournalMerge(
            merge.readers.map { reader in
                let next = JournalReader(reader.stream, from: reader.position, indexed: reader.index != nil)
                next.limit = reader.limit
                return next
            })
        for formatter in formatters { formatter.rest() }
    }

    /// Copies what there is, as far as the targets take it.
    ///
    /// - Parameter isOver: whether no more comes; asked before, so that what came before the end is read for certain.
    func copy(isOver: Bool, in folder: borrowing FileDescriptor) throws(FollowFailure) {
        for _ in 0..<OutputCopier.chunksPerTurn {
            if !(try flush()) { return }
            let isFull = selection?.isFull ?? false
            let hasRead = isFull ? false : try readChunk(in: folder)
            if !hasRead {
                hasMore = false
                if isOver || isFull {
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
    private func readChunk(in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        do throws(SystemError) {
            let next = try merge.next(in: folder, gap: gap)
            for number in formatters.indices where formatters[number].hasGap {
                try formatters[number].endLine(to: outputs[number])
            }
            guard let next else { return false }
            let reader = merge.readers[next.reader]
            let output = outputs[next.reader]
            if formatters.isEmpty {
                let count = min(next.count, OutputCopier.chunk)
                try read(reader, count, into: &output.waiting)
                return true
            }
            let position = reader.position
            let most = selection == nil ? OutputCopier.formattedChunk : OutputCopier.chunk
            try read(reader, min(next.count, most), into: &scratch)
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
        for number in formatters.indices {
            try reading(try formatters[number].endLine(to: outputs[number]))
        }
    }

    /// - Returns: false when a target has no room for now.
    private func flush() throws(FollowFailure) -> Bool {
        for output in outputs where !(try output.flush()) { return false }
        return true
    }
}
