import CSystem
import KeeperShared

/// The service manager that has started this process, if one has: what it passes (sd_listen_fds(3)), and what it is told
/// (sd_notify(3)).
final class GatewayManager {
    /// Sockets that it listens at for this process.
    let sockets: [ListenAddress]
    private let notices: String?

    /// Takes what is in the environment out of it: other processes must not get it.
    init() {
        notices = environment("NOTIFY_SOCKET")
        var count = 0
        if let owner = environment("LISTEN_PID"), decimal(Array(owner.utf8)) == Int(getpid()) {
            count = environment("LISTEN_FDS").flatMap { decimal(Array($0.utf8)) } ?? 0
        }
        sockets = (0..<min(count, 64)).map { .given(Int32(3 + $0)) }
        var names: [String] = []
        var entry = csys_environ()
        while let text = entry?.pointee {
            let name = String(cString: text).prefix { $0 != "=" }
            if ManagerVariables.isOfProcess(text) { names.append(String(name)) }
            entry = entry?.advanced(by: 1)
        }
        for name in names { unsetenv(name) }
    }

    /// Tells it how this process is. A manager that doesn't listen is no reason to end.
    func tell(_ text: String) {
        guard let notices else { return }
        let number = csys_connect_datagrams(notices)
        if number < 0 { return }
        let socket = FileDescriptor(owning: number)
        _ = csys_send_datagram(socket.raw, text, text.utf8.count, -1)
    }
}
