import CSystem
import KeeperShared

/// A socket that clients connect to.
final class GatewayListener: GatewayPart {
    var isScheduled = false
    private let socket: FileDescriptor
    private let gateway: Gateway
    private let isNetwork: Bool
    private let number: Int
    private var token: UInt64 = 0
    /// While descriptors are used up: when to try again.
    private(set) var deadline = Int64.max

    /// Clients that are taken before others get their turn.
    private static let clientsPerTurn = 64

    init(
        _ socket: consuming FileDescriptor, isNetwork: Bool, number: Int, of gateway: Gateway
    ) throws(SystemError) {
        self.socket = socket
        self.gateway = gateway
        self.isNetwork = isNetwork
        self.number = number
        token = try gateway.loop.add(self, self.socket, .input)
        gateway.loop.watchTime(of: self)
    }

    func ready(_ readiness: Readiness) { accept() }

    func turn() {
        if deadline > monotonicNow() { return }
        deadline = Int64.max
        gateway.loop.change(token, socket, .input)
    }

    private func accept() {
        for _ in 0..<GatewayListener.clientsPerTurn {
            do throws(SystemError) {
                guard let client = try socket.accept() else { return }
                guard let peer = peer(of: client) else { continue }
                gateway.accept(client, peer, listener: number)
            } catch {
                // No descriptors are left: asking again at once would only spin.
                gateway.loop.change(token, socket, [])
                deadline = monotonicNow() + .seconds(1)
                gateway.loop.noteDeadline(deadline)
                return
            }
        }
    }

    /// Nil for one who may not connect at all: another user at a Unix socket.
    private func peer(of client: borrowing FileDescriptor) -> GatewayConnection.Peer? {
        if !isNetwork {
            guard let user = client.peerUser(), user == geteuid() || user == 0 else { return nil }
            return .unix(user)
        }
        var text = InlineArray<64, CChar>(repeating: 0)
        let number = client.raw
        var span = text.mutableSpan
        return span.withUnsafeMutableBufferPointer { space in
            csys_peer_address(number, space.baseAddress, space.count) < 0
                ? nil : .network(address: String(cString: space.baseAddress!))
        }
    }

    /// Listens no more.
    func end() {
        gateway.loop.remove(token, socket)
        gateway.loop.forget(self)
    }
}

/// A gateway from its start to its end.
final class GatewayServer {
    private let gateway: Gateway
    private var listeners: [GatewayListener] = []
    private var files: GatewayFiles
    /// Names of sockets that this gateway has made.
    private let madeSockets: [String]
    private let signals: SignalReader
    private let settings: GatewaySettings

    /// How long answers may take that are under way when the gateway is to end, in ns.
    private static let farewell: Int64 = .seconds(5)

    /// Listens, and takes the place of the directory's one gateway.
    ///
    /// - Throws: 5 when there is one already, which is named.
    init(
        _ settings: GatewaySettings, _ directory: borrowing SessionsDirectory, _ commands: GatewayCommands
    ) throws(CommandFailure) {
        self.settings = settings
        var sockets = GatewaySockets(base: settings.base)
        do throws(SystemError) {
            // From now on: whoever reads the addresses may end it.
            signals = try SignalReader([SIGTERM, SIGINT, SIGHUP])
            files = try GatewayFiles(in: directory.descriptor)
            if let other = try GatewayFiles.living(in: files.folder) {
                throw SystemError("", GatewayServer.name(other), EADDRINUSE)
            }
            for address in settings.addresses { try sockets.open(address) }
            madeSockets = sockets.madePaths
            let access = Access(
                control: try files.token(GatewayFiles.token),
                reading: try files.token(GatewayFiles.readingToken),
                hosts: sockets.hosts, origins: settings.origins)
            gateway = try Gateway(
                settings, try directory.descriptor.duplicate(), directory.path, access, commands)
            try files.claim(sockets.description(directory.path))
            for number in sockets.numbers.indices {
                let (descriptor, isNetwork) = sockets.numbers[number]
                listeners.append(
                    try GatewayListener(
                        FileDescriptor(owning: descriptor), isNetwork: isNetwork, number: number, of: gateway)
                )
            }
            urls = sockets.urls
        } catch {
            for path in sockets.madePaths { unlink(path) }
            if error.call.utf8CodeUnitCount == 0 {
                throw CommandFailure(
                    ExitStatus.conflict, concat("a gateway serves this directory already: ", error.subject))
            }
            throw CommandFailure("gateway", error)
        }
    }

    /// Where it listens, for people.
    private(set) var urls: [String] = []

    /// `PID 12, http://127.0.0.1:8377/`
    static func name(_ description: [UInt8]) -> String {
        guard let value = try? JSONValue.parse(description) else { return "it can't be read who" }
        var text = concat("PID ", String(Int(value["pid"]?.intValue ?? 0)))
        for url in value["urls"]?.arrayValue ?? [] { text = concat(text, ", ", url.stringValue ?? "") }
        return text
    }

