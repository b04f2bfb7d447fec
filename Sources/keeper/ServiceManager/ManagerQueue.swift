import CSystem
import KeeperShared

/// Datagrams to the service manager, sent in their order: at once while it takes them, otherwise when it has room
/// again. Nothing here blocks but ``settle()``.
final class ManagerQueue {
    enum Kind {
        case status
        case watchdog
        /// READY=1 or STOPPING=1, which are never left out.
        case announcement
        case store(DescriptorStore.Name)
        case removal(DescriptorStore.Name)
        /// No datagram: all before it has been sent.
        case mark(SharedPage.Slot)
    }

    private final class Message {
        let kind: Kind
        let text: String
        /// A copy, so that the owner may close its own.
        let descriptor: FileDescriptor?

        init(_ kind: Kind, _ text: String = "", descriptor: consuming FileDescriptor? = nil) {
            self.kind = kind
            self.text = text
            self.descriptor = descriptor
        }
    }

    /// Tells when there is room again.
    var poller: Poller?
    /// Called when the manager's store did not get what it should.
    var whenStoreFails: ((SystemError) -> Void)?
    /// Called when all before a mark has been sent.
    var whenReached: ((SharedPage.Slot) -> Void)?
    private var waiting: [Message] = []
    /// Connected while something waits.
    private var socket: FileDescriptor?
    private var isWatched = false

    var isEmpty: Bool { waiting.isEmpty }

    /// Sends lines, or lets them wait after what waits already.
    func send(_ kind: Kind, _ text: String) { append(Message(kind, text)) }

    func send(_ kind: Kind, _ text: String, descriptor number: Int32) {
        do throws(SystemError) {
            append(Message(kind, text, descriptor: try FileDescriptor.duplicate(ofNumber: number)))
        } catch { whenStoreFails?(error) }
    }

    func mark(_ slot: SharedPage.Slot) { append(Message(.mark(slot))) }

    /// Takes back a mark that has not been reached.
    func cancelMark(_ slot: SharedPage.Slot) {
        waiting.removeAll { if case .mark(slot) = $0.kind { true } else { false } }
    }

    private func append(_ message: Message) {
        waiting.removeAll { ManagerQueue.replaces(message.kind, $0.kind) }
        waiting.append(message)
        if waiting.count == 1 || !isWatched { drain() }
    }

    /// Whether a later message makes an earlier one that still waits pointless. This also bounds the queue.
    private static func replaces(_ new: Kind, _ old: Kind) -> Bool {
        switch (new, old) {
        case (.status, .status), (.watchdog, .watchdog): true
        case (.removal(let name), .store(let other)), (.removal(let name), .removal(let other)): name == other
        default: false
        }
    }

    /// Sends what waits, as far as there is room.
    func drain() {
        while let message = waiting.first {
            if case .mark(let slot) = message.kind {
                waiting.removeFirst()
                whenReached?(slot)
                continue
            }
            let isFresh = socket == nil
            do throws(SystemError) {
                try transmit(message)
                waiting.removeFirst()
            } catch {
                if error.code == EAGAIN { return watch() }
                disconnect()
                // The manager's socket may be another one by now.
                if !isFresh { continue }
                waiting.removeFirst()
                switch message.kind {
                case .store, .removal: whenStoreFails?(error)
                // A manager that doesn't listen is no reason to end.
                case .status, .watchdog, .announcement, .mark: break
                }
            }
        }
        disconnect()
    }

    private func transmit(_ message: Message) throws(SystemError) {
        if socket == nil {
            guard let path = getenv("NOTIFY_SOCKET") else {
                throw SystemError("send", "NOTIFY_SOCKET", ENOENT)
            }
            socket = FileDescriptor(
                owning: try systemCall("connect to the service manager", "") { csys_connect_datagrams(path) })
        }
        let (socket, descriptor) = (socket.raw, message.descriptor.raw)
        try systemCall("send to the service manager", "") {
            csys_send_datagram(socket, message.text, message.text.utf8.count, descriptor)
        }
    }

    private func watch() {
        if isWatched { return }
        guard let poller else { return }
        socket.use { socket in
            do throws(SystemError) {
                try poller.add(socket, .output, token: Token.serviceManager)
                isWatched = true
            } catch {
                // The next message tries again.
            }
        }
    }

    private func disconnect() {
        if isWatched { socket.use { poller?.remove($0) } }
        isWatched = false
        socket = nil
    }

    /// Waits a second at most until all is sent: for a process that is about to end.
    func settle() {
        let deadline = monotonicNow() + .seconds(1)
        while !waiting.isEmpty, monotonicNow() < deadline {
            let set = PollSet()
            socket.use { set.add($0, .output) }
            set.limit(deadline: deadline)
            do throws(SystemError) { try set.wait() } catch { return }
            drain()
        }
    }
}
