import CSystem
import KeeperShared
import Testing

@testable import keeper
@testable import keeperctl

/// A journal with small bounds in a folder of its own, and what was written to it.
final class TestJournal {
    let path: String
    let folder: FileDescriptor
    let writers: [JournalWriter]
    private(set) var written: [[UInt8]] = [[], []]
    private var last = -1
    private(set) var now: Int64 = 1_000_000_000
    /// Where what was written at once begins, and when that was.
    private(set) var chunks: [[(position: Int, time: Int64)]] = [[], []]

    init(bound: Int) throws {
        var template = Array("/tmp/keeper-journal-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = String(cString: made)
        folder = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        let shared = SessionFolder(try folder.duplicate())
        writers = [StreamName.stdout, .stderr].map { JournalWriter($0, bound: bound, in: shared) }
        for writer in writers { try writer.open() }
    }

    deinit { try? FileDescriptor.open("/tmp", O_RDONLY | O_DIRECTORY).removeTree(String(path.dropFirst(5))) }

    /// Writes this many milliseconds after the last bytes.
    func write(_ bytes: [UInt8], to stream: Int = 0, after milliseconds: Int64 = 0) throws {
        now += .milliseconds(milliseconds) + 1
        var failure: SystemError?
        let count = bytes.withUnsafeBytes {
            writers[stream].append($0, time: now, interrupted: last != stream, failure: &failure)
        }
        if let failure { throw failure }
        #expect(count == bytes.count)
        last = stream
        chunks[stream].append((written[stream].count, now))
        written[stream] += bytes
    }

    func flush() { for writer in writers { writer.flushIndex() } }

    /// Lines of random length with a serial number each.
    func writeLine(_ random: inout SplitMix64, to stream: Int = 0) throws {
        let line = "\(written[stream].count) " + String(repeating: "x", count: random.below(90)) + "\n"
        try write(Array(line.utf8), to: stream, after: Int64(random.below(15)))
    }

    func indexNames() throws -> [String] {
        var names: [String] = []
        try folder.forEachEntry { name, _ in if name.hasSuffix(".idx") { names.append(name) } }
        return names
    }

    func overwrite(_ name: String, with bytes: [UInt8]) throws {
        try folder.open(name, O_WRONLY | O_TRUNC).writeAll(bytes)
    }
}

/// Collects what a reader gives, each byte at its position; what is in a gap stays nil.
private struct Collected {
    var bytes: [UInt8?] = []
    var gapCount = 0

    mutating func add(_ part: [UInt8], at position: Int) {
        #expect(position == bytes.count)
        bytes += part.map { $0 }
    }

    mutating func add(_ gap: JournalGap) {
        #expect(gap.from == bytes.count)
        #expect(gap.count > 0)
        gapCount += gap.count
        bytes += [UInt8?](repeating: nil, count: gap.count)
    }

    func expectToMatch(_ written: [UInt8]) {
        #expect(bytes.count == written.count)
        let differing = zip(bytes, written).first { $0 != nil && $0 != $1 }
        #expect(differing == nil)
        #expect(bytes.filter { $0 == nil }.count == gapCount)
    }
}

/// Reads at most `limit` bytes. false when there was nothing.
private func step(
    _ reader: JournalReader, _ journal: TestJournal, limit: Int, _ collected: inout Collected
) throws -> Bool {
    let available = try reader.look(in: journal.folder) { collected.add($0) }
    if available == 0 { return false }
    let position = reader.position
    var failure: SystemError?
    let part = [UInt8](unsafeUninitializedCapacity: min(limit, available)) { space, count in
        do throws(SystemError) {
            count = try reader.read(into: UnsafeMutableRawBufferPointer(space))
        } catch { failure = error }
    }
    if let failure { throw failure }
    collected.add(part, at: position)
    return true
}

@Suite struct JournalReaderTests {
    @Test("Every byte is seen once or counted in a gap, however far the reader lags", arguments: 1...12)
    func lagging(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let journal = try TestJournal(bound: 1000 + random.below(4000))
        let reader = JournalReader(.stdout)
        var collected = Collected()
        for _ in 0..<300 {
            for _ in 0..<random.below(random.pick([2, 8, 60])) { try journal.writeLine(&random) }
            for _ in 0..<random.below(random.pick([2, 30])) {
                _ = try step(reader, journal, limit: 1 + random.below(700), &collected)
            }
        }
        while try step(reader, journal, limit: 512, &collected) {}
        collected.expectToMatch(journal.written[0])
    }

    @Test("A reader that keeps up sees no gap across segments")
    func keepingUp() throws {
        var random = SplitMix64(state: 7)
        let journal = try TestJournal(bound: 2000)
        let reader = JournalReader(.stdout)
        var collected = Collected()
        for _ in 0..<2000 {
            try journal.writeLine(&random)
            while try step(reader, journal, limit: 4096, &collected) {}
        }
        #expect(collected.gapCount == 0)
        collected.expectToMatch(journal.written[0])
    }

    @Test("A segment that is removed while it is read is read to its end, and the gap after it is exact")
    func removedWhileRead() throws {
        let journal = try TestJournal(bound: 400)
        try journal.write([UInt8](repeating: 1, count: 50))
        let reader = JournalReader(.stdout)
        var collected = Collected()
        #expect(try step(reader, journal, limit: 10, &collected))
        try journal.write([UInt8](repeating: 2, count: 950))
        while try step(reader, journal, limit: 1000, &collected) {}
        collected.expectToMatch(journal.written[0])
        // The first segment, of 100 bytes, was open; 300 to 400 bytes are kept.
        #expect(collected.bytes[..<100].allSatisfy { $0 != nil })
        #expect(collected.gapCount >= 500)
    }

