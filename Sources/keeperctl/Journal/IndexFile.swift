import CSystem
import KeeperShared

/// From this position on, bytes came at this time or later.
struct IndexRecord {
    let position: Int
    /// Unix time in ns.
    let time: Int64

    /// Reads the 16 bytes at an offset.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        position = Int(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int.self))
        time = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int64.self))
    }
}

/// The index of one segment, for looking up single records.
///
/// It may be short, torn or senseless: whatever it says is a hint, to be held within the segment's bounds.
final class IndexFile {
    let base: Int
    /// Records that are there whole.
    let count: Int
    private let file: FileDescriptor

    /// Nil when there is none that can be read.
    // An index is a hint: without it, times are those of whole segments.
    init?(_ stream: StreamName, base: Int, in folder: borrowing FileDescriptor) {
        guard let file = try? folder.open(stream.indexName(base: base), O_RDONLY),
            let size = try? file.metadata().size
        else { return nil }
        self.base = base
        self.file = file
        count = size / StreamName.indexRecordSize
    }

    /// Nil when it can't be read: the index is a hint.
    func record(_ number: Int) -> IndexRecord? {
        withUnsafeTemporaryAllocation(byteCount: StreamName.indexRecordSize, alignment: 8) { space in
            guard
                (try? file.read(into: space, at: number * StreamName.indexRecordSize))
                    == StreamName.indexRecordSize
            else { return nil }
            return IndexRecord(UnsafeRawBufferPointer(space), at: 0)
        }
    }

    /// The number of the first record with a property that all after it have too; ``count`` if none has it.
    func first(where matches: (IndexRecord) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if let record = record(middle), !matches(record) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The number of the record that tells the time of a position; nil if the index begins after it.
    func covering(_ position: Int) -> Int? {
        let next = first { $0.position > position }
        return next > 0 ? next - 1 : nil
    }
}
