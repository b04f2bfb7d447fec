import KeeperShared
import Testing

/// Finding and unescaping values in bytes that other programs have written.
@Suite struct WireJSONScannerTests {
    private func member(_ name: StaticString, of json: String) -> String {
        [UInt8](json.utf8).withUnsafeBufferPointer {
            String(decoding: jsonMember(name, of: $0), as: UTF8.self)
        }
    }

    private func text(_ json: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        json.withUnsafeBufferPointer { appendJSONString($0, to: &text) }
        return text
    }

    private func text(_ json: String) -> String { String(decoding: text([UInt8](json.utf8)), as: UTF8.self) }

    @Test func members() {
        let json = "{\"a\":{\"b\":[1,\"}\"]}, \"b\" : \"\\\"\" ,\"c\":-1.5e3}"
        #expect(member("a", of: json) == "{\"b\":[1,\"}\"]}")
        #expect(member("b", of: json) == "\"\\\"\"")
        #expect(member("c", of: json) == "-1.5e3")
        #expect(member("d", of: json) == "")
        for other in ["", "7", "[1]", "{", "{\"a\"", "{\"a\":", "null", "{\"x\":}"] {
            #expect(member("a", of: other) == "", "\(other)")
        }
    }

    @Test func strings() {
        #expect(text("\"plain é\"") == "plain é")
        #expect(text("\"\"") == "")
        #expect(text(#""\"\\\/\b\f\n\r\t|\u00e9\u20AC""#) == "\"\\/\u{8}\u{C}\n\r\t|é€")
        #expect(text(#""\ud83d\ude00""#) == "\u{1F600}")
        for other in ["7", "null", "{}", "\"", ""] { #expect(text(other) == "", "\(other)") }
    }

    @Test("a number is read in whatever way it is written, as the parser reads it")
    func wholeNumbers() {
        func number(_ text: String) -> Int? { [UInt8](text.utf8).withUnsafeBufferPointer { jsonInteger($0) } }
        for (text, value) in [
            ("0", 0), ("-0", 0), ("100", 100), ("-7", -7), ("5.0", 5), ("12.5e1", 125), ("1200E-2", 12),
            ("0.0e9", 0),
            ("9223372036854775807", Int.max), ("-9223372036854775808", .min),
            ("0.00000000000000000000001e+23", 1),
        ] {
            #expect(number(text) == value, "\(text)")
        }
        for other in [
            "", "-", "null", "5.5", "1e", "1e1e1", "e1", ".", "1.1.1", "9223372036854775808",
            "-9223372036854775809",
            "1e19", "1e999999999999", "1e-999999999999", "99999999999999999999999",
        ] {
            #expect(number(other) == nil, "\(other)")
        }
    }

    @Test func whatIsNoRightEscapeIsReplaced() {
        let replacement = "\u{FFFD}"
        #expect(text(#""\ud83d""#) == replacement)
        #expect(text(#""\ude00x""#) == replacement + "x")
        #expect(text(#""\ud83d\ud83d\ude00""#) == replacement + "\u{1F600}")
        #expect(text(#""\ud83d\n""#) == replacement + "\n")
        #expect(text(#""\ud83dA""#) == replacement + "A")
        #expect(text(#""\x!""#) == replacement + "!")
        #expect(text(#""\u12""#) == replacement)
        #expect(text(#""\u12g4""#) == replacement + "g4")
        // Bytes that are not UTF-8 pass, as what prints them decides about them.
        #expect(text([0x22, 0xFF, 0x5C, 0x6E, 0x22]) == [0xFF, 10])
    }

    @Test func everyStringOfTheWriterReadsBack() {
        var random = SplitMix64.announced("everyStringOfTheWriterReadsBack")
        let parts: [[UInt8]] = [
            [0x22], [0x5C], [10], [0], [31], [0x7F], [0x61], Array("é".utf8), Array("\u{2028}".utf8),
            Array("\u{1F600}".utf8),
        ]
        for _ in 0..<500 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                bytes += parts.randomElement(using: &random) ?? []
            }
            var json = JSONWriter()
            json.string(utf8: bytes)
            #expect(text(json.bytes) == bytes)
        }
    }

    @Test func linesStayLines() {
        func line(_ bytes: [UInt8]) -> [UInt8] {
            var line: [UInt8] = [0x3E]
            bytes.withUnsafeBufferPointer { appendLine($0, to: &line) }
            return line
        }
        #expect(line([UInt8]("\"a\u{2028}\u{2029}b\"".utf8)) == [UInt8](#">"a\u2028\u2029b""#.utf8))
        #expect(line([UInt8]("\"\u{202A}â€é\"".utf8)) == [UInt8](">\"\u{202A}â€é\"".utf8))
        #expect(line([]) == [0x3E])
        for cut: [UInt8] in [[0xE2], [0xE2, 0x80], [0x61, 0xE2, 0x80], [0xE2, 0xE2, 0x80, 0xA8]] {
            let whole = cut.suffix(3) == [0xE2, 0x80, 0xA8]
            #expect(line(cut) == (whole ? [0x3E, 0xE2] + Array(#"\u2028"#.utf8) : [0x3E] + cut))
        }
    }

    @Test func partsAndValues() {
        var json = JSONWriter()
        json.part("{\"a\":")
        json.integer(1)
        json.part(",\"b\":[")
        json.string("x")
        json.integer(2)
        json.part("]")
        json.part("}\n")
        #expect(String(decoding: json.bytes, as: UTF8.self) == "{\"a\":1,\"b\":[\"x\",2]}\n")
    }
}
