import CSystem

/// Writes JSON into bytes, on one line, with no intermediate values. The caller keeps begins, keys
/// and ends in order; commas and escapes are done here.
package struct JSONWriter {
    /// What has been written.
    package var bytes: [UInt8]
    /// True after a complete value: whatever comes next in the same array or object follows a comma.
    private var needsComma = false

    /// A writer that appends to `bytes`, so that a buffer can be used again.
    package init(appendingTo bytes: consuming [UInt8] = []) { self.bytes = bytes }

    /// A writer with room for `capacity` bytes: what grows step by step leaves a trail of small holes in the heap.
    package init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Starts an object.
    package mutating func beginObject() { begin(UInt8(ascii: "{")) }

    /// Ends the innermost object.
    package mutating func endObject() { end(UInt8(ascii: "}")) }

    /// Starts an array.
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }

    /// Ends the innermost array.
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Ends the line after a complete document; another one may follow.
    package mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// The name of the next value.
    package mutating func key(_ name: StaticString) {
        separate()
        appendQuoted(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: ":"))
    }

    /// The name of the next value.
    package mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string.
    package mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { string(utf8: $0) }
    }

    /// A string from bytes that may not be UTF-8: what isn't becomes U+FFFD.
    package mutating func string(utf8 text: UnsafeBufferPointer<UInt8>) {
        separate()
        appendQuoted(text)
        needsComma = true
    }

    /// A string from bytes that may not be UTF-8: what isn't becomes U+FFFD.
    package mutating func string(utf8 text: [UInt8]) {
        text.withUnsafeBufferPointer { string(utf8: $0) }
    }

    /// A whole number.
    package mutating func integer(_ number: some FixedWidthInteger) {
        separate()
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.appendDecimal(UInt64(number.magnitude))
        needsComma = true
    }

    /// A number with the fewest digits that read back as the same one; infinities and NaN, which
    /// JSON hasn't, become null.
    package mutating func number(_ number: Double) {
        guard number.isFinite else { return null() }
        separate()
        bytes.append(contentsOf: number.description.utf8)
        needsComma = true
    }

    /// True or false.
    package mutating func bool(_ flag: Bool) {
        separate()
        bytes.append(literal: flag ? "true" : "false")
        needsComma = true
    }

    /// Null.
    package mutating func null() {
        separate()
        bytes.append(literal: "null")
        needsComma = true
    }

    /// A complete value that is JSON already, on one line; it isn't checked.
    package mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    /// A part of a document as it is, up to where a value is to come, or to the end.
    package mutating func part(_ text: StaticString) {
        bytes.append(literal: text)
        needsComma = false
    }

    /// A complete value as another program wrote it, on one line; it isn't checked. The two characters at which some
    /// readers end a line, which only strings hold, are written as escapes.
    package mutating func raw(verbatim json: UnsafeBufferPointer<UInt8>) {
        separate()
        appendLine(json, to: &bytes)
        needsComma = true
    }

    /// A value that was parsed or put together: same types, same order, same duplicates.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .integer(let integer): self.integer(integer)
        case .number(let text): raw(Array(text.utf8))
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                key(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    // Not inlined: whole members are written in many places.

    /// A member of the open object.
    @inline(never) package mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    /// A member of the open object.
    @inline(never) package mutating func member(_ name: StaticString, text: StaticString) {
        key(name)
        separate()
        appendQuoted(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        needsComma = true
    }

    /// A member of the open object, from bytes that may not be UTF-8: what isn't becomes U+FFFD.
    @inline(never) package mutating func member(_ name: StaticString, utf8 text: [UInt8]) {
        key(name)
        string(utf8: text)
    }

    /// A member of the open object.
    @inline(never) package mutating func member(_ name: StaticString, _ flag: Bool) {
        key(name)
        bool(flag)
    }

    /// A member of the open object.
    package mutating func member(_ name: StaticString, _ number: some FixedWidthInteger) {
        key(name)
        integer(number)
    }

    /// A member of the open object; null for nil.
    @inline(never) package mutating func member(_ name: StaticString, _ number: Int?) {
        key(name)
        if let number { integer(number) } else { null() }
    }

    /// Appends a member whose value is an object; `write` appends the members of that.
    package mutating func object(_ name: StaticString, _ write: (inout JSONWriter) -> Void) {
        key(name)
        beginObject()
        write(&self)
        endObject()
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }
}

/// Appends JSON that is on one line so that every reader takes it for one: U+2028 and U+2029 become escapes.
@inline(never) package func appendLine(_ json: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    var start = 0
    var position = 0
    while position + 2 < json.count,
        let found = memchr(json.baseAddress! + position, 0xE2, json.count - position - 2)
    {
        position = UnsafeRawPointer(found) - UnsafeRawPointer(json.baseAddress!) + 1
        guard json[position] == 0x80, json[position + 1] & 0xFE == 0xA8 else { continue }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: json[start..<(position - 1)]))
        bytes.append(literal: json[position + 1] == 0xA8 ? "\\u2028" : "\\u2029")
        position += 2
        start = position
    }
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: json[start...]))
}

extension JSONWriter {
    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var runStart = 0
        var position = 0
        while position < text.count {
            let byte = text[position]
            if byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                position += 1
                continue
            }
            let length: Int
            var scalar = UInt32(byte)
            switch UTF8Sequence(in: text, at: position) {
            case .valid(let valid):
                length = valid
                if byte >= 0x80 {
                    // JavaScript and some line readers end a line at these two, so they are written as escapes.
                    guard valid == 3, byte == 0xE2, text[position + 1] == 0x80,
                        text[position + 2] & 0xFE == 0xA8
                    else {
                        position += valid
                        continue
                    }
                    scalar = 0x2000 | UInt32(text[position + 2] & 0x3F)
                }
            case .invalid(let invalid):
                length = invalid
                scalar = 0xFFFD
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart..<position]))
            appendEscaped(scalar)
            position += length
            runStart = position
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart..<position]))
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ scalar: UInt32) {
        switch scalar {
        case 0x22: bytes.append(literal: "\\\"")
        case 0x5C: bytes.append(literal: "\\\\")
        case 0x08: bytes.append(literal: "\\b")
        case 0x09: bytes.append(literal: "\\t")
        case 0x0A: bytes.append(literal: "\\n")
        case 0x0C: bytes.append(literal: "\\f")
        case 0x0D: bytes.append(literal: "\\r")
        case 0xFFFD: bytes.appendUTF8(scalar)
        default:
            bytes.append(literal: "\\u")
            for shift in [UInt32(12), 8, 4, 0] {
                let digit = UInt8(scalar >> shift & 0xF)
                bytes.append(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
            }
        }
    }
}
