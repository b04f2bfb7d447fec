import CSystem
import KeeperShared

/// Looks for the output that makes a child ready, wherever its writes were cut.
struct OutputMatch {
    private let text: [UInt8]
    /// Only in what the child writes to stdout.
    private let isStdoutOnly: Bool
    /// Nothing counts before the line that asks for it is delivered.
    private(set) var isArmed: Bool
    /// The last bytes of each stream, one fewer than the text has.
    private(set) var tails: (stdout: [UInt8], stderr: [UInt8]) = ([], [])

    /// Any output if `text` is empty.
    init(text: [UInt8], isStdoutOnly: Bool = false, isArmed: Bool = true) {
        self.text = text
        self.isStdoutOnly = isStdoutOnly
        self.isArmed = isArmed
    }

    /// The first line on stdout once ``arm()`` was called.
    static var answer: OutputMatch {
        OutputMatch(text: [UInt8(ascii: "\n")], isStdoutOnly: true, isArmed: false)
    }

    mutating func arm() { isArmed = true }

    mutating func resume(isArmed: Bool, tails: (stdout: [UInt8], stderr: [UInt8])) {
        self.isArmed = isArmed
        self.tails = tails
    }

    /// - Returns: whether the text is complete with these bytes.
    mutating func see(_ bytes: UnsafeRawBufferPointer, of stream: StreamName) -> Bool {
        if !isArmed || bytes.isEmpty || (isStdoutOnly && stream == .stderr) { return false }
        if text.isEmpty { return true }
        switch stream {
        case .stdout: return OutputMatch.find(text, in: bytes, after: &tails.stdout)
        case .stderr: return OutputMatch.find(text, in: bytes, after: &tails.stderr)
        }
    }

    private static func find(
        _ text: [UInt8], in bytes: UnsafeRawBufferPointer, after tail: inout [UInt8]
    ) -> Bool {
        let needed = text.count - 1
        // Across the seam first: what was there before, and as much of what came as a match can reach into.
        let seam = tail + bytes.prefix(needed)
        if contains(seam, text) || bytes.withMemoryRebound(to: UInt8.self, { contains($0, text) }) {
            return true
        }
        tail = bytes.count >= needed ? Array(bytes.suffix(needed)) : Array(seam.suffix(needed))
        return false
    }

    private static func contains(_ bytes: [UInt8], _ text: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { contains($0, text) }
    }

    private static func contains(_ bytes: UnsafeBufferPointer<UInt8>, _ text: [UInt8]) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        return memmem(base, bytes.count, text, text.count) != nil
    }
}
