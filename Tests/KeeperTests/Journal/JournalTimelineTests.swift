import CSystem
import KeeperShared
import Testing

@testable import keeperctl

/// What is kept of one stream, read in the simplest way.
private struct Kept {
    var start = 0
    var bytes: [UInt8] = []
    var end: Int { start + bytes.count }
    /// Positions at which lines begin.
    private(set) var lineStarts: [Int] = []

    init(_ journal: TestJournal, _ stream: StreamName = .stdout) throws {
        let bases = try segmentBases(of: stream, in: journal.folder).sorted()
        start = bases.first ?? 0
        for base in bases { bytes += try journal.folder.contents(of: stream.segmentName(base: base)) }
        if bytes.isEmpty { return }
        lineStarts = [start]
        for (offset, byte) in bytes.dropLast().enumerated() where byte == 10 {
            lineStarts.append(start + offset + 1)
        }
    }

    func lineStart(at position: Int) -> Int { lineStarts.last { $0 <= position } ?? start }
    func lineEnd(at position: Int) -> Int { lineStarts.first { $0 > position } ?? end }
}

extension TestJournal {
    /// Lines of random length, some empty and some longer than what is read at once; perhaps a last one without an end.
    fileprivate func fill(_ random: inout SplitMix64, lines: Int, longest: Int) throws {
        for number in 0..<lines {
            let length = random.pick([0, random.below(20), random.below(100), random.below(longest)])
            let line = [UInt8](repeating: UInt8(ascii: "a") + UInt8(number % 26), count: length) + [10]
            try write(line, after: Int64(random.pick([0, 1, 5, 9, 12, 40, 2000])))
            if random.below(4) == 0 { try write([120, 10], to: 1) }
        }
        if random.below(2) == 0 { try write([112, 63, 32], after: 20) }
        flush()
        try stampSegments()
    }

    /// Gives each segment the time of its last bytes, as if it had been written then.
    fileprivate func stampSegments() throws {
        for (number, stream) in [StreamName.stdout, .stderr].enumerated() {
            for base in try segmentBases(of: stream, in: folder) {
                let size = try #require(try folder.metadata(of: stream.segmentName(base: base))).size
                let time = chunks[number].last { $0.position < base + size }?.time ?? 0
                try setModified(stream.segmentName(base: base), time)
            }
        }
    }

    func setModified(_ name: String, _ time: Int64) throws {
        let moment = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
        var times = [moment, moment]
        try #require(utimensat(AT_FDCWD, "\(path)/\(name)", &times, 0) == 0)
    }

    fileprivate func damageIndexes(_ kind: Int, _ random: inout SplitMix64) throws {
        for name in try indexNames() {
            let whole = try folder.contents(of: name)
            switch kind {
            case 0: try folder.remove(name)
            case 1: if random.below(2) == 0 { try folder.remove(name) }
            case 2: try overwrite(name, with: [])
            // Short, and mostly torn.
            case 3: try overwrite(name, with: Array(whole.dropLast(random.below(whole.count))))
            // Records of bytes that never came to the log.
            case 4:
                var more = whole
                for step in 1...5 {
                    withUnsafeBytes(of: UInt64(written[0].count + step * 1000).littleEndian) { more += $0 }
                    withUnsafeBytes(of: UInt64(now + Int64(step)).littleEndian) { more += $0 }
                }
                try overwrite(name, with: more + [1, 2, 3])
            default: try overwrite(name, with: random.bytes(whole.count))
            }
        }
    }

    /// The records of the indexes that are there.
    fileprivate func records(_ stream: StreamName = .stdout) throws -> [(position: Int, time: Int64)] {
        var records: [(position: Int, time: Int64)] = []
        for base in try segmentBases(of: stream, in: folder).sorted() {
            guard let bytes = try? folder.contents(of: stream.indexName(base: base)) else { continue }
            bytes.withUnsafeBytes { raw in
                for offset in stride(from: 0, to: raw.count - raw.count % 16, by: 16) {
                    let position = raw.loadUnaligned(fromByteOffset: offset, as: Int.self)
                    records.append((position, raw.loadUnaligned(fromByteOffset: offset + 8, as: Int64.self)))
                }
            }
        }
        return records
    }
}

