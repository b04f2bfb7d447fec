import CSystem

// Finding values in JSON without building them: for lists of thousands of files that keepers have written.
// Lenient with what is between the values; never reads past the end, and takes no stack for depth.

/// The members of an object or the elements of an array, one after the other. No closure is called for each: the
/// compiler makes a copy of whatever takes one for every use.
package struct JSONMembers {
    /// With its quotes; empty in an array.
    package private(set) var name: Bytes
    /// The extent of the value as it is written.
    package private(set) var value: Bytes
    /// Whether the end of the object or array was reached.
    package private(set) var isWhole = false
    private var cursor: JSONCursor
    /// What ends it; 0 before the first.
    private var close: UInt8 = 0

    package init(_ bytes: Bytes) {
        name = Bytes(rebasing: bytes[..<0])
        value = name
        cursor = JSONCursor(bytes: bytes)
    }

    /// Goes to the next.
    ///
    /// - Returns: false when there is none, or none that can be understood.
    @inline(never) package mutating func next() -> Bool {
        cursor.skipSpace()
        let byte = cursor.next
        if isWhole { return false }
        cursor.position += 1
        if close == 0 {
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else { return false }
            // In ASCII both pairs are two apart.
            close = byte + 2
            cursor.skipSpace()
            if cursor.next == close {
                isWhole = true
                return false
            }
        } else if byte == close {
            isWhole = true
            return false
        } else if byte != UInt8(ascii: ",") {
            return false
        }
        cursor.skipSpace()
        if close == UInt8(ascii: "}") {
            guard let string = cursor.stringExtent() else { return false }
            name = string
            cursor.skipSpace()
            guard cursor.next == UInt8(ascii: ":") else { return false }
            cursor.position += 1
            cursor.skipSpace()
        }
        guard let value = cursor.valueExtent() else { return false }
        self.value = value
        return true
    }
}

/// Whether a name or string, with its quotes, is this text.
@inline(never) package func isJSONString(_ string: Bytes, _ text: StaticString) -> Bool {
    string.count == text.utf8CodeUnitCount + 2
        && memcmp(string.baseAddress! + 1, text.utf8Start, text.utf8CodeUnitCount) == 0
}

/// The value of a member of an object, the first one of that name; empty without it.
@inline(never) package func jsonMember(_ wanted: StaticString, of bytes: Bytes) -> Bytes {
    var members = JSONMembers(bytes)
    while members.next() {
        if isJSONString(members.name, wanted) { return members.value }
    }
    return Bytes(rebasing: bytes[..<0])
}

/// The moment that a string tells, as RFC 3339; nil for anything else.
package func jsonTime(_ value: Bytes) -> Timestamp? {
    guard value.count > 2 else { return nil }
    return Timestamp(rfc3339: Bytes(rebasing: value[1..<(value.count - 1)]))
}

/// What a member that is a string stands for; nil for any other value, and without it.
@inline(never) package func jsonBytes(_ wanted: StaticString, of bytes: Bytes) -> [UInt8]? {
    let value = jsonMember(wanted, of: bytes)
    guard value.first == UInt8(ascii: "\"") else { return nil }
    var text: [UInt8] = []
    appendJSONString(value, to: &text)
    return text
}

/// The same as text.
@inline(never) package func jsonText(_ wanted: StaticString, of bytes: Bytes) -> String? {
    jsonBytes(wanted, of: bytes).map { String(decoding: $0, as: UTF8.self) }
}

/// Appends what a string, given with its quotes, stands for; nothing for any other value.
///
/// What is no right escape, and half a surrogate pair, becomes U+FFFD: texts that programs cut somewhere have them.
@inline(never) package func appendJSONString(_ string: Bytes, to bytes: inout [UInt8]) {
    guard string.count >= 2, string[0] == UInt8(ascii: "\"") else { return }
    let end = string.count - 1
    var position = 1
    while position < end {
        let rest = Bytes(rebasing: string[position..<end])
        let found = memchr(rest.baseAddress!, Int32(UInt8(ascii: "\\")), rest.count)
        let run = found.map { UnsafeRawPointer($0) - UnsafeRawPointer(rest.baseAddress!) } ?? rest.count
        bytes.append(contentsOf: Bytes(rebasing: rest[..<run]))
        position += run
        if position < end {
            var cursor = JSONCursor(bytes: string, position: position)
            let scalar = try? cursor.escape()
            bytes.appendUTF8(scalar ?? 0xFFFD)
            position = cursor.position
        }
    }
}

extension JSONCursor {
    /// A string with its quotes.
    @inline(never) fileprivate mutating func stringExtent() -> Bytes? {
        guard next == UInt8(ascii: "\"") else { return nil }
        let start = position
        position += 1
        while position < bytes.count,
            let quote = memchr(bytes.baseAddress! + position, 0x22, bytes.count - position)
        {
            var end = UnsafePointer(quote.assumingMemoryBound(to: UInt8.self)) - bytes.baseAddress!
            position = end + 1
            // An even number of backslashes before it escapes nothing but themselves.
            var backslashes = 0
            while bytes[end - 1] == UInt8(ascii: "\\"), end - 1 > start {
                backslashes += 1
                end -= 1
            }
            if backslashes % 2 == 0 { return Bytes(rebasing: bytes[start..<position]) }
        }
        return nil
    }

    /// A value, nested ones without a look at their inside.
    @inline(never) fileprivate mutating func valueExtent() -> Bytes? {
        let start = position
        var depth = 0
        repeat {
            switch next {
            case UInt8(ascii: "\""): if stringExtent() == nil { return nil }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The end of what holds a value that is missing.
                if depth == 0 { return nil }
                depth -= 1
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0A, 0x0D, 0x09:
                if depth == 0 { return nil }
                position += 1
            default: if !skipWord() { return nil }
            }
        } while depth > 0
        return Bytes(rebasing: bytes[start..<position])
    }

    /// Skips a number or one of the words; anything that isn't structure passes for one.
    private mutating func skipWord() -> Bool {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
                position += 1
            default: return position > start
            }
        }
        return position > start
    }
}
