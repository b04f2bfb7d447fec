import KeeperShared

/// Brings the bytes of one or both streams into the order in which they came.
///
/// Exact between turns of the keeper's loop, as the keeper writes a record whenever the stream changes.
final class JournalMerge {
    /// The readers in order of precedence among bytes of one time.
    let readers: [JournalReader]

    /// Merges the streams of one or two readers; two must be indexed.
    init(_ readers: [JournalReader]) { self.readers = readers }

    /// Finds what comes next.
    ///
    /// - Returns: the number of the reader to read from, and how many bytes before the other one's turn;
    ///   nil when the journals have no more for the present.
    func next(
        in folder: borrowing FileDescriptor, gap: (StreamName, JournalGap) -> Void
    ) throws(SystemError) -> (reader: Int, count: Int)? {
        let first = readers[0]
        var firstCount = try first.look(in: folder) { gap(first.stream, $0) }
        guard readers.count > 1 else { return firstCount > 0 ? (0, firstCount) : nil }
        let second = readers[1]
        let secondCount = try second.look(in: folder) { gap(second.stream, $0) }
        if secondCount == 0 {
            // What the first has is older than this look at the second.
            return firstCount > 0 ? (0, firstCount) : nil
        }
        if firstCount == 0 {
            // It may have got something before the second did.
            firstCount = try first.look(in: folder) { gap(first.stream, $0) }
            if firstCount == 0 { return (1, secondCount) }
        }
        guard let firstIndex = first.index, let secondIndex = second.index else { return (0, firstCount) }
        let firstTime = firstIndex.time(at: first.position, in: folder)
        let secondTime = secondIndex.time(at: second.position, in: folder)
        if firstTime <= secondTime {
            let end = firstIndex.runEnd(
                upTo: first.position + firstCount, before: secondTime, orWith: true, in: folder)
            return (0, end - first.position)
        }
        let end = secondIndex.runEnd(
            upTo: second.position + secondCount, before: firstTime, orWith: false, in: folder)
        return (1, end - second.position)
    }
}
