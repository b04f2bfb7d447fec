/// What makes a child ready.
package enum ReadyCondition {
    /// It has survived this many nanoseconds.
    case delay(Int64)
    /// It has written anything, or this text, to either stream.
    case output([UInt8])
    /// It has sent `READY=1` to the socket in `$NOTIFY_SOCKET` (sd_notify(3)).
    case notify
    /// It has written a newline to this descriptor (s6's readiness protocol, https://skarnet.org/software/s6/notifywhenup.html).
    case descriptor(Int32)
    /// It has answered this line with one on its stdout.
    case line([UInt8])

    /// Survival of 300 ms.
    package static var standard: ReadyCondition { .delay(.milliseconds(300)) }

    /// Descriptors from here on are free for a child to be given.
    static let lowestDescriptor = 3
    static let highestDescriptor = 255

    /// A longer line might not fit into the pipe of a child that does not read (PIPE_BUF of pipe(7), with its end).
    static let longestLine = 4095

    /// Reads `delay:300ms`, `output`, `output:TEXT`, `notify`, `fd:N` or `line:TEXT`; nil for anything else.
    package static func parse(_ text: [UInt8]) -> ReadyCondition? {
        let mark = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
        let name = Array(text[..<mark])
        let value: [UInt8]? = mark == text.count ? nil : Array(text[(mark + 1)...])
        if sameText(name, "notify") { return value == nil ? .notify : nil }
        if sameText(name, "output") { return value?.isEmpty == true ? nil : .output(value ?? []) }
        guard let value, !value.isEmpty else { return nil }
        if sameText(name, "line") {
            return value.contains(10) || value.count > longestLine ? nil : .line(value)
        }
        if sameText(name, "fd") {
            guard let number = decimal(value), number >= lowestDescriptor, number <= highestDescriptor else {
                return nil
            }
            return .descriptor(Int32(number))
        }
        guard sameText(name, "delay"), let delay = Argument(bytes: value).duration else { return nil }
        return .delay(delay)
    }
}
