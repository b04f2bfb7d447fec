import KeeperShared

// What follows from what the router reports, and lines that come by the control socket, one a request.
extension Session {
    func handle(_ report: InputReport) {
        switch report {
        case .delivered: inputWasDelivered()
        case .completed(let completion, let failure): complete(completion, failure)
        case .dropped(let bytes):
            log.line("dropped \(bytes) bytes of a line whose writer is gone")
            recorder.record(.dropped(bytes: bytes))
        case .refused(let error, let delivered):
            log.line("refused input after \(delivered) lines: \(error.message)")
        case .closingStdin:
            // The child must see the end, though the service manager holds it too.
            resilience.forget(.stdin)
            recorder.hasChanged = true
        case .closed(let replies, let failure):
            for reply in replies {
                if let failure {
                    control.answer(reply, .refused("\(failure)"))
                } else {
                    control.answer(reply)
                }
            }
        case .stdinFailed:
            // A child that is ending closes its stdin before its end is known, which says what follows.
            if !childIsEnding { input.childHasClosedStdin() }
        case .cannotWatchStdin(let error):
            log.line("cannot watch the child's stdin: \(error.text)")
            retryLater()
        }
    }

    /// A child ended with input in its pipe that it had not read, and another will follow.
    func inputWasUnread(_ bytes: Int, repeated: Int) {
        if bytes == 0 { return }
        log.line("the child left \(bytes) bytes of its input unread")
        recorder.record(.unread(bytes: bytes, sentAgain: min(bytes, repeated)))
    }

    /// `write`: a line for the child, answered once it is delivered.
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
        // Writers that connected before this request come before it.
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

    private func complete(_ completion: LineCompletion, _ failure: InputError?) {
        switch completion {
        case .armMatch:
            if failure == nil { supervision.match?.arm() }
            recorder.hasChanged = true
        case .reply(let reply, let key):
            var replies = [reply]
            if let key {
                replies += keys.end(key, isDelivered: failure == nil)
                // Before anybody is told.
                checkpoint()
            }
            for (index, reply) in replies.enumerated() {
                if let failure {
                    control.answer(reply, ControlError(failure))
                } else {
                    answer(reply, isDuplicate: index > 0)
                }
            }
        }
    }

    private func answer(_ reply: Reply, isDuplicate: Bool) {
        control.answer(reply) { $0.member("duplicate", isDuplicate) }
    }
}

extension ControlError {
    fileprivate init(_ error: InputError) {
        switch error {
        case .tooLong: self = .tooLong
        case .tooLongForTerminal: self = .refused(error.message)
        case .childAway, .busy: self = .childAway
        case .failed(let error): self = .failed(error)
        }
    }
}
