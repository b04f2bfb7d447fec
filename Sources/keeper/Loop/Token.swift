/// What an event belongs to: a kind in the upper byte, and a serial number that is never used again.
///
/// The child's pipes keep their tokens from one child to the next: an event that is too late finds a descriptor
/// that would block, and nothing happens.
enum Token {
    static let signals: UInt64 = 1
    static let inputListener: UInt64 = 2
    static let controlListener: UInt64 = 3
    static let stdin: UInt64 = 4
    static let stdout: UInt64 = 5
    static let stderr: UInt64 = 6
    static let report: UInt64 = 7
    /// The socket for what the child says of itself.
    static let notify: UInt64 = 8
    /// The pipe on which the child says that it is ready.
    static let readyPipe: UInt64 = 9
    /// A child, or what it left behind, that is not this process's to wait for.
    static let inherited: UInt64 = 10
    /// The socket to the service manager, while it has no room for what waits.
    static let serviceManager: UInt64 = 11

    static func input(_ serial: UInt64) -> UInt64 { 1 << 56 | serial }
    static func control(_ serial: UInt64) -> UInt64 { 2 << 56 | serial }

    static func isInput(_ token: UInt64) -> Bool { token >> 56 == 1 }
    static func isControl(_ token: UInt64) -> Bool { token >> 56 == 2 }
}
