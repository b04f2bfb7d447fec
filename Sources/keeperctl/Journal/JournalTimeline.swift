import CSystem
import KeeperShared

/// A segment as its folder lists it.
struct SegmentFile {
    /// The position of its first byte.
    let base: Int
    /// The position after its last byte.
    let end: Int
    /// Unix time in ns of the last write.
    let modified: Int64

    /// Whether bytes in it may be of this time or later, as far as the file system's clock tells.
    func mayReach(_ time: Int64) -> Bool {
        // The kernel stamps with the last tick of its clock; a copy may have kept whole seconds only.
        let slack: Int64 = modified % .seconds(1) == 0 ? .seconds(1) : .milliseconds(20)
        return time <= modified || time - modified < slack
    }
}

/// Finds which part of a journal is of which time, by the times of its segments and their indexes.
///
/// Where an index is short, torn or missing, a whole segment is the answer: too much rather than too little.
final class JournalTimeline {
    /// Oldest first.
    let segments: [SegmentFile]
    private let stream: StreamName
    private var index: IndexFile?
    /// The positions for which ``knownTime`` holds.
    private var known = 0..<0
    private var knownTime: Int64 = 0

    /// Looks at what a stream's journal has now.
    init(_ stream: StreamName, in folder: borrowing FileDescriptor) throws(SystemError) {
        self.stream = stream
        var segments: [SegmentFile] = []
        for base in try segmentBases(of: stream, in: folder) {
            // Nil when it has been removed since it was listed.
            guard let file = try folder.metadata(of: stream.segmentName(base: base)) else { continue }
            segments.append(SegmentFile(base: base, end: base + file.size, modified: file.modifiedTime))
        }
        self.segments = segments
    }

    /// The first position that is kept.
    var start: Int { segments.first?.base ?? 0 }
    /// The position after the last byte.
    var end: Int { segments.last?.end ?? 0 }

    /// Where the lines begin of which a byte came at a time (Unix time in ns) or later; ``end`` when there are none.
    func start(since time: Int64, in folder: borrowing FileDescriptor) throws(SystemError) -> Int {
        guard let segment = segments.first(where: { $0.mayReach(time) }) else { return end }
        let finder = LineFinder(stream, segments)
        var position = segment.base
        if let index = open(segment, in: folder) {
            let next = index.first { $0.time >= time }
            if next > 0, let last = index.record(next - 1) {
                position = last.position
                if let record = index.record(next), record.position < segment.end,
                    !(try mayLast(last, record, until: time, finder, in: folder))
                {
                    position = record.position
                }
            }
        }
        position = min(max(position, segment.base), segment.end)
        return position < end ? try finder.lineStart(at: position, in: folder) : end
    }

    /// Whether what began with a record may have gone on until a time before the next record.
    ///
    /// Within it no more than 10 ms lie between two chunks, and programs mostly write whole lines.
    private func mayLast(
        _ record: IndexRecord, _ next: IndexRecord, until time: Int64, _ finder: LineFinder,
        in folder: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        let (duration, overflow) = time.subtractingReportingOverflow(record.time)
        let lines = Int(duration / .milliseconds(10))
        if overflow || lines < 0 || lines > next.position &- record.position { return false }
        return try finder.hasLines(lines, from: record.position, to: next.position, in: folder)
    }

    /// Where the lines end that began at a time (Unix time in ns) or before.
    func end(until time: Int64, in folder: borrowing FileDescriptor) throws(SystemError) -> Int {
        for segment in segments {
            guard let index = open(segment, in: folder) else { continue }
            // One of bytes that never came to this segment tells nothing about it.
            guard let record = index.record(index.first { $0.time > time }), record.position < segment.end
            else { continue }
            let position = max(record.position, segment.base)
            let finder = LineFinder(stream, segments)
            if position == start { return position }
            return try finder.lineEnd(at: position - 1, in: folder)
        }
        return end
    }

    /// Unix time in ns of the byte at a position; 0 when nothing is known. Bytes that no record covers count as
    /// those before them.
    func time(at position: Int, in folder: borrowing FileDescriptor) -> Int64 {
        if known.contains(position) { return knownTime }
        for segment in segments.reversed() where segment.base <= position {
            guard let index = open(segment, in: folder), let number = index.covering(position),
                let record = index.record(number)
            else { continue }
            let next = index.record(number + 1)?.position ?? segment.end
            // A torn journal's index may have records of bytes that never came to this segment.
            known = record.position..<max(record.position, min(next, segment.end))
            knownTime = record.time
            return record.time
        }
        return 0
    }

    private func open(_ segment: SegmentFile, in folder: borrowing FileDescriptor) -> IndexFile? {
        if let index, index.base == segment.base { return index }
        index = IndexFile(stream, base: segment.base, in: folder)
        return index
    }
}
