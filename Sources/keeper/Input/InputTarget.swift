import CSystem
import KeeperShared

// The child's side of the router: its stdin, whether it takes anything, and what it never read.
extension InputRouter {
    /// Gives the router a new child's stdin.
    ///
    /// One that was closed by request is closed at once, unless that was forgotten meanwhile.
    func attach(_ pipe: consuming FileDescriptor) {
        closedPipe = nil
        isHeld = false
        fullWrites = 0
        // A line that the last child got in part is sent again, whole.
        queue.first?.sentCount = 0
        if wasClosedByRequest { return closeNow("the child's stdin was closed") }
        stdin = consume pipe
        target = .open
        terminal?.isMidLine = false
    }

    /// Takes the input away from a child that will be followed by another: its stdin ends, and writers wait.
    func detach() {
        if case .full = target { unwatchStdin() }
        keepReadingEnd()
        closeStdin()
        target = .away
    }

    /// Keeps what tells how much of the pipe was never read, once its writing end is closed.
    func keepReadingEnd() {
        switch stdin {
        case .some(let pipe):
            // The name of a terminal's master opens another terminal.
            if terminal == nil {
                closedPipe = try? FileDescriptor.open("/proc/self/fd/\(pipe.raw)", O_RDONLY | O_NONBLOCK)
            }
        case .none: break
        }
    }

    /// The next child gets an open stdin, whatever was asked of the one before it.
    func forgetClosing() { wasClosedByRequest = false }

    /// Whether lines are refused.
    var isClosed: Bool {
        if case .closed = target { true } else { false }
    }

    func closeStdin() {
        // The child must see the end.
        if stdin != nil { session?.stdinIsClosing() }
        stdin = nil
    }

    /// The child has ended, and another will follow.
    ///
    /// - Returns: how many bytes it never read, and how many of them belong to a line that is sent again.
    func childHasEnded() -> (unread: Int, repeated: Int) {
        detach()
        let unread: Int
        switch closedPipe {
        case .some(let pipe): unread = max(0, Int(csys_readable(pipe.raw)))
        case .none: unread = 0
        }
        closedPipe = nil
        return (unread, queue.first?.sentCount ?? 0)
    }

    /// Lets writers wait, or go on, while the child is paused.
    func hold(_ isHeld: Bool) {
        if isHeld == self.isHeld { return }
        self.isHeld = isHeld
        switch target {
        case .full where isHeld:
            unwatchStdin()
            target = .away
        case .open where isHeld: target = .away
        case .away where !isHeld && stdin != nil: target = .open
        case .open, .full, .away, .closed: break
        }
    }

    /// The pipe has room again.
    func stdinIsReady() {
        guard case .full = target else { return }
        unwatchStdin()
        target = .open
    }

    /// Tries the pipe again when it could not be watched.
    func retryStdin() { stdinIsReady() }

    func unwatchStdin() {
        switch stdin {
        case .some(let pipe): poller.remove(pipe)
        case .none: break
        }
    }

    /// - Returns: bytes written; nil when the pipe takes nothing just now, 0 when the child will read no more.
    func writeToStdin(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let result: Int
        let bytes = session?.resilience?.bound(bytes) ?? bytes
        switch stdin {
        case .none: return 0
        case .some(let pipe):
            do throws(SystemError) {
                result = try pipe.write(bytes, "stdin")
            } catch {
                if error.code == EAGAIN {
                    session?.resilience?.nothingWasWritten()
                    do throws(SystemError) {
                        try poller.add(pipe, [.output], token: Token.stdin)
                    } catch {
                        session?.log.line("cannot watch the child's stdin: \(error.text)")
                        session?.retryLater()
                    }
                    target = .full
                    return nil
                }
                result = 0
            }
            if result > 0, result < bytes.count, terminal == nil { growPipe(pipe) }
            if result == bytes.count { session?.resilience?.linesAreWhole() }
        }
        terminal?.wrote(UnsafeRawBufferPointer(rebasing: bytes[..<result]))
        if result == 0 {
            // A child that is ending closes its stdin before anybody is told of its end, which says what follows.
            if session?.childIsEnding == true {
                target = .away
                return nil
            }
            closeStdin()
            target = .closed("the child closed its stdin")
            for connection in connections.values { enqueue(connection) }
        }
        return result
    }

    /// A bulk writer gets a larger pipe; users have few of them, so only after many full writes, and no is an answer.
    private func growPipe(_ pipe: borrowing FileDescriptor) {
        fullWrites += 1
        if fullWrites == 16 { _ = pipe.setPipeSize(1 << 20) }
    }
}
