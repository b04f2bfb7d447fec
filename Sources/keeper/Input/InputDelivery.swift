import KeeperShared

// Writing lines into the child's stdin, and when that is possible.
extension InputRouter {
    /// Writes a connection's complete lines.
    ///
    /// - Returns: whether it wants another turn.
    func deliver(_ connection: InputConnection) throws(SystemError) -> Bool {
        if case .closed(let why) = target {
            fail(connection, .childAway(why))
            return false
        }
        while connection.completeCount > 0 {
            let end = admissibleCount(connection)
            if end == 0 {
                fail(connection, .tooLongForTerminal)
                return false
            }
            let lines = connection.buffer.bytes[connection.sentCount..<end]
            let count = write(UnsafeRawBufferPointer(rebasing: lines))
            // With stdin closed, the next turn says so.
            guard let count else { return true }
            connection.advance(by: count)
            report(.delivered)
        }
        if connection.completion != nil {
            // At once: the answer may come before another turn does.
            close(connection)
            return false
        }
        if connection.holdsLastByte { try connection.releaseLastByte() }
        if connection.buffer.isEmpty { takeSpare(from: connection) }
        return true
    }

    /// How much of what is complete can be written as it is.
    private func admissibleCount(_ connection: InputConnection) -> Int {
        if connection.isStream { return connection.completeCount }
        return stdin.admissibleCount(
            UnsafeRawBufferPointer(rebasing: connection.buffer.bytes[..<connection.completeCount]))
    }

    /// - Returns: bytes written; nil when stdin takes nothing just now, or nothing any more: ``target`` tells which.
    func write(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let bytes = lineGuard?.bound(bytes) ?? bytes
        switch stdin.write(bytes) {
        case .bytes(let count):
            if count == bytes.count { lineGuard?.linesAreWhole() }
            return count
        case .full:
            lineGuard?.nothingWasWritten()
            target = .full
            do throws(SystemError) { try stdin.watch(poller) } catch { report(.cannotWatchStdin(error)) }
        case .failed:
            target = .away
            report(.stdinFailed)
        }
        return nil
    }

    // MARK: The child's side

    /// Gives the router a new child's stdin.
    ///
    /// One that was closed by request is closed at once, unless that was forgotten meanwhile.
    func attach(_ descriptor: consuming FileDescriptor, peer: consuming FileDescriptor? = nil) {
        stdin.reset()
        stdin.peer = peer
        isHeld = false
        // A line that the last child got in part is sent again, whole.
        queue.first?.sentCount = 0
        if wasClosedByRequest { return closeNow("the child's stdin was closed") }
        stdin.open(descriptor)
        target = .open
    }

    /// Takes the input away from a child that will be followed by another: its stdin ends, and writers wait.
    func detach() {
        unwatchIfFull()
        stdin.keepReadingEnd()
        closeStdin()
        target = .away
    }

    /// The child has ended, and another will follow.
    ///
    /// - Returns: how many bytes it never read, and how many of them belong to a line that is sent again.
    func childHasEnded() -> (unread: Int, repeated: Int) {
        detach()
        let unread = stdin.unreadCount()
        stdin.reset()
        return (unread, queue.first?.sentCount ?? 0)
    }

    /// Lets writers wait, or go on, while the child is paused.
    func hold(_ isHeld: Bool) {
        if isHeld == self.isHeld { return }
        self.isHeld = isHeld
        switch target {
        case .full where isHeld:
            stdin.unwatch(poller)
            target = .away
        case .open where isHeld: target = .away
        case .away where !isHeld && stdin.isOpen: target = .open
        case .open, .full, .away, .closed: break
        }
    }

    /// Stdin has room again, or is to be tried again as it could not be watched.
    func stdinIsReady() {
        guard case .full = target else { return }
        stdin.unwatch(poller)
        target = .open
    }

    func unwatchIfFull() {
        if case .full = target { stdin.unwatch(poller) }
    }
}
