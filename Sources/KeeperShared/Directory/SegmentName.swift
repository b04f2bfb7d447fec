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
        var base = 0
        for byte in bytes[prefix.count..<(prefix.count + 20)] {
            guard byte >= 48, byte <= 57 else { return nil }
            let (product, overflow) = base.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(byte - 48))
            if overflow || carry { return nil }
            base = sum
        }
        return base
    }

    private func padded(_ number: Int) -> String {
        var digits = [UInt8](repeating: UInt8(ascii: "0"), count: 20)
        var rest = number
        var index = 19
        while rest > 0, index >= 0 {
            digits[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            index -= 1
        }
        return String(decoding: digits, as: UTF8.self)
    }
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
