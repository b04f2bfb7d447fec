import CSystem
import KeeperShared

/// Reads the head of a request from the bytes of a connection.
///
/// As strict as RFC 9112 allows: what two programs on the way could read in two ways is refused.
enum HTTPHeadParser {
    /// Bytes of a whole head.
    static let limit = 16 << 10
    private static let mostFields = 100

    /// - Returns: the request and how many bytes its head has; nil when more must come.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPFailure) -> (HTTPRequest, count: Int)? {
        guard let end = try end(of: bytes) else {
            if bytes.count >= limit { throw tooLarge(bytes) }
            return nil
        }
        if end > limit { throw tooLarge(bytes) }
        let head = [UInt8](UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        var start = lineFeed(in: bytes, from: 0)! + 1
        let line = try requestLine(head[..<(start - 2)])
        var fields = HTTPFields(head)
        // The last line is empty.
        while start < end - 2 {
            if fields.count == mostFields {
                throw HTTPFailure(431, "more than 100 fields in the head", endsConnection: true)
            }
            let feed = lineFeed(in: bytes, from: start)!
            let (name, value) = try field(head[start..<(feed - 1)])
            fields.append(name: name, value: value)
            start = feed + 1
        }
        if let host = line.host { fields.replace("host", with: host) }
        let request = try HTTPRequest(
            method: line.method, path: line.path, query: line.query, isOld: line.minor == 0, fields: fields)
        return (request, end)
    }

    private static func tooLarge(_ bytes: UnsafeRawBufferPointer) -> HTTPFailure {
        bytes.prefix(limit).contains(10)
            ? HTTPFailure(431, "the head has more than 16 KiB", endsConnection: true)
            : HTTPFailure(414, "the request line has more than 16 KiB", endsConnection: true)
    }

    /// Where the head ends, after its empty line; nil when that has not come.
    private static func end(of bytes: UnsafeRawBufferPointer) throws(HTTPFailure) -> Int? {
        var line = 0
        while let feed = lineFeed(in: bytes, from: line) {
            // A line feed alone ends a line for some and not for others.
            if feed == line || bytes[feed - 1] != 13 { throw .malformed("a line ends without CR LF") }
            if feed == line + 1 {
                if line == 0 { throw .malformed("the request line is empty") }
                return feed + 1
            }
            if feed > limit { return feed }
            line = feed + 1
        }
        return nil
    }

    // MARK: The first line

    private struct RequestLine {
        let method: HTTPMethod
        let path: [String]
        let query: [(name: String, value: String)]
        /// What an absolute target says, which goes before the field Host.
        let host: [UInt8]?
        /// Of HTTP/1.
        let minor: Int
    }

