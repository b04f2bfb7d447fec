import Testing

@testable import keeper

@Suite struct SmallReadsTests {
    private static let usual = 100

    /// The pauses after reads of these sizes, `gap` ns apart.
    private func pauses(_ sizes: [Int], gap: Int64) -> [Int64] {
        var reads = SmallReads()
        var now: Int64 = 1_000_000_000
        return sizes.map { size in
            now += gap
            let pause = reads.note(size, at: now)
            now += pause
            return pause
        }
    }

    @Test("after many small reads in a row each is followed by a pause, until one brings much")
    func row() {
        let many = [Int](repeating: SmallReadsTests.usual, count: 100)
        let found = pauses(many + [32 << 10] + many, gap: 10_000)
        let first = found.firstIndex { $0 > 0 } ?? 0
        #expect(first > 10)
        #expect(found[first..<100].allSatisfy { $0 > 0 })
        #expect(found[100] == 0)
        // From the start again.
        #expect(found[101..<(101 + first - 1)].allSatisfy { $0 == 0 })
        #expect(found.last ?? 0 > 0)
    }

    @Test("what comes a while after the read before is never waited for")
    func questionAndAnswer() {
        let many = [Int](repeating: SmallReadsTests.usual, count: 1000)
        #expect(pauses(many, gap: 100_000).allSatisfy { $0 == 0 })
        #expect(pauses(many, gap: 99_999).contains { $0 > 0 })
    }
}
