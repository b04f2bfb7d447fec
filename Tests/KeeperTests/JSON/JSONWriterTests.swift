import KeeperShared
import Testing

@Suite struct WireJSONWriterTests {
    func string(_ bytes: [UInt8]) -> String {
        var writer = JSONWriter()
        writer.string(utf8: bytes)
        return text(writer.bytes)
    }

    @Test func writesOneLine() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("pid")
        writer.integer(5)
        writer.key("list")
        writer.beginArray()
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.raw(Array(#"{"x":1}"#.utf8))
        writer.endArray()
        writer.key("a\"b" as String)
        writer.string("c")
        writer.endObject()
        writer.endLine()
        writer.integer(UInt64.max)
        writer.endLine()
        writer.integer(Int64.min)
        #expect(
            text(writer.bytes) == #"{"pid":5,"list":[true,null,{},[],{"x":1}],"a\"b":"c"}"# + "\n"
                + "18446744073709551615\n-9223372036854775808")
    }

    @Test func appendsToABuffer() {
        var writer = JSONWriter(appendingTo: Array("x ".utf8))
        writer.integer(Int32(-7))
        #expect(text(writer.bytes) == "x -7")
    }

    @Test func escapes() {
        #expect(
            string(Array("a\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}".utf8)) == #""a\"\\/\b\f\n\r\t\u0000\u001f"#
                + "\u{7f}\"")
        #expect(
            string(Array("\u{2027}\u{2028}\u{2029}\u{202a}é😀".utf8)) == "\"\u{2027}\\u2028\\u2029\u{202a}é😀\""
        )
        #expect(string([]) == "\"\"")
    }

    @Test func replacesInvalidUTF8() {
        #expect(string([0x61, 0x80, 0x62]) == "\"a\u{fffd}b\"")
        #expect(string([0xE2, 0x82]) == "\"\u{fffd}\"")
        #expect(string([0xED, 0xA0, 0x80]) == "\"\u{fffd}\u{fffd}\u{fffd}\"")
        var random = SplitMix64(state: 1)
        for _ in 0..<5_000 {
            // Mostly lead and continuation bytes, where the rules differ.
            let bytes = random.bytes(random.below(12)).map {
                $0 < 0x20 || $0 == 0x22 || $0 == 0x5C ? 0xE2 : $0
            }
            let written = string(bytes)
            let expected = "\"" + text(bytes) + "\""
            if !expected.unicodeScalars.contains(where: { $0 == "\u{2028}" || $0 == "\u{2029}" }) {
                #expect(equalUTF8(written, expected), "\(bytes)")
            }
        }
    }
}
