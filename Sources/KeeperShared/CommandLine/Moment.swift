/// A time that an option names.
package enum Moment {
    /// Nanoseconds before now.
    case ago(Int64)
    /// Nanoseconds since 1970.
    case at(Int64)

    /// Reads `10m` (ago) or an RFC 3339 time; nil for anything else.
    static func parse(_ text: Argument) -> Moment? {
        if let ago = text.duration { return .ago(ago) }
        return Timestamp(rfc3339: text.text).map { .at($0.nanoseconds) }
    }

    /// Nanoseconds since 1970.
    package func time(at now: Timestamp) -> Int64 {
        switch self {
        case .ago(let duration): now.nanoseconds - duration
        case .at(let time): time
        }
    }
}
