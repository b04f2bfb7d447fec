import CSystem
import KeeperShared

/// The lines that a session writes to stdout from a position on, whole ones only, as they come.
///
/// Part of a loop that may have other parts: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``, and then
/// ``next()`` until there is no more.
final class JournalLines {
    private let watch: SessionWatch
    private let reader: JournalReader
    private var buffer = LineBuffer()
    private let what: String
    private let lost: Lost
    // Kept, not made for each call: the reader's code would be there once more.
    private let noteGap: (JournalGap) -> Void

    /// What the reader found missing last.
    private final class Lost {
        var gap: JournalGap?
    }

    /// - Parameter what: for messages, such as `call to calc`.
    init(_ watch: SessionWatch, from position: Int, _ what: String) {
        self.watch = watch
        reader = JournalReader(.stdout, from: position)
        self.what = what
        let lost = Lost()
        self.lost = lost
        noteGap = { lost.gap = $0 }
    }

    /// The byte of stdout that is read next.
    var position: Int { reader.position }

    /// What has come of a line that has no end so far. Valid until the next call of ``next()``.
    var unfinished: Bytes { buffer.rest }

    /// Counts what is unfinished as handed out.
    func takeUnfinished() { buffer.takeRest() }

    /// Adds what it waits for to a turn.
    func prepare(_ set: PollSet) { watch.prepare(set) }

    /// Takes in what happened.
    func turn(_ set: PollSet) throws(SystemError) { try watch.turn(set) }

    /// The next line without its end; nil when there is none for now. Valid until the next call.
    func next() throws(SystemError) -> Bytes? {
        while true {
            if let line = buffer.next(what) { return line }
            if !(try read()) { return nil }
        }
    }

    /// - Returns: false when there is no more for now.
    private func read() throws(SystemError) -> Bool {
        let available = try reader.look(in: watch.folder, gap: noteGap)
        if let gap = lost.gap {
            // What is left of a line before the gap has nothing to do with what comes after it.
            printError(gapText(what, .stdout, gap))
            buffer.forget()
            lost.gap = nil
        }
        if available == 0 { return false }
        buffer.grow(by: try reader.read(into: try buffer.room(for: min(available, LineBuffer.chunk))))
        return true
    }
}

extension LineBuffer {
    /// How much is read at once.
    static let chunk = 256 << 10

    /// For lines of any sane length: output without line ends must not fill the memory.
    init() { self.init(longest: 64 << 20) }

    /// The next line; says of one that was too long that it is passed over.
    ///
    /// - Parameter what: for that message, such as `call to calc`.
    mutating func next(_ what: String) -> Bytes? {
        while true {
            if let line = next() { return line }
            if !hasOverflown { return nil }
            printError(concat(what, ": a line of more than 64 MiB is passed over"))
            hasOverflown = false
        }
    }
}