    /// Serves until a signal ends it, or nobody has asked for anything for long enough.
    ///
    /// - Parameter whenEnding: called when it no longer listens.
    func run(whenEnding: () -> Void) throws(CommandFailure) {
        do throws(SystemError) {
            let ending = GatewayEnding(gateway)
            let token = try gateway.loop.add(ending, signals.descriptor, .input)
            gateway.loop.watchTime(of: ending)
            while !ending.isDone { try gateway.loop.runOnce() }
            gateway.loop.remove(token, signals.descriptor)
            for listener in listeners { listener.end() }
            listeners = []
            whenEnding()
            gateway.goAway()
            let deadline = monotonicNow() + GatewayServer.farewell
            ending.deadline = deadline
            gateway.loop.noteDeadline(deadline)
            while !gateway.isQuiet, monotonicNow() < deadline { try gateway.loop.runOnce() }
        } catch {
            throw CommandFailure("gateway", error)
        }
        // While the place is still this gateway's: the next one's socket has the same name.
        for path in madeSockets { unlink(path) }
        files.giveUp()
    }
}

/// What ends a gateway: a signal, or that nobody needs it.
private final class GatewayEnding: GatewayPart {
    var isScheduled = false
    private let gateway: Gateway
    private(set) var isDone = false
    var deadline = Int64.max

    init(_ gateway: Gateway) {
        self.gateway = gateway
        if let limit = gateway.options.idleExit { deadline = monotonicNow() + limit }
    }

    func ready(_ readiness: Readiness) { isDone = true }

    func turn() {
        guard let limit = gateway.options.idleExit, deadline <= monotonicNow() else { return }
        deadline = gateway.lastUse + limit
        if !gateway.isIdle { deadline = monotonicNow() + limit }
        if deadline <= monotonicNow() { isDone = true }
        gateway.loop.noteDeadline(deadline)
    }
}

/// The sockets that a gateway listens at, and what they are called.
private struct GatewaySockets {
    /// What all paths begin with, without the last slash.
    let base: String
    private(set) var numbers: [(descriptor: Int32, isNetwork: Bool)] = []
    private(set) var urls: [String] = []
    /// What a request's Host may say.
    private(set) var hosts: [String] = []
    /// Names of sockets in the file system.
    private(set) var paths: [String] = []
    /// Those that were made here.
    private(set) var madePaths: [String] = []

    init(base: String) { self.base = base }

    mutating func open(_ address: ListenAddress) throws(SystemError) {
        switch address {
        case .unix(let path):
            numbers.append((try GatewaySockets.listen(at: path).release(), false))
            paths.append(path)
            madePaths.append(path)
        case .network(let host, let port):
            let bare = String(host.filter { $0 != "[" && $0 != "]" })
            add(
                try systemCall("listen", concat(host, ":", String(port))) {
                    csys_listen_tcp(bare, Int32(port))
                })
        case .given(let number):
            _ = csys_fcntl(number, F_SETFD, Int(FD_CLOEXEC))
            let flags = csys_fcntl(number, F_GETFL, 0)
            _ = csys_fcntl(number, F_SETFL, Int(flags | O_NONBLOCK))
            add(number)
        }
    }

    /// A socket at a path of any length, in place of one where nobody listens any more.
    private static func listen(at path: String) throws(SystemError) -> FileDescriptor {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        var parent = slash.map { String(path[..<$0]) } ?? "."
        if parent.utf8.isEmpty { parent = "/" }
        let folder = try FileDescriptor.open(parent, O_PATH | O_DIRECTORY)
        if let old = try folder.metadata(of: name), old.isSocket {
            if acceptsConnections(name, in: folder) { throw SystemError("listen", path, EADDRINUSE) }
            try folder.remove(name)
        }
        return try FileDescriptor.listening(at: concat("/proc/self/fd/", String(folder.raw), "/", name))
    }

    private mutating func add(_ number: Int32) {
        let own = OwnAddress(of: number)
        guard let own, own.port > 0 else {
            numbers.append((number, false))
            if let path = own?.text, !path.utf8.isEmpty { paths.append(path) }
            return
        }
        // What it accepts has these as well. A client that vanished is noticed as soon as one of a WebSocket.
        csys_serve_tcp(number)
        numbers.append((number, true))
        let (host, port) = (own.text, String(own.port))
        urls.append(concat("http://", host, ":", port, base, "/"))
        for name in [host, "localhost", "127.0.0.1", "[::1]"] { hosts.append(concat(name, ":", port)) }
        if equalUTF8(port, "80") { hosts += [host, "localhost", "127.0.0.1", "[::1]"] }
    }

    /// What `gateway.json` says.
    func description(_ directory: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("format", 1)
        json.member("pid", getpid())
        json.member("version", "\(keeperVersion)")
        json.member("startedAt", Timestamp.now().rfc3339)
        json.key("urls")
        json.beginArray()
        for url in urls { json.string(url) }
        json.endArray()
        if let path = paths.first { json.member("socket", path) }
        json.member("tokenFile", concat(directory, "/", GatewayFiles.place, "/", GatewayFiles.token))
        json.endObject()
        json.endLine()
        return json.bytes
    }
}
