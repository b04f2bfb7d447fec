import CSystem
import KeeperShared

/// What a client types, on its way to a session: bytes for a terminal, lines for a pipe. It never waits.
final class AttachInput: GatewayPart {
    var isScheduled = false
    private let loop: GatewayLoop
    private let hasMoved: () -> Void
    private var control: ControlClient?
    private var lines: InputClient?
    /// Typed before the keeper took the connection, or faster than it reads.
    private var typed = PageBuffer()
    private var isOpen = false
    private var socket: FileDescriptor?
    private var token: UInt64 = 0
    private var interest: Readiness = .input

    /// Connects; a session that can't be reached gets nothing, and its end is told by its journal.
    ///
    /// - Parameter hasMoved: called when there is room again.
    init(_ id: SessionID, isTerminal: Bool, _ gateway: Gateway, hasMoved: @escaping () -> Void) {
        loop = gateway.loop
        self.hasMoved = hasMoved
        // Connecting to a Unix socket needs no answer, only room in the queue of a keeper that may be stopped.
        let timeout: Int64 = .milliseconds(1)
        if isTerminal {
            guard let client = try? ControlClient(id, in: gateway.hub.directory, "input", timeout: timeout)
            else { return }
            control = client
            socket = try? client.socket.duplicate()
        } else {
            guard
                let connected = try? FileDescriptor.connected(
                    to: SessionNames(id).socket, in: gateway.hub.directory, timeout: timeout)
            else { return }
            socket = consume connected
            isOpen = true
        }
        socket.use { token = (try? loop.add(self, $0, interest)) ?? 0 }
    }

    var deadline: Int64 { Int64.max }
    var backlog: Int { typed.count }

    /// Takes what was typed, which ``flush()`` sends: many short messages are one write. The bytes are valid only during
    /// the call.
    func take(_ bytes: UnsafeRawBufferPointer) {
        if socket.raw < 0 { return }
        if typed.capacity == 0 { swap(&typed, &loop.spareTyped) }
        do throws(SystemError) { try typed.append(bytes) } catch { end() }
    }

    /// Sends what was taken, as far as it goes.
    func flush() {
        while isOpen, !typed.isEmpty, socket.raw >= 0 {
            let count = sendOnce(typed.bytes)
            if count == 0 { break }
            if socket.raw >= 0 { typed.removeFirst(count) }
        }
        typed.giveBack(to: &loop.spareTyped)
        settle()
    }

    private func sendOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        do throws(SystemError) {
            return try socket.use { socket throws(SystemError) in try socket.send(bytes, waiting: false) ?? 0
            } ?? 0
        } catch {
            end()
            return bytes.count
        }
    }

    func ready(_ readiness: Readiness) {
        if !isOpen { return takeAnswer() }
        // The keeper says only one thing: that it takes no more.
        if !readiness.isDisjoint(with: [.input, .hangUp, .error]) { return end() }
        turn()
    }

    func turn() {
        flush()
        hasMoved()
    }

    private func takeAnswer() {
        guard let control else { return end() }
        let set = PollSet()
        control.prepare(set)
        set.limit(milliseconds: 0)
        do throws(SystemError) { try set.wait() } catch { return end() }
        do throws(ControlFailure) {
            guard try control.turn(set) != nil else { return }
        } catch {
            return end()
        }
        isOpen = true
        turn()
    }

    private func settle() {
        let wanted: Readiness = isOpen && !typed.isEmpty ? [.input, .output] : .input
        if wanted == interest { return }
        interest = wanted
        socket.use { loop.change(token, $0, wanted) }
    }

    func end() {
        socket.use { loop.remove(token, $0) }
        socket = nil
        control = nil
        typed = PageBuffer()
    }
}
