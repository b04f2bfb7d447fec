/// Bytes of a foreign origin as text in single quotes that is safe in a terminal and stays on one line:
/// control characters, bidirectional overrides and bytes that aren't UTF-8 become `\xNN`, and text over
/// `limit` bytes is cut with `…`.
package func quoted(_ bytes: [UInt8], limit: Int = 80) -> String {
    var text: [UInt8] = []
    appendQuoted(bytes, limit: limit, to: &text)
    return String(decoding: text, as: UTF8.self)
}

/// Appends what ``quoted(_:limit:)`` returns.
package func appendQuoted(_ bytes: [UInt8], limit: Int, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "'"))
    var index = 0
    while index < bytes.count {
        if index >= limit {
            text.append(contentsOf: "…".utf8)
            break
        }
        let length = printableLength(bytes, at: index)
        if length == 0 {
            text.append(contentsOf: "\\x".utf8)
            text.append(hexDigit(bytes[index] >> 4))
            text.append(hexDigit(bytes[index] & 15))
            index += 1
        } else {
            text.append(contentsOf: bytes[index..<index + length])
            index += length
        }
    }
    text.append(UInt8(ascii: "'"))
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
}

/// The same for text.
package func quoted(_ text: String, limit: Int = 80) -> String {
    quoted(Array(text.utf8), limit: limit)
}

/// The length of the printable character that starts here, 0 if there is none.
private func printableLength(_ bytes: [UInt8], at index: Int) -> Int {
    let first = bytes[index]
    if first < 0x80 { return first >= 0x20 && first != 0x7F ? 1 : 0 }
    let sequence = bytes.withUnsafeBufferPointer { UTF8Sequence(in: $0, at: index) }
    guard case .valid(let length) = sequence else { return 0 }
    // U+0080 to U+009F: more control characters.
    if first == 0xC2, bytes[index + 1] < 0xA0 { return 0 }
    if first == 0xE2 {
        switch (bytes[index + 1], bytes[index + 2]) {
        // U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they break lines or turn their direction.
        case (0x80, 0x8E...0x8F), (0x80, 0xA8...0xAE), (0x81, 0xA6...0xA9): return 0
        default: break
        }
    }
    return length
}
