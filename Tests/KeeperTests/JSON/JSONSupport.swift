import KeeperShared

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension JSONMember: Equatable {
    /// Same name by its bytes, same value.
    package static func == (left: JSONMember, right: JSONMember) -> Bool {
        equalUTF8(left.name, right.name) && left.value == right.value
    }
}

extension JSONValue: Equatable {
    /// Same type, same content, members in the same order. `.integer(1)` is not `.number(1)`.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.integer(let left), .integer(let right)): return left == right
        case (.number(let left), .number(let right)): return equalUTF8(left, right)
        case (.string(let left), .string(let right)): return equalUTF8(left, right)
        case (.array(let left), .array(let right)): return left == right
        case (.object(let left), .object(let right)): return left == right
        case (.null, _), (.bool, _), (.integer, _), (.number, _), (.string, _), (.array, _), (.object, _):
            return false
        }
    }
}
