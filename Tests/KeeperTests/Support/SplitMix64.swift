/// A small generator whose runs can be repeated: a failure comes back with the same seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    /// Prints its seed, a fixed one unless `KEEPER_TEST_SEED` names another.
    static func announced(_ what: String) -> SplitMix64 {
        let seed = environmentValue("KEEPER_TEST_SEED").flatMap { UInt64($0) } ?? 0x6B65_6570_6572
        print("\(what): KEEPER_TEST_SEED=\(seed)")
        return SplitMix64(state: seed)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
