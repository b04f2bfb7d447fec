import Foundation
import KeeperShared
import Testing

@testable import keeperctl

@Suite struct WireStreamEventTests {
    private let lines: StreamEventLines

    init() throws { lines = StreamEventLines(try SessionID("a:b"), instance: "0123456789abcdef") }

    private func event(
        _ content: [UInt8], isPartial: Bool = false, time: Int64 = 1_700_000_000_123_999_999
    ) throws -> (line: [UInt8], event: StreamEvent) {
        var buffer = PageBuffer()
        var failure: SystemError?
        content.withUnsafeBytes { bytes in
            do throws(SystemError) {
                try lines.appendOutput(
                    .stdout, bytes, isPartial: isPartial, time: time,
                    10..<(11 + content.count),
                    StreamEventLines.Place(stdout: 11 + content.count, stderr: 7), to: &buffer)
            } catch { failure = error }
        }
        if let failure { throw failure }
        let line = [UInt8](buffer.bytes)
        return (line, try StreamEvent(JSON(parsing: line)))
    }

    @Test func theMembersOfALine() throws {
        let (line, event) = try event(Array("x".utf8))
        #expect(
            String(decoding: line, as: UTF8.self) == """
                {"type":"output","sessionId":"a:b","instance":"0123456789abcdef","timestamp":1700000000123,"seq":10,\
                "next":12,"cursor":"0123456789abcdef:12:7","data":{"stream":"stdout","content":"x","encoding":"utf8"}}

                """)
        #expect(event.cursor == "0123456789abcdef:12:7" && !event.isPartial)
        #expect(try self.event([], isPartial: true).event.isPartial)
        #expect(try self.event([], time: 0).event.json["timestamp"]?.isNull == true)
    }

    @Test("every byte at every place of a word, beside text and beside others like it")
    func everyByte() throws {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<9 {
                for count in 1...2 {
                    var content = Array("abcdefgh01234567".utf8)
                    for index in place..<(place + count) { content[index] = byte }
                    let found = try event(content, isPartial: true).event
                    #expect(found.bytes == content, "\(byte) at \(place)")
                    #expect(found.data?["encoding"]?.string == (byte < 0x80 ? "utf8" : "base64"))
                }
            }
        }
    }

    @Test("random bytes and random text come back, on one line each", arguments: 1...4)
    func random(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let alphabet = Array(
            "a\"\\\n\r\t\0\u{1F}\u{7F}é€😀\u{2028}\u{2029}\u{FFFD}\u{FFFF}\u{10FFFF} zz".unicodeScalars)
        for _ in 0..<1500 {
            var content: [UInt8] = []
            for _ in 0..<random.below(40) { content += [UInt8](String(random.pick(alphabet)).utf8) }
            if random.below(3) == 0 { content += random.bytes(random.below(9)) }
            let (line, event) = try event(content, isPartial: true)
            #expect(event.bytes == content)
            #expect(line.filter { $0 == 10 }.count == 1 && line.last == 10)
            let isText = String(validating: content, as: UTF8.self) != nil
            #expect(event.data?["encoding"]?.string == (isText ? "utf8" : "base64"))
        }
    }

    @Test(
        "long contents of run --json are put together from pieces",
        arguments: [0, 1, 2, 49_151, 49_152, 150_001])
    func pieces(count: Int) throws {
        for unit in ["a", "é", "€", "😀"] {
            var content = [UInt8](String(repeating: "x", count: count % 7).utf8)
            while content.count < count { content += [UInt8](unit.utf8) }
            for isText in [true, false] {
                if !isText { content.append(0xFF) }
                var json = JSONWriter()
                json.beginObject()
                json.member("before", 1)
                json.key("text")
                let wasText = content.withUnsafeBytes { json.text($0) }
                json.member("after", 2)
                json.endObject()
                let object = try JSON(parsing: json.bytes)
                #expect(wasText == isText && object["after"]?.int == 2)
                let text = try #require(object["text"]?.string)
                #expect(
                    (isText ? [UInt8](text.utf8) : [UInt8](Data(base64Encoded: text) ?? Data())) == content)
            }
        }
    }
}
