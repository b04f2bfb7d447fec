/// One argument of the command line, byte for byte: a child's command and a path may hold bytes
/// that aren't UTF-8, and must pass through unharmed.
package struct Argument: Equatable, Sendable {
    /// The bytes, without the final NUL.
    package let bytes: [UInt8]

    /// The bytes as text; what isn't UTF-8 is replaced by U+FFFD.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package init(_ text: String) { bytes = Array(text.utf8) }

    /// Whether the argument is exactly this text.
    package func equals(_ text: String) -> Bool { sameText(bytes, text) }

    /// The duration in nanoseconds; nil if the argument is no duration.
    package var duration: Int64? {
        do throws(UnitError) { return try parseDuration(text) } catch { return nil }
    }

    /// The size in bytes; nil if the argument is no size.
    package var size: Int? {
        do throws(UnitError) { return try parseSize(text) } catch { return nil }
    }
}

/// Whether the bytes are exactly this text.
@inline(never) package func sameText(_ bytes: [UInt8], _ text: String) -> Bool {
    bytes.count == text.utf8.count && bytes.elementsEqual(text.utf8)
}

func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

/// The value of a text of decimal digits; nil for anything else and for what is too large.
package func decimal(_ text: [UInt8]) -> Int? { text.withUnsafeBytes { decimal($0) } }

/// The same for bytes that are elsewhere.
package func decimal(_ text: UnsafeRawBufferPointer) -> Int? {
    guard !text.isEmpty else { return nil }
    var value = 0
    for byte in text {
        guard isDigit(byte) else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
        if overflow || carry { return nil }
        value = sum
    }
    return value
}
