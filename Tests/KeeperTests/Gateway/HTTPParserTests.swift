import KeeperShared
import Testing

@testable import keeperctl

/// What became of a request, in a form that can be compared.
private struct Parsed: Equatable, CustomStringConvertible {
    let head: String
    let body: [UInt8]
    var description: String { "\(head) + \(body.count)" }
}

@Suite("HTTP: heads and bodies are read alike by everybody, or refused")
struct HTTPParserTests {
    private func head(_ text: String) throws(HTTPFailure) -> HTTPRequest? {
        let bytes = Array(text.utf8)
        var result: HTTPRequest?
        var problem: HTTPFailure?
        bytes.withUnsafeBytes { buffer in
            do throws(HTTPFailure) { result = try HTTPHeadParser.parse(buffer)?.0 } catch { problem = error }
        }
        if let problem { throw problem }
        return result
    }

    private func status(_ text: String) -> Int {
        do throws(HTTPFailure) { return try head(text) == nil ? 0 : 200 } catch { return error.status }
    }

    @Test("what a head says")
    func heads() throws {
        let request = try #require(
            try head(
                "PATCH /api/v1/sessions/a%2Db/?x=1&y=a+b%26&z HTTP/1.1\r\nHOST: me\r\nX-A: \t one \r\nx-a:two\r\n"
                    + "Connection: Keep-Alive, CLOSE\r\nContent-Length: 12\r\n\r\nrest"))
        #expect(request.method == .patch)
        #expect(request.path == ["api", "v1", "sessions", "a-b"])
        #expect(request.query.map { "\($0.name)=\($0.value)" } == ["x=1", "y=a b&", "z="])
        #expect(request.text("x-a") == "one, two" && request.text("host") == "me")
        #expect(request.body == .length(12) && !request.keepsAlive && !request.isOld)
        let absolute = try #require(
            try head("GET HTTP://other:80?q HTTP/1.1\r\nHost: me\r\nTransfer-Encoding: Chunked\r\n\r\n"))
        #expect(absolute.text("host") == "other:80" && absolute.path == [] && absolute.body == .chunked)
        let old = try #require(try head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        #expect(old.isOld && !old.keepsAlive)
    }

    @Test(
        "what could be understood in two ways is refused",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", 400), ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /\r\nHost: a\r\n\r\n", 400), ("\r\n\r\n", 400), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", 400), ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /%2e%2E/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET //a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ])
    func refused(_ text: String, _ wanted: Int) { #expect(status(text) == wanted) }

    @Test("too much is told as such")
    func floods() {
        #expect(status("GET /" + String(repeating: "a", count: 16 << 10)) == 414)
        #expect(status("GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 16 << 10)) == 431)
        let many = (0...100).map { "X\($0): 1\r\n" }.joined()
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n") == 431)
    }

    /// As a connection does it, with bytes that come in pieces.
    private func read(_ pieces: [[UInt8]]) -> [Parsed] {
        var waiting: [UInt8] = []
        var open: (head: String, body: HTTPBody)?
        var all: [Parsed] = []
        for piece in pieces {
            waiting += piece
            do throws(HTTPFailure) {
                while true {
                    if let (head, started) = open {
                        var body = started
                        var used = 0
                        var problem: HTTPFailure?
                        waiting.withUnsafeBytes {
                            do throws(HTTPFailure) { used = try body.take($0) } catch { problem = error }
                        }
                        if let problem { throw problem }
                        waiting.removeFirst(used)
                        open = (head, body)
                        if !body.isComplete { break }
                        all.append(Parsed(head: head, body: body.bytes))
                        open = nil
                    }
                    var parsed: (HTTPRequest, count: Int)?
                    var problem: HTTPFailure?
                    waiting.withUnsafeBytes {
                        do throws(HTTPFailure) { parsed = try HTTPHeadParser.parse($0) } catch {
                            problem = error
                        }
                    }
                    if let problem { throw problem }
                    guard let (request, count) = parsed else { break }
                    waiting.removeFirst(count)
                    let text = "\(request.method) \(request.path) \(request.text("x-field") ?? "")"
                    open = (text, try HTTPBody(request.body, limit: 1 << 20))
                }
            } catch {
                return all + [Parsed(head: "\(error.status)", body: [])]
            }
        }
        return all
    }

    private func randomRequest(_ random: inout SplitMix64) -> (bytes: [UInt8], parsed: Parsed) {
        let method = random.pick(HTTPMethod.allCases.filter { $0 != .connect })
        let path = (0..<random.below(4)).map { _ in random.pick(["a", "sessions", "x-y_z", "0"]) }
        let value = String((0..<random.below(30)).map { _ in random.pick(Array("abc;=\"é \t")) })
        let body = random.bytes(random.below(3) == 0 ? 0 : random.below(300))
        var head =
            "\(method.rawValue) /\(path.joined(separator: "/")) HTTP/1.1\r\nHost: a\r\nX-Field:\(value)\r\n"
        var bytes: [UInt8]
        if random.below(2) == 0 {
            head += "Content-Length: \(body.count)\r\n\r\n"
            bytes = Array(head.utf8) + body
        } else {
            head += "Transfer-Encoding: chunked\r\n\r\n"
            bytes = Array(head.utf8)
            var start = 0
            while start < body.count {
                let count = min(body.count - start, 1 + random.below(100))
                bytes += Array("\(String(count, radix: 16))\(random.pick(["", ";a=b"]))\r\n".utf8)
                bytes += Array(body[start..<(start + count)]) + [13, 10]
                start += count
            }
            bytes += Array("0\r\n\(random.pick(["", "X-Trailer: 1\r\n"]))\r\n".utf8)
        }
        let text = value.drop { $0 == " " || $0 == "\t" }
        let trimmed = String(text.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        return (bytes, Parsed(head: "\(method) \(path) \(trimmed)", body: body))
    }

    @Test("however the bytes come, the requests are the same")
    func pieces() {
        var random = SplitMix64.announced("HTTP in pieces")
        for _ in 0..<40 {
            let requests = (0...random.below(3)).map { _ in randomRequest(&random) }
            let bytes = requests.flatMap { $0.bytes }
            let wanted = requests.map { $0.parsed }
            #expect(read([bytes]) == wanted)
            #expect(read(bytes.map { [$0] }) == wanted)
            for cut in bytes.indices.dropFirst() {
                #expect(read([Array(bytes[..<cut]), Array(bytes[cut...])]) == wanted, "cut at \(cut)")
            }
        }
    }

    @Test("mutated requests never crash, and are understood alike whole and byte by byte")
    func mutations() {
        var random = SplitMix64.announced("HTTP mutated")
        let pieces = [
            "\r", "\n", "\r\n", "\0", " ", ":", "\r\n\r\n", "Content-Length: 5\r\n", "0", "ffffffffffff", ";",
        ]
        for _ in 0..<3_000 {
            var bytes = randomRequest(&random).bytes + randomRequest(&random).bytes
            for _ in 0...random.below(3) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: Array(random.pick(pieces).utf8), at: place)
                }
            }
            #expect(read([bytes]) == read(bytes.map { [$0] }), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test(
        "bodies in chunks that others could read otherwise are refused",
        arguments: [
            "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n", "0\r\nX: a\rb\r\n\r\n",
            "5;" + String(repeating: "a", count: 300), "200000\r\n", "\r\n",
        ])
    func chunks(_ body: String) {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let result = read([Array((head + body).utf8)])
        #expect(result.last?.head == (body == "200000\r\n" ? "413" : "400"), "\(result)")
    }
}
