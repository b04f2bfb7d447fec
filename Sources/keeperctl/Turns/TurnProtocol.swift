import KeeperShared

/// How an agent's command line is talked to: one of the subclasses.
class TurnProtocol {
    let message: [UInt8]

    init(_ message: [UInt8]) { self.message = message }

    /// Sends what comes first.
    func start(_ turn: AgentTurn) throws(CommandFailure) {}

    /// Takes a line of what the agent says.
    func take(_ line: Bytes, _ turn: AgentTurn) throws(CommandFailure) {}

    /// Takes a look at a line that has no end so far.
    ///
    /// - Parameter turn: nil when what is said is passed over.
    /// - Returns: the moment at which the turn is over if nothing else comes; nil when more must come.
    func unfinished(_ lines: JournalLines, _ turn: AgentTurn?) -> Int64? { nil }

    /// Whether another caller's turn ends with this line.
    func endsTurn(_ line: Bytes) -> Bool { false }
}

/// Texts of which pieces have been printed, so that the same, said once more as a whole, is not printed again.
struct StreamedTexts {
    private var keys: [[UInt8]] = []
    private var counts: [Int] = []

    /// Counts bytes that have been printed of the text with this key.
    ///
    /// - Returns: whether it was the first.
    mutating func add(_ key: Bytes, _ count: Int) -> Bool {
        let index = index(of: key)
        if index < keys.count {
            counts[index] += count
            return false
        }
        keys.append(ownedBytes(key))
        counts.append(count)
        return true
    }

    /// Forgets a text: that with this key, or the oldest.
    ///
    /// - Returns: how many bytes of it have been printed.
    mutating func take(_ key: Bytes? = nil) -> Int {
        var index = 0
        if let key { index = self.index(of: key) }
        if index >= keys.count { return 0 }
        keys.remove(at: index)
        return counts.remove(at: index)
    }

    mutating func removeAll() { self = StreamedTexts() }

    /// The number of texts when it is none of them.
    private func index(of key: Bytes) -> Int {
        var index = 0
        while index < keys.count, !isSame(key, keys[index]) { index += 1 }
        return index
    }
}

extension JSONWriter {
    /// A text as a block of a message, as several agents have it.
    mutating func block(_ text: [UInt8]) {
        part("{\"type\":\"text\",\"text\":")
        string(utf8: text)
        part("}")
    }
}
