/// Keys of lines that were delivered, so that a writer who lost the answer may ask again.
struct DeliveredKeys {
    /// With this many newer keys, the oldest is forgotten.
    static let bound = 1024
    /// In bytes; longer keys are refused.
    static let maximumLength = 256

    /// Oldest first.
    var delivered: [[UInt8]] = []
    /// Keys of lines on their way, and requests for the same line that came in the meantime.
    private var waiting: [(key: [UInt8], replies: [Reply])] = []

    func contains(_ key: [UInt8]) -> Bool { delivered.contains { $0.elementsEqual(key) } }

    /// Notes a line that is on its way.
    ///
    /// - Returns: false when one with this key is on its way already; the reply then waits for that one.
    mutating func begin(_ key: [UInt8], _ reply: Reply) -> Bool {
        for index in waiting.indices where waiting[index].key.elementsEqual(key) {
            waiting[index].replies.append(reply)
            return false
        }
        waiting.append((key: key, replies: []))
        return true
    }

    /// - Returns: the other requests for that line.
    mutating func end(_ key: [UInt8], isDelivered: Bool) -> [Reply] {
        if isDelivered {
            if delivered.count == DeliveredKeys.bound { delivered.removeFirst() }
            delivered.append(key)
        }
        guard let index = waiting.firstIndex(where: { $0.key.elementsEqual(key) }) else { return [] }
        return waiting.remove(at: index).replies
    }

    /// The requests that wait for a key, for saving.
    func others(_ key: [UInt8]) -> [Reply] {
        waiting.first { $0.key.elementsEqual(key) }?.replies ?? []
    }
}
