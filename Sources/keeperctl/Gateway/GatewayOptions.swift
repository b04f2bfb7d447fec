import CSystem
import KeeperShared

/// The options of `gateway`.
enum GatewayOptions {
    static let listen: RepeatedOption<Argument> = RepeatedOption(
        "listen", .string, "ADDR",
        help: "Listen at unix:PATH, 127.0.0.1:PORT or [::1]:PORT; may be repeated",
        describedDefault: "unix: below the sessions directory, and 127.0.0.1:8377")
    static let insecureRemote = Flag(
        "insecure-remote", help: "Allow other addresses, though tokens and output are not encrypted")
    static let allowOrigin: RepeatedOption<Argument> = RepeatedOption(
        "allow-origin", .string, "ORIGIN",
        help: "Let pages of https://NAME use the gateway, as a proxy serves them")
    static let basePath: Option<Argument> = Option(
        "base-path", .string, "PATH", help: "All paths begin with this: for a proxy that passes it on",
        describedDefault: "/")
    static let maximumConnections: Setting<Int> = Setting(
        "max-connections", .integer(min: 1, max: 100_000), "N", help: "Refuse more connections at a time",
        default: "1024")
    static let longestLine: Setting<Int> = Setting(
        "max-line", .size(min: 1024), "SIZE", help: "Refuse larger bodies and messages", default: "16M")
    static let idleExit: Option<Int64> = Option(
        "idle-exit", .duration, "DURATION", help: "End after this time without a connection",
        describedDefault: "never")
    static let showToken = Flag("show-token", help: "Print the token and end")
    static let readOnly = Flag("read-only", help: "With --show-token: the one that is good for looking")
}

/// What a gateway is told.
struct GatewaySettings {
    /// Bytes of a body, a message or a line.
    var longestBody = 16 << 20
    var mostConnections = 1024
    var basePath: [String] = []
    var origins: [String] = []
    /// In ns; nil to stay.
    var idleExit: Int64?
    var addresses: [ListenAddress] = []

    /// What all paths begin with, without the last slash.
    var base: String {
        var base = ""
        for part in basePath { base = concat(base, "/", part) }
        return base
    }
}

/// Where a gateway listens.
enum ListenAddress {
    case unix(String)
    /// Numeric, with brackets around IPv6, as in a URL.
    case network(host: String, port: Int)
    /// A descriptor that a service manager has passed.
    case given(Int32)

    /// - Throws: what is wrong with the text.
    init(_ text: String) throws(CommandFailure) {
        let bytes = Array(text.utf8)
        if bytes.starts(with: "unix:".utf8), bytes.count > 5 {
            self = .unix(String(decoding: bytes[5...], as: UTF8.self))
            return
        }
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0,
            let port = decimal(Array(bytes[(colon + 1)...])), port <= 65_535
        else {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat("--listen ", quoted(bytes), " is none of unix:PATH, 127.0.0.1:PORT and [::1]:PORT"))
        }
        var host = String(decoding: bytes[..<colon], as: UTF8.self)
        if equalUTF8(host, "localhost") { host = "127.0.0.1" }
        self = .network(host: host, port: port)
    }

    /// The address where others than this machine can reach it; nil when they can't.
    var remoteHost: String? {
        var host: String
        switch self {
        case .unix: return nil
        case .network(let name, _): host = name
        case .given(let number):
            guard let own = OwnAddress(of: number), own.port > 0 else { return nil }
            host = own.text
        }
        return host.utf8.starts(with: "127.".utf8) || equalUTF8(host, "[::1]") ? nil : host
    }
}

/// Where a socket listens.
struct OwnAddress {
    /// A path, empty for a Unix socket without one, or a numeric address as in a URL.
    let text: String
    /// 0 for a Unix socket.
    let port: Int

    init?(of number: Int32) {
        var space = InlineArray<128, CChar>(repeating: 0)
        var span = space.mutableSpan
        var port: Int32 = -1
        let text = span.withUnsafeMutableBufferPointer { buffer in
            port = csys_own_address(number, buffer.baseAddress, buffer.count)
            return port < 0 ? "" : String(cString: buffer.baseAddress!)
        }
        if port < 0 { return nil }
        self.port = Int(port)
        self.text = text.utf8.contains(UInt8(ascii: ":")) && port > 0 ? concat("[", text, "]") : text
    }
}
