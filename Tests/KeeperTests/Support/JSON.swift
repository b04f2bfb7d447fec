import Foundation

/// A parsed JSON value, by an implementation that is not the one under test.
struct JSON: CustomStringConvertible {
    let raw: Any

    init(_ raw: Any) { self.raw = raw }

    init(parsing bytes: some Sequence<UInt8>) throws {
        raw = try JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
    }

    /// One value per line, as in `events.jsonl` and the output of `--json`.
    static func lines(_ bytes: [UInt8]) throws -> [JSON] {
        try bytes.split(separator: 10).map { try JSON(parsing: $0) }
    }

    subscript(key: String) -> JSON? { (raw as? [String: Any])?[key].map(JSON.init) }

    var string: String? { raw as? String }
    var int: Int? { raw as? Int }
    var bool: Bool? { raw as? Bool }
    var isNull: Bool { raw is NSNull }
    var array: [JSON]? { (raw as? [Any])?.map(JSON.init) }
    var strings: [String]? { raw as? [String] }
    var keys: Set<String> { Set((raw as? [String: Any])?.keys.map { $0 } ?? []) }
    var dictionary: [String: JSON] { (raw as? [String: Any])?.mapValues(JSON.init) ?? [:] }
    var description: String { "\(raw)" }

    /// The same text for the same value.
    func canonical() throws -> String {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .fragmentsAllowed]
        return String(
            decoding: try JSONSerialization.data(withJSONObject: raw, options: options), as: UTF8.self)
    }

    static func encode(_ value: Any) throws -> [UInt8] {
        [UInt8](try JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed]))
    }
}
