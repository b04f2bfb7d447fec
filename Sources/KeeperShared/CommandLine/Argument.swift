import CSystem

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
}

/// Whether the bytes are exactly this text.
@inline(never) package func sameText(_ bytes: [UInt8], _ text: String) -> Bool {
    bytes.count == text.utf8.count && bytes.elementsEqual(text.utf8)
}

/// The arguments that this process was started with, without its name.
package func processArguments() -> [Argument] {
    var arguments: [Argument] = []
    var index: Int32 = 1
    while index < csys_argc(), let pointer = csys_argv(index) {
        let text = UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
        arguments.append(Argument(bytes: Array(text)))
        index += 1
    }
    return arguments
}
