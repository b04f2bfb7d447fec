import KeeperShared
import Testing

@Suite struct WireJSONParserTests {
    func parse(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

    func failure(_ bytes: [UInt8]) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue.parse(bytes)
            return nil
        } catch { return error }
    }

    @Test func readsEveryKindOfValue() throws {
        let value = try parse(
            #" {"a" : [1, -2.5e3, true, false, null] , "b":{}, "c":[], "d":"x\"\\\/\b\f\n\r\t\u00e9é"} "#)
        #expect(
            value["a"]
                == .array([.integer(1), .number("-2.5e3"), .bool(true), .bool(false), .null]))
        #expect(value["b"]?.members == [])
        #expect(value["c"]?.arrayValue == [])
        #expect(value["d"]?.stringValue == "x\"\\/\u{8}\u{c}\n\r\téé")
        #expect(value["e"] == nil)
        #expect(value["a"]?.arrayValue?[2].boolValue == true)
    }

    @Test func lastDuplicateWinsAndOrderIsKept() throws {
        let value = try parse(#"{"b":1,"a":2,"b":3}"#)
        #expect(value["b"]?.intValue == 3)
        #expect(value.members?.map(\.name) == ["b", "a", "b"])
    }

    @Test func namesAreComparedByBytes() throws {
        let composed = "\u{e9}"
        let decomposed = "e\u{301}"
        #expect(composed == decomposed)
        #expect(!equalUTF8(composed, decomposed))
        let value = try parse("{\"\(composed)\":1}")
        #expect(value[composed] != nil)
        #expect(value[decomposed] == nil)
        #expect(try value != parse("{\"\(decomposed)\":1}"))
    }

    @Test func numbers() throws {
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("-9223372036854775808") == .integer(.min))
        #expect(try parse("9223372036854775808") == .number("9223372036854775808"))
        #expect(try parse("-9223372036854775809") == .number("-9223372036854775809"))
        #expect(try parse("123456789012345678901234567890") == .number("123456789012345678901234567890"))
        #expect(try parse("0") == .integer(0))
        #expect(try parse("1E+2") == .number("1E+2"))
        #expect(try parse("5e-324") == .number("5e-324"))
        #expect(try parse("-0") == .number("-0"))
        // Digits that no Double holds come out as they went in.
        var writer = JSONWriter()
        writer.value(try parse("[12345678901234567890,1.50]"))
        #expect(text(writer.bytes) == "[12345678901234567890,1.50]")
        for bad in ["01", "-", "+1", "1.", ".5", "1e", "1e+", "-01", "0x1", "NaN", "1_0"] {
            #expect(failure(Array(bad.utf8)) != nil, "\(bad)")
        }
    }

    @Test func wholeNumbers() throws {
        #expect(try parse("5.0").intValue == 5)
        #expect(try parse("-0").intValue == 0)
        #expect(try parse("5.5").intValue == nil)
        #expect(try parse("9223372036854775808").intValue == nil)
        #expect(try parse("-9223372036854775808.0").intValue == .min)
        #expect(try parse("1e300").intValue == nil)
        #expect(try parse("\"5\"").intValue == nil)
        #expect(try parse("1e999999999999").intValue == nil)
        #expect(try parse("12.5e1").intValue == 125)
        #expect(try parse("1200e-2").intValue == 12)
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4), ("{a:1}", 1),
        ("{\"a\":1,}", 7),
        ("[1]x", 3), ("trux", 3), ("\"a", 2), ("\"\\x\"", 2), ("\"\\u12g4\"", 5), ("\"a\nb\"", 2), ("nul", 3),
        ("1 1", 2), ("[1}", 2), ("\u{feff}1", 0), ("'a'", 0), ("// x\n1", 0), ("\u{0}", 0), ("\"\u{0}\"", 1),
        ("\u{a0}1", 0),
    ])
    func errorsHaveAnOffset(_ text: String, _ offset: Int) {
        #expect(failure(Array(text.utf8))?.offset == offset)
    }

    @Test func errorsReadAsALine() {
        #expect(failure(Array("[1 2]".utf8))?.message == "expected a comma or ] at byte 3")
        #expect(failure(Array("[".utf8))?.message == "unexpected end at byte 1")
    }

    @Test func surrogates() throws {
        #expect(try parse(#""\uD83D\uDE00\uffff""#) == .string("😀\u{ffff}"))
        for bad in [#""\uD83D""#, #""\uDE00""#, #""\uD83Dx""#, #""\uD83D\n""#, #""\uD83D\uD83D""#] {
            #expect(failure(Array(bad.utf8))?.offset == 1, "\(bad)")
        }
    }

    @Test(
        arguments: [
            [0x80], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func invalidUTF8IsAnError(_ sequence: [UInt8]) {
        let document = [UInt8(ascii: "\"")] + sequence + [UInt8(ascii: "\"")]
        #expect(failure(document)?.offset == 1)
    }

    @Test func depthIsBounded() throws {
        let most = JSONValue.maximumDepth
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONValue.parse(nested(most))
        #expect(failure(nested(most + 1))?.offset == most)
        #expect(failure(Array(String(repeating: "{\"a\":[", count: 100_000).utf8)) != nil)
        // Depth is nesting, not the number of containers.
        _ = try parse("[" + String(repeating: "[],", count: 1000) + "{}]")
    }
}
