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

    /// The name of the next value; it needs no escapes.
    package mutating func key(_ name: StaticString) {
        separate()
        appendQuoted(name)
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
    package mutating func string(utf8 text: Bytes) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        put(text.count) { $0.putText(UnsafeRawBufferPointer(text), replacing: true) }
        bytes.append(UInt8(ascii: "\""))
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
    package mutating func raw(verbatim json: Bytes) {
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

    /// A member of the open object; the text needs no escapes.
    @inline(never) package mutating func member(_ name: StaticString, text: StaticString) {
        key(name)
        separate()
        appendQuoted(text)
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

    /// Bytes as a string: as text if they are UTF-8, else in base64.
    ///
    /// - Returns: whether they are UTF-8.
    @inline(never) package mutating func text(_ content: UnsafeRawBufferPointer) -> Bool {
        separate()
        bytes.append(UInt8(ascii: "\""))
        let start = bytes.count
        var isText = true
        var position = 0
        while position < content.count {
            // A multiple of three, for base64.
            var end = min(position + 48 << 10, content.count)
            if isText && end < content.count {
                while end > position + 3, content[end] & 0xC0 == 0x80 { end -= 1 }
            }
            let part = UnsafeRawBufferPointer(rebasing: content[position..<end])
            if put(part.count, { isText ? $0.putText(part) : $0.putBase64(part) }) {
                position = end
            } else {
                isText = false
                position = 0
                bytes.removeLast(bytes.count - start)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
        return isText
    }

    /// Appends what `body` puts into room for `count` bytes of text, which is on the stack if they are few.
    @discardableResult
    @inline(never) private mutating func put(_ count: Int, _ body: (inout RawLine) -> Bool) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: RawLine.room(for: count), alignment: 1) { space in
            var line = RawLine(in: space)
            let isPut = body(&line)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: space[..<line.count]))
            return isPut
        }
    }

    private mutating func appendQuoted(_ text: StaticString) {
        bytes.append(UInt8(ascii: "\""))
        bytes.append(literal: text)
        bytes.append(UInt8(ascii: "\""))
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
@inline(never) package func appendLine(_ json: Bytes, to bytes: inout [UInt8]) {
    var start = 0
    var position = 0
    while position + 2 < json.count,
        let found = memchr(json.baseAddress! + position, 0xE2, json.count - position - 2)
    {
        position = UnsafeRawPointer(found) - UnsafeRawPointer(json.baseAddress!) + 1
        guard json[position] == 0x80, json[position + 1] & 0xFE == 0xA8 else { continue }
        bytes.append(contentsOf: Bytes(rebasing: json[start..<(position - 1)]))
        bytes.append(literal: json[position + 1] == 0xA8 ? "\\u2028" : "\\u2029")
        position += 2
        start = position
    }
    bytes.append(contentsOf: Bytes(rebasing: json[start...]))
}
