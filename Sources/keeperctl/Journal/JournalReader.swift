import CSystem
import KeeperShared

/// Bytes of a stream that the journal no longer held when a reader came to them.
struct JournalGap {
    /// The first position that is missing.
    let from: Int
    /// Where reading goes on.
    let to: Int

    var count: Int { to - from }
}

/// `logs of a: 10 bytes of stdout are gone (positions 0 to 10); going on from 10`
func gapText(_ what: String, _ stream: StreamName, _ gap: JournalGap) -> String {
    let end = String(gap.to)
    return concat(
        what, ": ", String(gap.count), " bytes of ", "\(stream.text)", " are gone (positions ",
        String(gap.from), " to ", end, "); going on from ", end)
}

/// Reads one stream's journal from the files of a session's folder, while a keeper writes them or long after.
///
/// It never asks the keeper. A segment that is removed while it is being read stays readable, as its
/// descriptor is open.
final class JournalReader {
    let stream: StreamName
    /// The byte that is read next.
    private(set) var position: Int
    /// Where reading stops, for a reader that doesn't follow.
    var limit = Int.max
    /// When which byte came, for a reader that asked for it.
    let index: JournalIndex?
    private var segment: FileDescriptor?
    /// The position of the first byte of the segment that is being read.
    private(set) var base = 0

    init(_ stream: StreamName, from position: Int = 0, indexed: Bool = false) {
        self.stream = stream
        self.position = position
        index = indexed ? JournalIndex(stream) : nil
    }

    /// Finds what can be read next.
    ///
    /// - Parameter gap: told of bytes that are gone, before the position moves on after them.
    /// - Returns: how many bytes ``read(into:)`` can give now; 0 when the journal has no more for the present.
    func look(in folder: borrowing FileDescriptor, gap: (JournalGap) -> Void) throws(SystemError) -> Int {
        while position < limit {
            guard let end = try segmentEnd() else {
                if try enter(in: folder, gap: gap) { continue }
                return 0
            }
            if position < end { return min(end, limit) - position }
            if !(try leave(end: end, in: folder, gap: gap)) { return 0 }
        }
        return 0
    }

    /// Reads once at ``position`` and moves on. At most as many bytes as ``look(in:gap:)`` told may be asked for.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        let count = try segment.use { file throws(SystemError) in
            try file.read(into: buffer, at: position - base, "\(stream.text).log")
        }
        position += count ?? 0
        return count ?? 0
    }

    private func segmentEnd() throws(SystemError) -> Int? {
        try segment.use { file throws(SystemError) in base + (try file.metadata().size) }
    }

    /// Goes on after a segment that has been read to its end.
    ///
    /// - Returns: false when nothing comes after it yet.
    private func leave(
        end: Int, in folder: borrowing FileDescriptor, gap: (JournalGap) -> Void
    ) throws(SystemError) -> Bool {
        // A reader was told to start at what is yet to come, perhaps in another segment.
        if position > end { return try enter(in: folder, gap: gap) }
        // The next segment's name says where this one ended, so there is nothing left in it.
        if position > base, try open(base: position, in: folder) { return true }
        // The oldest go first: while this one has its name, there is no next one, or there is one by now.
        if try folder.metadata(of: stream.segmentName(base: base)) != nil { return false }
        // Closed and removed, perhaps after some more bytes; no more are coming now.
        if let end = try segmentEnd(), end > position { return true }
        return try enter(in: folder, gap: gap)
    }

    /// Opens the segment that holds ``position``, or the oldest when that is gone.
    ///
    /// - Returns: false when there is no other segment than the present one.
    private func enter(
        in folder: borrowing FileDescriptor, gap: (JournalGap) -> Void
    ) throws(SystemError) -> Bool {
        while true {
            let bases = try segmentBases(of: stream, in: folder)
            guard let wanted = bases.last(where: { $0 <= position }) ?? bases.first else { return false }
            if segment != nil, wanted == base { return false }
            // Removed since it was listed: list again.
            guard try open(base: wanted, in: folder) else { continue }
            if position < wanted {
                gap(JournalGap(from: position, to: wanted))
                position = wanted
            }
            return true
        }
    }

    /// - Returns: false when there is no such segment.
    private func open(base newBase: Int, in folder: borrowing FileDescriptor) throws(SystemError) -> Bool {
        do throws(SystemError) {
            segment = try folder.open(stream.segmentName(base: newBase), O_RDONLY)
        } catch {
            if error.code == ENOENT { return false }
            throw error
        }
        base = newBase
        index?.enterSegment(base: newBase)
        return true
    }

    /// Where the journal ends by now; 0 when the session keeps none of this stream.
    func journalEnd(in folder: borrowing FileDescriptor) throws(SystemError) -> Int {
        guard let newest = try segmentBases(of: stream, in: folder).last else { return 0 }
        return newest + (try folder.metadata(of: stream.segmentName(base: newest))?.size ?? 0)
    }
}
