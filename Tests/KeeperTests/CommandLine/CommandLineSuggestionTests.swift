import KeeperShared
import Testing

@Suite struct CommandLineSuggestionTests {
    func distance(_ left: String, _ right: String) -> Int {
        Suggestion.distance(Array(left.utf8), Array(right.utf8))
    }

    @Test func distancesCountEdits() {
        #expect(distance("", "") == 0)
        #expect(distance("", "abc") == 3)
        #expect(distance("abc", "") == 3)
        #expect(distance("spawn", "spawn") == 0)
        #expect(distance("spwan", "spawn") == 1, "a swap is one edit")
        #expect(distance("kitten", "sitting") == 3)
        #expect(distance("ca", "abc") == 3, "no edit inside a swap")
    }

    @Test func distancesAreSymmetric() {
        var generator = SplitMix64(state: 7)
        for _ in 0..<300 {
            let words = (0..<2).map { _ in
                (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                    UInt8.random(in: 97...100, using: &generator)
                }
            }
            let there = Suggestion.distance(words[0], words[1])
            #expect(there == Suggestion.distance(words[1], words[0]))
            #expect(there <= max(words[0].count, words[1].count))
            #expect((there == 0) == (words[0] == words[1]))
        }
    }

    @Test func onlyWhatIsNearIsSuggested() {
        let names = ["spawn", "run", "write", "status", "discover"]
        func closest(_ word: String) -> String? { Suggestion.closest(to: Array(word.utf8), among: names) }
        #expect(closest("rnu") == "run")
        #expect(closest("stat") == "status", "a beginning is enough")
        #expect(closest("discvoer") == "discover")
        #expect(closest("x") == nil)
        #expect(closest("") == nil)
        #expect(closest("elephant") == nil)
        #expect(closest(String(repeating: "run", count: 1_000)) == nil)
    }
}
