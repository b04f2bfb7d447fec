import KeeperShared
import Testing

@testable import keeperctl

@Suite("WebSocket: frames")
struct WebSocketReaderTests {
    /// What comes of bytes in pieces: messages as texts, and the code of a failure at the end.
    private func read(_ pieces: [[UInt8]], limit: Int = 1 << 20) -> [String] {
        var reader = WebSocketReader(limit: limit)
        var waiting: [UInt8] = []
        var all: [String] = []
        for piece in pieces {
            waiting += piece
            var used = 0
            var code: UInt16?
            waiting.withUnsafeMutableBytes { bytes in
                do throws(WebSocketClose) {
                    used = try reader.take(bytes) { message, payload throws(WebSocketClose) in
                        all.append("\(message) \(Array(payload))")
                        return true
                    }
                } catch { code = error.code }
            }
            if let code { return all + ["\(code)"] }
            waiting.removeFirst(used)
        }
        return all
    }

    private func randomMessage(_ random: inout SplitMix64) -> (bytes: [UInt8], messages: [String]) {
        let isText = random.below(2) == 0
        var payload = random.bytes(random.pick([0, 1, 5, 125, 126, 300]))
        if isText {
            payload = Array(String(payload.map { Character(Unicode.Scalar(UInt32($0) * 40)!) }).utf8)
        }
        var frames: [UInt8] = []
        var messages: [String] = []
        var start = 0
        repeat {
            let count = random.below(3) == 0 ? payload.count - start : random.below(payload.count - start + 1)
            let isLast = start + count == payload.count
            frames += clientFrame(
                start == 0 && frames.isEmpty ? (isText ? 1 : 2) : 0, Array(payload[start..<(start + count)]),
                isLast: isLast, mask: random.bytes(4))
            start += count
            if isLast { break }
            if random.below(2) == 0 {
                frames += clientFrame(9, [1, 2], mask: random.bytes(4))
                messages.append("ping [1, 2]")
                // A message that goes on after it begins with the opcode 0, even if nothing has come of it yet.
            }
        } while true
        return (frames, messages + ["\(isText ? "text" : "binary") \(payload)"])
    }

    @Test("however the bytes come, the messages are the same")
    func pieces() {
        var random = SplitMix64.announced("WebSocket in pieces")
        for _ in 0..<40 {
            let all = (0...random.below(3)).map { _ in randomMessage(&random) }
            let bytes = all.flatMap { $0.bytes }
            let wanted = all.flatMap { $0.messages }
            #expect(read([bytes]) == wanted)
            #expect(read(bytes.map { [$0] }) == wanted)
            for cut in stride(from: 1, to: bytes.count, by: 1 + bytes.count / 200) {
                #expect(read([Array(bytes[..<cut]), Array(bytes[cut...])]) == wanted, "cut at \(cut)")
            }
        }
    }

    @Test("mutated frames never crash, and end alike whole and byte by byte")
    func mutations() {
        var random = SplitMix64.announced("WebSocket mutated")
        for _ in 0..<3_000 {
            var bytes = randomMessage(&random).bytes + randomMessage(&random).bytes
            for _ in 0...random.below(3) {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            #expect(read([bytes]) == read(bytes.map { [$0] }), "\(bytes)")
        }
    }

    @Test(
        "what breaks the rules has its code",
        arguments: [
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], "1009"),
            ([0x82, 0xFF] + .init(repeating: 0xFF, count: 8), "1009"),
            ([0x82, 0xFF, 0x7F] + .init(repeating: 0xFF, count: 7), "1009"),
            ([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1], "1002"), ([0x82, 0xFE, 0, 1], "1002"),
            ([0x82, 0x01, 65], "1002"),
            ([0xC2, 0x80], "1002"), ([0x83, 0x80], "1002"), ([0x80, 0x80], "1002"), ([0x09, 0x80], "1002"),
            ([0x89, 0xFE, 0, 200], "1002"), (clientFrame(1, [0xC0]), "1007"),
            (clientFrame(1, [0xE2, 0x82]), "1007"),
            (clientFrame(1, [0xED, 0xA0], isLast: false), "1007"),
            (clientFrame(2, [], isLast: false) + clientFrame(2, []), "1002"),
        ] as [([UInt8], String)])
    func broken(_ bytes: [UInt8], _ code: String) { #expect(read([bytes]).last == code) }

    @Test("a message in many frames may not be larger than one in a single frame")
    func limit() {
        let half = clientFrame(2, .init(repeating: 7, count: 600), isLast: false)
        #expect(read([half + clientFrame(0, .init(repeating: 7, count: 600))], limit: 1000).last == "1009")
        #expect(read([half + clientFrame(0, .init(repeating: 7, count: 400))], limit: 1000).count == 1)
    }

    @Test("the answer to the handshake of RFC 6455, 1.3")
    func accept() {
        let answer = webSocketAccept(Array("dGhlIHNhbXBsZSBub25jZQ==".utf8), "chat")
        let text = String(decoding: answer, as: UTF8.self)
        #expect(text.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        #expect(text.contains("\r\nSec-WebSocket-Protocol: chat\r\n"))
    }
}
