import CSystem

/// A stream of the child.
package enum StreamName: CaseIterable {
    case stdout
    case stderr

    /// The name in files and messages.
    package var text: StaticString {
        switch self {
        case .stdout: "stdout"
        case .stderr: "stderr"
        }
    }

    /// The hard link to the newest segment, for `tail -F`.
    package var linkName: String { "\(text).log" }
    package var newLinkName: String { ".\(text).log" }

    /// `stdout.00000000000000000042.log`: the base is the position of the segment's first byte.
    package func segmentName(base: Int) -> String { "\(text).\(padded(base)).log" }

    /// Bytes of one record of an index: a position and the Unix time in nanoseconds at which its bytes came, both
    /// 64 bits, little-endian.
    package static let indexRecordSize = 16

    /// The index beside a segment.
    package func indexName(base: Int) -> String { "\(text).\(padded(base)).idx" }

    /// The base in a segment's name; nil for any other name.
    package func base(ofSegment name: String) -> Int? {
        let bytes = Array(name.utf8)
        let prefix = Array("\(text).".utf8)
        guard bytes.count == prefix.count + 24, bytes.starts(with: prefix),
            bytes.suffix(4).elementsEqual(".log".utf8)
        else { return nil }
        return decimal(Array(bytes[prefix.count..<(prefix.count + 20)]))
    }

    private func padded(_ number: Int) -> String {
        var digits: [UInt8] = []
        digits.appendDecimal(UInt64(number), width: 20)
        return String(decoding: digits, as: UTF8.self)
    }
}

/// The positions at which the segments of a stream begin, in order.
package func segmentBases(
    of stream: StreamName, in folder: borrowing FileDescriptor
) throws(SystemError) -> [Int] {
    var bases: [Int] = []
    try folder.forEachEntry { name, _ in
        // They are few, mostly in order or nearly so: `sort` would be the most code here.
        guard let base = stream.base(ofSegment: name) else { return }
        bases.insert(base, at: (bases.lastIndex { $0 < base } ?? -1) + 1)
    }
    return bases
}

/// The last bytes of a stream, at most `count`, from its newest segments. What can't be read is left out: they only
/// explain an end, or help to find a text.
package func lastBytes(of stream: StreamName, _ count: Int, in folder: borrowing FileDescriptor) -> [UInt8] {
    var bytes: [UInt8] = []
    for base in ((try? segmentBases(of: stream, in: folder)) ?? []).reversed() where bytes.count < count {
        guard let file = try? folder.open(stream.segmentName(base: base), O_RDONLY),
            let part = try? file.readLast(count - bytes.count)
        else { break }
        bytes = part + bytes
    }
    return bytes
}

/// A segment as a directory lists it.
package struct Segment {
    /// The position of its first byte.
    package var base: Int
    /// Bytes in it.
    package var size: Int

    package init(base: Int, size: Int) {
        self.base = base
        self.size = size
    }
}
