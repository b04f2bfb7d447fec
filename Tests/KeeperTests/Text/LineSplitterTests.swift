import KeeperShared
import Testing

@Suite struct WireLineSplitterTests {
    /// Feeds chunks and collects lines; `nil` stands for a line that was too long.
    func split(_ chunks: [[UInt8]], maximum: Int) -> [[UInt8]?] {
        var splitter = LineSplitter(maximumLine: maximum)
        var lines: [[UInt8]?] = []
        for chunk in chunks {
            chunk.withUnsafeBufferPointer { chunk in
                var rest = chunk
                while !rest.isEmpty {
                    let outcome = splitter.consume(rest) {
                        lines.append(Array($0))
                        return .next
                    }
                    guard case .tooLong(let used) = outcome else {
                        #expect(outcome == .consumed)
                        break
                    }
                    lines.append(nil)
                    rest = UnsafeBufferPointer(rebasing: rest[used...])
                }
            }
            #expect(splitter.partialLine.count <= maximum)
        }
        splitter.finish { lines.append(Array($0)) }
        #expect(splitter.partialLine.count == 0)
        return lines
    }

    func naive(_ bytes: [UInt8], maximum: Int) -> [[UInt8]?] {
        var pieces = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        if pieces.last?.isEmpty == true { pieces.removeLast() }
        return pieces.map { $0.count > maximum ? nil : Array($0) }
    }

    @Test func anyChunkingGivesTheSameLines() {
        var random = SplitMix64(state: 8)
        for _ in 0..<3_000 {
            let bytes = (0..<random.below(60)).map { _ in
                random.pick([0x0A, 0x0D, 0x61, 0x62, 0x00] as [UInt8])
            }
            var chunks: [[UInt8]] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + random.below(12))
                chunks.append(Array(bytes[start..<end]))
                start = end
            }
            let maximum = random.pick([0, 1, 3, 8, 100])
            #expect(split(chunks, maximum: maximum) == naive(bytes, maximum: maximum), "\(chunks) \(maximum)")
        }
    }

    @Test func linesInOneChunkAreHandedOutInPlace() {
        var splitter = LineSplitter(maximumLine: 10)
        Array("ab\n\ncd\nef".utf8).withUnsafeBufferPointer { chunk in
            let range =
                UInt(
                    bitPattern: chunk.baseAddress)..<(UInt(bitPattern: chunk.baseAddress) + UInt(chunk.count))
            var count = 0
            let outcome = splitter.consume(chunk) { line in
                #expect(range.contains(UInt(bitPattern: line.baseAddress)))
                count += 1
                return .next
            }
            #expect(outcome == .consumed)
            #expect(count == 3)
        }
        #expect(splitter.partialLine.count == 2)
    }

    @Test func stopsWhereAsked() {
        var splitter = LineSplitter(maximumLine: 10)
        Array("a\nb\nraw\n".utf8).withUnsafeBufferPointer { chunk in
            var count = 0
            let outcome = splitter.consume(chunk) { _ in
                count += 1
                return count == 2 ? .stop : .next
            }
            #expect(outcome == .stopped(4))
        }
        #expect(splitter.partialLine.count == 0)
    }

    @Test func aLineOfExactlyTheMaximumPasses() {
        #expect(split([Array("abc".utf8), Array("\n".utf8)], maximum: 3) == [Array("abc".utf8)])
        #expect(split([Array("abc".utf8), Array("d\ne\n".utf8)], maximum: 3) == [nil, Array("e".utf8)])
        #expect(
            split([Array("abcd".utf8), Array("ef".utf8), Array("g\nh".utf8)], maximum: 3) == [
                nil, Array("h".utf8),
            ])
    }

    @Test func nothingToDo() {
        var splitter = LineSplitter(maximumLine: 3)
        let outcome = splitter.consume(UnsafeBufferPointer(start: nil, count: 0)) { _ in .next }
        #expect(outcome == .consumed)
        splitter.finish { _ in Issue.record("no line") }
    }
}
