import KeeperShared

/// Keys of lines that were delivered, so that a writer who lost the answer may ask again.
struct DeliveredKeys {
    /// A key that is older than so many others is forgotten.
    static let bound = 1024
    /// Longer keys are refused.
    static let maximumLength = 256

    /// Oldest first.
    var delivered: [[UInt8]] = []
    /// Keys of lines on their way, and who asked for the same again meanwhile.
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

    /// - Returns: who else asked for that line.
    mutating func end(_ key: [UInt8], isDelivered: Bool) -> [Reply] {
        if isDelivered {
            if delivered.count == DeliveredKeys.bound { delivered.removeFirst() }
            delivered.append(key)
        }
        for index in waiting.indices where waiting[index].key.elementsEqual(key) {
            return waiting.remove(at: index).replies
        }
        return []
    }

    /// Those who wait for a key, for saving.
    func others(_ key: [UInt8]) -> [Reply] {
        for entry in waiting where entry.key.elementsEqual(key) { return entry.replies }
        return []
    }
}

// Lines that come by the control socket, one a request.
extension Session {
    func write(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        guard let line = parameters["line"]?.stringValue.map({ Array($0.utf8) }), !line.contains(10) else {
            throw .invalidParameters("line must be a string without a line feed")
        }
        if line.count > settings.maximumLine { throw .tooLong }
        var key: [UInt8]?
        if let given = parameters["key"] {
            guard let text = given.stringValue.map({ Array($0.utf8) }), !text.isEmpty,
                text.count <= DeliveredKeys.maximumLength
            else { throw .invalidParameters("key must be a string of 1 to 256 bytes") }
            key = text
            if keys.contains(text) { return answer(reply, isDuplicate: true) }
            if !keys.begin(text, reply) { return }
        }
        // Whoever connected before this request comes before it.
        acceptWaiting()
        do throws(SystemError) {
            try input.send(line, then: .reply(reply, key: key))
        } catch {
            if let key {
                for other in keys.end(key, isDelivered: false) { control.answer(other, .failed(error)) }
            }
            throw .failed(error)
        }
    }

    /// A line of the keeper's own is through, or can't be delivered.
    func complete(_ completion: LineCompletion, _ failure: InputError?) {
        switch completion {
        case .armMatch:
            if failure == nil { supervision.match?.arm() }
            recorder.hasChanged = true
        case .reply(let reply, let key):
            var others: [Reply] = []
            if let key {
                others = keys.end(key, isDelivered: failure == nil)
                // Before anybody is told.
                resilience?.checkpoint(self)
            }
            guard let failure else {
                answer(reply, isDuplicate: false)
                for other in others { answer(other, isDuplicate: true) }
                return
            }
            for reply in [reply] + others { control.answer(reply, ControlError(failure)) }
        }
    }

    private func answer(_ reply: Reply, isDuplicate: Bool) {
        control.answer(reply) { json in
            json.beginObject()
            json.key("duplicate")
            json.bool(isDuplicate)
            json.endObject()
        }
    }
}

extension ControlError {
    init(_ error: InputError) {
        switch error {
        case .tooLong: self = .tooLong
        case .tooLongForTerminal: self = .refused(error.message)
        case .childAway, .busy: self = .childAway
        case .failed(let error): self = .failed(error)
        }
    }
}
