import CSystem
import KeeperShared

/// Plain text: the message as it is, and what comes up to a certain line.
final class LinesProtocol: TurnProtocol {
    /// The line that ends the turn.
    private let end: [UInt8]
    /// The beginning of the line has been printed.
    private var isInLine = false
    /// How much had been read when the prompt was there.
    private var promptPosition = -1
    private var promptDeadline: Int64 = 0

    /// How long the child must be silent after a prompt, in ns: text that only begins like one goes on at once.
    private static let quiet: Int64 = .milliseconds(100)

    init(_ message: [UInt8], until end: [UInt8]) {
        self.end = end
        super.init(message)
    }

    override func start(_ turn: AgentTurn) throws(CommandFailure) {
        var line = message
        if line.last != UInt8(ascii: "\n") { line.append(UInt8(ascii: "\n")) }
        try turn.begin(line)
    }

    override func take(_ line: Bytes, _ turn: AgentTurn) throws(CommandFailure) {
        if !isInLine, endsTurn(line) { return turn.finish() }
        isInLine = false
        var text = Array(line)
        text.append(UInt8(ascii: "\n"))
        turn.output.text(text)
    }

    override func unfinished(_ lines: JournalLines, _ turn: AgentTurn?) -> Int64? {
        let text = lines.unfinished
        if text.isEmpty || isInLine && turn == nil { return nil }
        if !isInLine, text.count <= end.count, memcmp(text.baseAddress!, end, text.count) == 0 {
            if text.count < end.count { return nil }
            if promptPosition != lines.position { promptDeadline = monotonicNow() + LinesProtocol.quiet }
            promptPosition = lines.position
            return promptDeadline
        }
        if let turn {
            turn.output.text(Array(text))
            isInLine = true
            lines.takeUnfinished()
        }
        return nil
    }

    override func endsTurn(_ line: Bytes) -> Bool {
        let count = line.last == UInt8(ascii: "\r") ? line.count - 1 : line.count
        return count == end.count && (count == 0 || memcmp(line.baseAddress!, end, count) == 0)
    }
}
