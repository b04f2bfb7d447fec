import KeeperShared

// Closing the child's stdin: at once, or after the lines that have come by then.
extension InputRouter {
    var isClosed: Bool {
        if case .closed = target { true } else { false }
    }

    /// Closes stdin at once; lines that are not through are refused from now on.
    func closeNow(_ why: StaticString) {
        unwatchIfFull()
        if isClosing {
            wasClosedByRequest = true
            stdin.keepReadingEnd()
        }
        refuseLines(why)
        stopClosing()
        notifyClosed()
    }

    /// The child has closed its stdin: nothing will be delivered any more.
    func childHasClosedStdin() { refuseLines("the child closed its stdin") }

    private func refuseLines(_ why: StaticString) {
        closeStdin()
        target = .closed(why)
        for connection in connections.values { enqueue(connection) }
    }

    func closeStdin() {
        if stdin.isOpen { report(.closingStdin) }
        stdin.close()
    }

    /// Closes stdin when every line that has come by now is through.
    func closeWhenThrough(_ reply: Reply) {
        closeReplies.append(reply)
        if isClosed {
            wasClosedByRequest = true
            return notifyClosed()
        }
        // A second request closes what the first one does.
        if isClosing { return }
        isClosing = true
        // A writer that never stops must not keep stdin open.
        for connection in connections.values {
            connection.allowance = connection.socket.receivable()
            enqueue(connection)
        }
    }

    /// All that came before the request to close stdin is through. A terminal's input goes on after an end of file.
    func finishClosing() {
        guard case .terminal = stdin.kind, case .open = target else {
            return closeNow("the child's stdin was closed")
        }
        guard let mark = stdin.endOfFile() else {
            stopClosing()
            return notifyClosed(failure: "the terminal has no character for the end of a file")
        }
        if mark.bytes({ write($0) }) == nil, !isClosed { return }
        stopClosing()
        notifyClosed()
    }

    /// Reading goes on as before.
    private func stopClosing() {
        isClosing = false
        for connection in connections.values {
            connection.allowance = Int.max
            enqueue(connection)
        }
    }

    private func notifyClosed(failure: StaticString? = nil) {
        let replies = exchange(&closeReplies, with: [])
        if !replies.isEmpty { report(.closed(replies, failure: failure)) }
    }

    /// The next child gets an open stdin, whatever was asked of the one before it.
    func forgetClosing() { wasClosedByRequest = false }

    /// A step of ending a child in a terminal: it reads an end of file, if it reads.
    func endTerminalInput() {
        // A terminal that takes nothing is watched already.
        if case .full = target { return }
        _ = stdin.endOfFile()?.bytes { write($0) }
    }
}