    @Test("Reading starts at any position, also at one that is yet to come")
    func positions() throws {
        let journal = try TestJournal(bound: 400)
        try journal.write([UInt8](0..<200))
        for start in [0, 99, 100, 101, 199] {
            let reader = JournalReader(.stdout, from: start)
            var collected = Collected(bytes: journal.written[0][..<start].map { $0 })
            while try step(reader, journal, limit: 64, &collected) {}
            collected.expectToMatch(journal.written[0])
        }
        let early = JournalReader(.stdout, from: 330)
        #expect(try early.look(in: journal.folder) { _ in Issue.record("no gap") } == 0)
        try journal.write([UInt8](repeating: 7, count: 150))
        #expect(try early.look(in: journal.folder) { _ in Issue.record("no gap") } > 0)
        #expect(early.position == 330)
    }

    @Test("A limit ends reading, and a stream without a journal is empty")
    func limits() throws {
        let journal = try TestJournal(bound: 400)
        try journal.write([UInt8](repeating: 1, count: 150))
        let reader = JournalReader(.stdout)
        reader.limit = try reader.journalEnd(in: journal.folder)
        #expect(reader.limit == 150)
        try journal.write([UInt8](repeating: 2, count: 150))
        var collected = Collected()
        while try step(reader, journal, limit: 64, &collected) {}
        #expect(collected.bytes.count == 150)

        try FileDescriptor.open("/tmp", O_RDONLY | O_DIRECTORY).removeTree(String(journal.path.dropFirst(5)))
        let none = JournalReader(.stderr)
        #expect(try none.look(in: journal.folder) { _ in Issue.record("no gap") } == 0)
        #expect(try none.journalEnd(in: journal.folder) == 0)
    }

    @Test("A reader and a writer at once see each other's doings in the files alone")
    func atOnce() async throws {
        let journal = try TestJournal(bound: 4096)
        nonisolated(unsafe) let shared = journal
        let writing = Task.detached {
            var random = SplitMix64(state: 99)
            while shared.written[0].count < 400_000 { try shared.writeLine(&random) }
            _ = try shared.folder.open("over", O_WRONLY | O_CREAT)
        }
        let reader = JournalReader(.stdout)
        var collected = Collected()
        while try journal.folder.metadata(of: "over") == nil {
            _ = try step(reader, journal, limit: 300, &collected)
            await Task.yield()
        }
        try await writing.value
        while try step(reader, journal, limit: 300, &collected) {}
        collected.expectToMatch(journal.written[0])
    }
}

@Suite struct JournalMergeTests {
    /// Reads all that a merge gives, as runs of bytes of one stream.
    private func drain(_ merge: JournalMerge, _ journal: TestJournal, limit: Int = 4096) throws -> [UInt8] {
        var all: [UInt8] = []
        while let next = try merge.next(in: journal.folder, gap: { _, _ in Issue.record("no gap") }) {
            var failure: SystemError?
            all += [UInt8](unsafeUninitializedCapacity: min(limit, next.count)) { space, count in
                do throws(SystemError) {
                    count = try merge.readers[next.reader].read(into: UnsafeMutableRawBufferPointer(space))
                } catch { failure = error }
            }
            if let failure { throw failure }
        }
        return all
    }

    private func newMerge() -> JournalMerge {
        JournalMerge([JournalReader(.stdout, indexed: true), JournalReader(.stderr, indexed: true)])
    }

    @Test(
        "Both streams come in the order they were written in, afterwards and while following",
        arguments: 1...8)
    func order(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let journal = try TestJournal(bound: 1 << 20)
        let following = newMerge()
        var expected: [UInt8] = []
        var followed: [UInt8] = []
        for number in 0..<1500 {
            let stream = random.below(2)
            let line = Array("\(number)\(stream == 0 ? "o" : "e")\n".utf8)
            try journal.write(line, to: stream, after: Int64(random.pick([0, 0, 1, 20])))
            expected += line
            if random.below(5) == 0 { followed += try drain(following, journal, limit: 1 + random.below(50)) }
        }
        followed += try drain(following, journal)
        #expect(followed == expected)
        journal.flush()
        #expect(try drain(newMerge(), journal, limit: 1 + random.below(50)) == expected)
    }

    @Test("Order is kept across segments of both streams")
    func acrossSegments() throws {
        var random = SplitMix64(state: 5)
        let journal = try TestJournal(bound: 40_000)
        var expected: [UInt8] = []
        while expected.count < 30_000 {
            let line = Array("\(expected.count) \(String(repeating: "y", count: random.below(200)))\n".utf8)
            try journal.write(line, to: random.below(2))
            expected += line
        }
        #expect(try drain(newMerge(), journal, limit: 100) == expected)
    }

    @Test("A missing, torn or senseless index costs order and no byte", arguments: 0..<6)
    func damagedIndex(kind: Int) throws {
        var random = SplitMix64(state: UInt64(kind))
        let journal = try TestJournal(bound: 20_000)
        for _ in 0..<150 { try journal.writeLine(&random, to: random.below(2)) }
        journal.flush()
        for name in try journal.indexNames() {
            let whole = try journal.folder.contents(of: name)
            switch kind {
            case 0: try journal.folder.remove(name)
            case 1: try journal.overwrite(name, with: [])
            case 2: try journal.overwrite(name, with: Array(whole.dropLast(random.below(whole.count))))
            case 3: try journal.overwrite(name, with: Array(whole.dropFirst(random.below(whole.count))))
            case 4: try journal.overwrite(name, with: random.bytes(whole.count))
            default: try journal.overwrite(name, with: [UInt8](repeating: 255, count: whole.count))
            }
        }
        let all = try drain(newMerge(), journal)
        // The order may be lost, so compare without it.
        #expect(all.sorted() == (journal.written[0] + journal.written[1]).sorted())
    }
}
