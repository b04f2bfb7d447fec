import KeeperShared
import Testing

@Suite struct RawLineTests {
    private func line(room: Int, _ body: (inout RawLine) -> Void) -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { space, count in
            var line = RawLine(in: UnsafeMutableRawBufferPointer(space))
            body(&line)
            count = line.count
        }
        return text(bytes)
    }

    @Test func pieces() {
        for length in 0...40 {
            let piece = (0..<length).map { UInt8(0x30 + $0 % 10) }
            #expect(line(room: length) { $0.put(piece) } == text(piece))
        }
        #expect(
            line(room: 2) {
                $0.put(7); $0.put(0)
            } == "70")
        #expect(line(room: 19) { $0.put(Int.max) } == "9223372036854775807")
        var random = SplitMix64.announced("RawLineTests.pieces")
        for _ in 0..<1000 {
            let number = Int(random.next() >> random.next() % 63 >> 1)
            #expect(line(room: 19) { $0.put(number) } == String(number))
        }
    }

    @Test func texts() {
        let content = Array(
            "a \"quoted\" line\t\u{1}é\u{2028}\u{1F600} that is longer than sixteen bytes".utf8)
        let written = line(room: RawLine.room(for: content.count)) { line in
            let isText = content.withUnsafeBytes { line.putText($0) }
            #expect(isText)
        }
        #expect(
            written == #"a \"quoted\" line\t\u0001é\u2028"# + "\u{1F600} that is longer than sixteen bytes")
        let nothing = line(room: 100) { line in
            let isText = [UInt8]([0x61, 0xFF]).withUnsafeBytes { line.putText($0) }
            #expect(!isText)
        }
        #expect(nothing == "")
    }

    @Test("a byte is escaped in one way, whoever writes it")
    func escapes() {
        for byte in UInt8(0)..<0x80 {
            var json = JSONWriter()
            json.string(utf8: [byte])
            let written = line(room: RawLine.room(for: 1)) { line in
                _ = [byte].withUnsafeBytes { line.putText($0) }
            }
            #expect(text(json.bytes) == "\"\(written)\"")
        }
        #expect(
            line(room: RawLine.room(for: 3)) { line in
                _ = [UInt8]([0x61, 0xFF, 8]).withUnsafeBytes { line.putText($0, replacing: true) }
            } == "a\u{FFFD}\\b")
    }

    /// Text is looked at sixteen bytes at a time: what can't stay as it is may be any of them, or come after the last.
    @Test func textsOfEveryLength() {
        for (special, escaped) in [
            ("\"", #"\""#), ("\u{1}", #"\u0001"#), ("\\", #"\\"#), ("é", "é"), (" ~\u{7F}", " ~\u{7F}"),
        ] {
            for before in 0...34 {
                for after in [0, 1, 15, 16, 17] {
                    let (head, rest) = (
                        String(repeating: "a", count: before), String(repeating: "b", count: after)
                    )
                    let content = Array((head + special + rest).utf8)
                    let written = line(room: RawLine.room(for: content.count)) { line in
                        let isText = content.withUnsafeBytes { line.putText($0) }
                        #expect(isText)
                    }
                    #expect(written == head + escaped + rest)
                }
            }
        }
    }

    @Test func repeated() {
        let written = line(room: 8) {
            $0.put("ab")
            $0.put(12)
            $0.put("c")
            $0.repeatBytes(from: 2, to: 4)
        }
        #expect(written == "ab12c12")
    }

    /// Used to be the caller's promise.
    @Test("what doesn't fit ends the program instead of being written elsewhere")
    func bounds() async {
        await #expect(processExitsWith: .failure) {
            withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { space in
                var line = RawLine(in: space)
                line.put("123456789")
            }
        }
        await #expect(processExitsWith: .failure) {
            withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { space in
                var line = RawLine(in: space)
                _ = [UInt8](repeating: 0x61, count: 8).withUnsafeBytes { line.putText($0) }
            }
        }
    }
}