@Suite struct LineFinderTests {
    @Test("Lines are found backward as they are forward, in any journal", arguments: 1...10)
    func backward(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let journal = try TestJournal(bound: random.pick([300, 5000, 150_000]))
        try journal.fill(&random, lines: 60 + random.below(60), longest: random.pick([30, 40_000]))
        let kept = try Kept(journal)
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        #expect(timeline.start == kept.start)
        #expect(timeline.end == kept.end)
        let finder = LineFinder(.stdout, timeline.segments)
        var found: [Int] = []
        var position = kept.end
        while let start = try finder.lineStart(before: position, in: journal.folder) {
            found.append(start)
            position = start
        }
        #expect(found == kept.lineStarts.reversed())
        for _ in 0..<200 {
            let position = kept.start + random.below(kept.bytes.count)
            #expect(
                try finder.lineStart(before: position + 1, in: journal.folder) == kept.lineStart(at: position)
            )
            #expect(try finder.lineEnd(at: position, in: journal.folder) == kept.lineEnd(at: position))
        }
    }

    @Test("An empty journal and a missing one have no lines")
    func empty() throws {
        let journal = try TestJournal(bound: 1000)
        for stream in [StreamName.stdout, .stderr] {
            let timeline = try JournalTimeline(stream, in: journal.folder)
            #expect(try LineFinder(stream, timeline.segments).lineStart(before: 0, in: journal.folder) == nil)
            #expect(timeline.end == 0)
            try journal.folder.remove(StreamName.stderr.segmentName(base: 0))
        }
    }

    @Test("Where a segment is missing, or is removed while lines are looked for, a line begins after it")
    func missingSegment() throws {
        var random = SplitMix64(state: 3)
        let journal = try TestJournal(bound: 4000)
        try journal.fill(&random, lines: 400, longest: 50)
        let bases = try segmentBases(of: .stdout, in: journal.folder).sorted()
        try #require(bases.count >= 3)
        let listed = try JournalTimeline(.stdout, in: journal.folder)
        try journal.folder.remove(StreamName.stdout.segmentName(base: bases[1]))
        let late = LineFinder(.stdout, listed.segments)
        #expect(try late.lineStart(before: bases[2] + 1, in: journal.folder) == bases[2])
        #expect(try late.lineStart(before: bases[2], in: journal.folder) == bases[2] - 1)
        let finder = LineFinder(.stdout, try JournalTimeline(.stdout, in: journal.folder).segments)
        #expect(try finder.lineStart(before: bases[2] + 1, in: journal.folder) == bases[2])
        let before = try #require(try finder.lineStart(before: bases[2], in: journal.folder))
        #expect(before < bases[1])
    }
}