    private static func requestLine(_ line: ArraySlice<UInt8>) throws(HTTPFailure) -> RequestLine {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space), let last = line.lastIndex(of: space), first < last
        else {
            throw .malformed("the request line is not METHOD TARGET VERSION with single spaces")
        }
        let minor = try minorVersion(line[(last + 1)...])
        let word = line[..<first]
        if word.isEmpty || !word.allSatisfy(isTokenByte) { throw .malformed("the method is no token") }
        guard let method = methods.first(where: { word.elementsEqual($0.rawValue.utf8) }) else {
            throw HTTPFailure(
                405, concat("the method ", quoted(Array(word)), " is unknown"),
                field: "Allow: GET, HEAD, POST, PATCH, DELETE, OPTIONS", endsConnection: true)
        }
        var target = line[(first + 1)..<last]
        if !target.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) {
            throw .malformed("the target has a byte that no target has")
        }
        let host = takeHost(of: &target)
        let isAny = method == .options && target.elementsEqual("*".utf8)
        guard isAny || target.first == UInt8(ascii: "/") else { throw .malformed("the target is no path") }
        let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        return RequestLine(
            method: method, path: isAny ? [] : try HTTPTarget.path(target[..<mark]),
            query: mark == target.endIndex ? [] : try HTTPTarget.query(target[(mark + 1)...]), host: host,
            minor: minor)
    }

    private static let methods = HTTPMethod.allCases

    private static func minorVersion(_ version: ArraySlice<UInt8>) throws(HTTPFailure) -> Int {
        let start = version.startIndex
        guard version.count == 8, version.starts(with: "HTTP/".utf8), isDigit(version[start + 5]),
            version[start + 6] == UInt8(ascii: "."), isDigit(version[start + 7])
        else { throw .malformed("the request line ends with no version of HTTP") }
        if version[start + 5] != UInt8(ascii: "1") {
            throw HTTPFailure(505, "only HTTP/1.1 and 1.0 are spoken here", endsConnection: true)
        }
        return Int(version[start + 7] - UInt8(ascii: "0"))
    }

    /// The host of an absolute target, which is a path afterwards.
    private static func takeHost(of target: inout ArraySlice<UInt8>) -> [UInt8]? {
        if target.first == UInt8(ascii: "/") { return nil }
        guard isText(lowerCase(Array(target.prefix(7))), "http://") else { return nil }
        let rest = target.dropFirst(7)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let host = Array(rest[..<end])
        target = rest[end...]
        if target.first != UInt8(ascii: "/") { target = [UInt8(ascii: "/")] + target }
        return host
    }

    // MARK: Fields

    /// - Returns: where the name and the value are.
    private static func field(
        _ line: ArraySlice<UInt8>
    ) throws(HTTPFailure) -> (name: Range<Int>, value: Range<Int>) {
        if isBlank(line[line.startIndex]) { throw .malformed("a field goes on in another line") }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .malformed("a line of the head is no field")
        }
        let name = line[..<colon]
        if name.isEmpty || !name.allSatisfy(isTokenByte) {
            throw .malformed(concat("the name of a field, ", quoted(Array(name)), ", is no token"))
        }
        var value = line[(colon + 1)...]
        while let byte = value.first, isBlank(byte) { value = value.dropFirst() }
        while let byte = value.last, isBlank(byte) { value = value.dropLast() }
        if !value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }) {
            throw .malformed(concat("the field ", quoted(Array(name)), " has a control character"))
        }
        return (name.indices, value.indices)
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// The characters of a token (RFC 9110, 5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60,
            0x7C, 0x7E:
            true
        default: false
        }
    }
}

/// The parts of a request's target, percent-decoded (RFC 3986).
enum HTTPTarget {
    /// The parts of a path, without the empty ones at its ends.
    ///
    /// - Throws: 400 for what would mean another path after decoding: `.` and `..`, a slash or a NUL in a part.
    static func path(_ bytes: ArraySlice<UInt8>) throws(HTTPFailure) -> [String] {
        var parts: [String] = []
        let slash = UInt8(ascii: "/")
        var rest = bytes.dropFirst()
        while !rest.isEmpty {
            let end = rest.firstIndex(of: slash) ?? rest.endIndex
            let part = try decode(rest[..<end], plusIsSpace: false)
            if part.isEmpty || part.contains(slash) || part.elementsEqual(".".utf8)
                || part.elementsEqual("..".utf8)
            {
                throw HTTPFailure(400, concat("the path has the part ", quoted(Array(part))))
            }
            parts.append(String(decoding: part, as: UTF8.self))
            rest = rest[end...].dropFirst()
        }
        return parts
    }

    /// Names and values of a form, as HTML has them.
    static func query(_ bytes: ArraySlice<UInt8>) throws(HTTPFailure) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            let sign = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let name = try decode(part[..<sign], plusIsSpace: true)
            let value = sign == part.endIndex ? [] : try decode(part[(sign + 1)...], plusIsSpace: true)
            pairs.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        return pairs
    }

    private static func decode(
        _ bytes: ArraySlice<UInt8>, plusIsSpace: Bool
    ) throws(HTTPFailure) -> ArraySlice<UInt8> {
        if !bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) { return bytes }
        var decoded: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            var byte = bytes[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < bytes.endIndex, let high = hexDigit(bytes[index + 1]),
                    let low = hexDigit(bytes[index + 2])
                else { throw HTTPFailure(400, "the target has a % that two hexadecimal digits don't follow") }
                byte = UInt8(high << 4 | low)
                index += 2
                if byte == 0 { throw HTTPFailure(400, "the target has a NUL") }
            } else if byte == UInt8(ascii: "+"), plusIsSpace {
                byte = UInt8(ascii: " ")
            }
            decoded.append(byte)
            index += 1
        }
        return decoded[...]
    }
}

/// The value of a hexadecimal digit; nil for any other byte.
func hexDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
}
