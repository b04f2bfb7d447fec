import KeeperShared
import Testing

@Suite struct LineBufferTests {
    /// Feeds chunks and collects lines; `nil` stands for a line that was too long.
    func split(_ chunks: [[UInt8]], longest: Int) throws -> [[UInt8]?] {
        var buffer = LineBuffer(longest: longest)
        var lines: [[UInt8]?] = []
        for chunk in chunks {
            try buffer.append(chunk)
            while true {
                if let line = buffer.next() {
                    lines.append(Array(line))
                } else if buffer.hasOverflown {
                    buffer.hasOverflown = false
                    lines.append(nil)
                } else {
                    break
                }
            }
            #expect(buffer.rest.count <= longest)
        }
        if !buffer.rest.isEmpty { lines.append(Array(buffer.rest)) }
        buffer.takeRest()
        #expect(buffer.next() == nil)
        return lines
    }

    func naive(_ bytes: [UInt8], longest: Int) -> [[UInt8]?] {
        var pieces = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        if pieces.last?.isEmpty == true { pieces.removeLast() }
        return pieces.map { $0.count > longest ? nil : Array($0) }
    }

    @Test func anyChunkingGivesTheSameLines() throws {
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
            let longest = random.pick([0, 1, 3, 8, 100])
            #expect(
                try split(chunks, longest: longest) == naive(bytes, longest: longest), "\(chunks) \(longest)")
        }
    }

    @Test("what comes after a line stays as it is, also what isn't lines")
    func rest() throws {
        var buffer = LineBuffer(longest: 10)
        try buffer.append(Array("a\nb\nraw\nx".utf8))
        #expect(buffer.next().map { Array($0) } == Array("a".utf8))
        #expect(buffer.next().map { Array($0) } == Array("b".utf8))
        #expect(Array(buffer.rest) == Array("raw\nx".utf8))
        buffer.forget()
        #expect(buffer.rest.isEmpty && buffer.next() == nil)
    }

    @Test func aLineOfExactlyTheLongestPasses() throws {
        #expect(try split([Array("abc".utf8), Array("\n".utf8)], longest: 3) == [Array("abc".utf8)])
        #expect(try split([Array("abc".utf8), Array("d\ne\n".utf8)], longest: 3) == [nil, Array("e".utf8)])
        #expect(
            try split([Array("abcd".utf8), Array("ef".utf8), Array("g\nh".utf8)], longest: 3) == [
                nil, Array("h".utf8),
            ])
    }
}