@Suite struct JournalTimelineTests {
    @Test("No line of the time is left out, and not much more is taken in", arguments: 1...16)
    func range(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let journal = try TestJournal(bound: random.pick([2000, 300_000]))
        try journal.fill(&random, lines: 400, longest: 500)
        let kept = try Kept(journal)
        let records = try journal.records()
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        let chunks = journal.chunks[0].filter { $0.position >= kept.start }
        for _ in 0..<150 {
            let time = chunks[random.below(chunks.count)].time + Int64(random.below(3) - 1)
            // Since: the first chunk of the time is in it, and no line before the record before the first record of the time.
            let start = try timeline.start(since: time, in: journal.folder)
            if let first = chunks.first(where: { $0.time >= time }) {
                #expect(start <= kept.lineStart(at: first.position))
            }
            // A segment's own time is as coarse as the kernel's clock.
            let before = records.last { $0.time < time - .milliseconds(20) }?.position ?? kept.start
            #expect(start >= kept.lineStart(at: before))
            #expect(kept.lineStarts.contains(start) || start == kept.end)
            // Until: every line that began by then is in it, and nothing after the next record's line.
            let end = try timeline.end(until: time, in: journal.folder)
            if let last = chunks.last(where: { $0.time <= time }) {
                #expect(end >= kept.lineEnd(at: last.position))
            }
            if let next = records.first(where: { $0.time > time }) {
                #expect(
                    end == (next.position > kept.start ? kept.lineEnd(at: next.position - 1) : kept.start))
            } else {
                #expect(end == kept.end)
            }
        }
        #expect(try timeline.start(since: journal.now + .seconds(2), in: journal.folder) == kept.end)
        #expect(try timeline.start(since: 0, in: journal.folder) == kept.start)
        #expect(try timeline.end(until: 0, in: journal.folder) == kept.start)
        #expect(try timeline.end(until: .max, in: journal.folder) == kept.end)
        #expect(try timeline.start(since: .max, in: journal.folder) == kept.end)
        #expect(try timeline.end(until: .min, in: journal.folder) == kept.start)
    }

    @Test("A missing, short, torn or overlong index costs precision and no line", arguments: 0..<5, 1...4)
    func damaged(kind: Int, seed: Int) throws {
        var random = SplitMix64(state: UInt64(kind * 100 + seed))
        let journal = try TestJournal(bound: random.pick([3000, 300_000]))
        try journal.fill(&random, lines: 300, longest: 200)
        try journal.damageIndexes(kind, &random)
        let kept = try Kept(journal)
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        let chunks = journal.chunks[0].filter { $0.position >= kept.start }
        for chunk in chunks {
            let start = try timeline.start(since: chunk.time, in: journal.folder)
            #expect(start <= kept.lineStart(at: chunk.position))
            let end = try timeline.end(until: chunk.time, in: journal.folder)
            #expect(end >= kept.lineEnd(at: chunk.position))
        }
        // What the segments' own times say still holds.
        #expect(try timeline.start(since: journal.now + .seconds(2), in: journal.folder) == kept.end)
    }

    @Test("Senseless indexes break nothing", arguments: 1...6)
    func senseless(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let journal = try TestJournal(bound: 3000)
        try journal.fill(&random, lines: 300, longest: 200)
        try journal.damageIndexes(5, &random)
        let kept = try Kept(journal)
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        for _ in 0..<200 {
            let time = random.pick([Int64(bitPattern: random.next()), journal.now, 0, .min, .max])
            #expect((kept.start...kept.end).contains(try timeline.start(since: time, in: journal.folder)))
            #expect((kept.start...kept.end).contains(try timeline.end(until: time, in: journal.folder)))
            _ = timeline.time(at: kept.start + random.below(kept.bytes.count), in: journal.folder)
        }
    }

    @Test(
        "A position's time is that of the record that covers it, looked up or read on", arguments: 0..<5,
        1...3)
    func times(kind: Int, seed: Int) throws {
        var random = SplitMix64(state: UInt64(kind * 10 + seed))
        let journal = try TestJournal(bound: random.pick([3000, 300_000]))
        try journal.fill(&random, lines: 300, longest: 200)
        if kind > 0 { try journal.damageIndexes(kind, &random) }
        let kept = try Kept(journal)
        let records = try journal.records().filter { $0.position < kept.end }
        let bases = try segmentBases(of: .stdout, in: journal.folder).sorted()
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        func expected(_ position: Int) -> Int64 { records.last { $0.position <= position }?.time ?? 0 }
        for _ in 0..<300 {
            let position = kept.start + random.below(kept.bytes.count)
            #expect(timeline.time(at: position, in: journal.folder) == expected(position))
        }
        // From the middle to the end, as a reader goes.
        let index = JournalIndex(.stdout)
        var position = kept.start + random.below(kept.bytes.count)
        while position < kept.end {
            index.enterSegment(base: bases.last { $0 <= position } ?? 0)
            #expect(index.knownTime(at: position, in: journal.folder) == expected(position))
            position += 1 + random.below(60)
        }
    }

    @Test("Without an index the segments tell: those last written before the time are left out")
    func segmentsAlone() throws {
        var random = SplitMix64(state: 11)
        let journal = try TestJournal(bound: 4000)
        try journal.fill(&random, lines: 400, longest: 50)
        try journal.damageIndexes(0, &random)
        let bases = try segmentBases(of: .stdout, in: journal.folder).sorted()
        for (number, base) in bases.enumerated() {
            try journal.setModified(
                StreamName.stdout.segmentName(base: base), .seconds(Int64(number) * 10) + 1)
        }
        let timeline = try JournalTimeline(.stdout, in: journal.folder)
        for number in 1..<bases.count {
            let start = try timeline.start(since: .seconds(Int64(number) * 10), in: journal.folder)
            #expect(start == bases[number])
        }
        #expect(try timeline.end(until: .seconds(5), in: journal.folder) == timeline.end)
    }
}
