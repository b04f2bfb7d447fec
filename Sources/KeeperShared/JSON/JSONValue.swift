/// A JSON document in memory. Objects keep their members in order, duplicates included.
package indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case integer(Int64)
    /// Any other number, as it is written: no digit is lost between reading and writing it.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])
}

/// One name and its value in a JSON object.
package struct JSONMember: Sendable {
    /// The name, unescaped.
    package var name: String
    /// The value.
    package var value: JSONValue

    /// A member of an object.
    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONValue {
    /// The member called `name`; the last one if there are several, nil if this is no object.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        var index = members.count
        while index > 0 {
            index -= 1
            if equalUTF8(members[index].name, name) { return members[index].value }
        }
        return nil
    }

    /// The text, if this is a string.
    package var stringValue: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The number, if it is whole and fits 64 bits. `5.0` and `5e0` count: some writers have only
    /// floating point.
    package var intValue: Int64? {
        switch self {
        case .integer(let integer): return integer
        case .number(let text):
            return Array(text.utf8).withUnsafeBufferPointer { jsonInteger($0).map { Int64($0) } }
        case .null, .bool, .string, .array, .object: return nil
        }
    }

    /// The truth value, if this is one.
    package var boolValue: Bool? {
        if case .bool(let flag) = self { return flag }
        return nil
    }

    /// The elements, if this is an array.
    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    /// The members in order, if this is an object.
    package var members: [JSONMember]? {
        if case .object(let members) = self { return members }
        return nil
    }
}
