import CSystem
import KeeperShared

/// Collects the body of a request, whole or in chunks (RFC 9112, 6 and 7).
struct HTTPBody {
    private(set) var bytes: [UInt8] = []
    private(set) var isComplete: Bool
    private var state: State
    private let limit: Int

    private enum State {
        /// Bytes that are to come.
        case data(Int)
        case size
        /// Bytes that are left of a chunk.
        case chunk(Int)
        case chunkEnd
        /// Fields after the last chunk, and how many bytes they have had.
        case trailers(Int)
    }

    /// A line that only frames: a chunk's size with its extensions.
    private static let longestLine = 256
    private static let longestTrailers = 8 << 10

    /// - Throws: 413 where the length that was announced is over the limit.
    init(_ body: HTTPRequest.Body, limit: Int) throws(HTTPFailure) {
        self.limit = limit
        switch body {
        case .none:
            state = .data(0)
            isComplete = true
        case .length(let count):
            if count > limit { throw HTTPBody.tooLarge(limit) }
            state = .data(count)
            isComplete = count == 0
        case .chunked:
            state = .size
            isComplete = false
        }
    }

    private static func tooLarge(_ limit: Int) -> HTTPFailure {
        HTTPFailure(413, concat("the body has more than ", String(limit), " bytes"), endsConnection: true)
    }

    /// Takes what belongs to the body.
    ///
    /// - Returns: how many bytes it took; those after them wait for more, or are the next request's.
    mutating func take(_ input: UnsafeRawBufferPointer) throws(HTTPFailure) -> Int {
        var used = 0
        while !isComplete, used < input.count {
            let rest = UnsafeRawBufferPointer(rebasing: input[used...])
            switch state {
            case .data(let count):
                let part = min(count, rest.count)
                append(rest, part)
                used += part
                state = .data(count - part)
                isComplete = part == count
            case .chunk(let count):
                let part = min(count, rest.count)
                append(rest, part)
                used += part
                state = part == count ? .chunkEnd : .chunk(count - part)
            case .size:
                guard let line = try HTTPBody.line(rest, limit: HTTPBody.longestLine) else { return used }
                used += line.count + 2
                let count = try HTTPBody.size(line)
                if bytes.count + count > limit { throw HTTPBody.tooLarge(limit) }
                state = count == 0 ? .trailers(0) : .chunk(count)
            case .chunkEnd:
                if rest.count < 2 { return used }
                if rest[0] != 13 || rest[1] != 10 { throw .malformed("a chunk does not end with CR LF") }
                used += 2
                state = .size
            case .trailers(let before):
                guard let line = try HTTPBody.line(rest, limit: HTTPBody.longestTrailers - before) else {
                    return used
                }
                used += line.count + 2
                state = .trailers(before + line.count + 2)
                isComplete = line.isEmpty
            }
        }
        return used
    }

    private mutating func append(_ input: UnsafeRawBufferPointer, _ count: Int) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(rebasing: input.bindMemory(to: UInt8.self)[..<count]))
    }

    /// The next line, without its CR LF; nil when it is not there as a whole.
    private static func line(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(HTTPFailure) -> UnsafeRawBufferPointer? {
        guard let feed = lineFeed(in: bytes, from: 0) else {
            if bytes.count > limit { throw .malformed("a line between chunks is too long") }
            return nil
        }
        if feed > limit { throw .malformed("a line between chunks is too long") }
        if feed == 0 || bytes[feed - 1] != 13 { throw .malformed("a line ends without CR LF") }
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<(feed - 1)])
        // A CR alone, say, would end a line for another program.
        if !line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }) {
            throw .malformed("a line between chunks has a control character")
        }
        return line
    }

    /// Hexadecimal digits, and extensions that mean nothing here.
    private static func size(_ line: UnsafeRawBufferPointer) throws(HTTPFailure) -> Int {
        var value = 0
        var digits = 0
        while digits < line.count, let digit = hexDigit(line[digits]) {
            value = value << 4 | digit
            digits += 1
            if digits > 12 { throw .malformed("a chunk's size is too large") }
        }
        if digits == 0 || (digits < line.count && line[digits] != UInt8(ascii: ";")) {
            throw .malformed("a chunk's size is not hexadecimal")
        }
        return value
    }
}
