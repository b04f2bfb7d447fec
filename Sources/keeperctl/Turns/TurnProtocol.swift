import KeeperShared

/// How an agent's command line is talked to: one of the subclasses.
class TurnProtocol {
    let message: [UInt8]

    init(_ message: [UInt8]) { self.message = message }

    /// Sends what comes first.
    func start(_ turn: Turn) throws(CommandFailure) {}

    /// Takes a line of what the agent says.
    func take(_ line: Bytes, _ turn: Turn) throws(CommandFailure) {}

    /// Takes a look at a line that has no end so far.
    ///
    /// - Parameter turn: nil when what is said is passed over.
    /// - Returns: the moment at which the turn is over if nothing else comes; nil when more must come.
    func unfinished(_ lines: JournalLines, _ turn: Turn?) -> Int64? { nil }

    /// Whether a turn of somebody else ends with this line.
    func endsTurn(_ line: Bytes) -> Bool { false }
}

/// Texts of which pieces have been printed, so that the same, said once more as a whole, is not printed again.
struct StreamedTexts {
    private var keys: [[UInt8]] = []
    private var counts: [Int] = []

    /// A piece of so many bytes has been printed of the text with this key.
    mutating func add(_ key: Bytes, _ count: Int) {
        if let index = index(of: key) {
            counts[index] += count
        } else {
            keys.append(Array(key))
            counts.append(count)
        }
    }

    func contains(_ key: Bytes) -> Bool { index(of: key) != nil }

    /// Forgets a text.
    ///
    /// - Parameter key: nil for the oldest.
    /// - Returns: how many bytes of it have been printed.
    mutating func take(_ key: Bytes? = nil) -> Int {
        guard let index = key == nil ? (keys.isEmpty ? nil : 0) : index(of: key!) else { return 0 }
        keys.remove(at: index)
        return counts.remove(at: index)
    }

    mutating func removeAll() {
        keys.removeAll()
        counts.removeAll()
    }

    private func index(of key: Bytes) -> Int? {
        for index in keys.indices where keys[index].elementsEqual(key) { return index }
        return nil
    }
}
