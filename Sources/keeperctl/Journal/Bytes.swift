import CSystem
import KeeperShared

// Not inlined, as the library's own are, some hundred bytes wherever they stand.

/// A copy of bytes that will not stay.
@inline(never) func ownedBytes(_ bytes: Bytes) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: bytes.count) { space, count in
        if bytes.count > 0 { memcpy(space.baseAddress!, bytes.baseAddress!, bytes.count) }
        count = bytes.count
    }
}

/// Whether both are the same bytes.
@inline(never) func isSame(_ left: Bytes, _ right: [UInt8]) -> Bool {
    left.count == right.count && (right.isEmpty || memcmp(left.baseAddress!, right, right.count) == 0)
}

/// The text that a JSON string stands for; empty for anything else.
@inline(never) func stringText(of value: Bytes) -> [UInt8] {
    var text: [UInt8] = []
    appendJSONString(value, to: &text)
    return text
}

extension Bytes {
    /// None.
    static var none: Bytes { Bytes(start: nil, count: 0) }
}
