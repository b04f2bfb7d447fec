import CSystem
import KeeperShared

/// What a caller may do.
enum Right: Int, Comparable {
    /// To look.
    case read
    /// To start, change and end as well.
    case control

    static func < (left: Right, right: Right) -> Bool { left.rawValue < right.rawValue }
}

/// Who may do what: the tokens, and the hosts and origins that requests may name.
final class Access {
    private let control: [UInt8]
    private let reading: [UInt8]
    /// Besides those that are listened to; with scheme.
    private let origins: [String]
    /// In lower case.
    private let hosts: [[UInt8]]
    /// Wrong tokens of late, by the address that they came from.
    private var failures: [(address: String, count: Int, until: Int64)] = []

    /// How many wrong tokens are answered at once, and for how long each counts, in ns.
    private static let freeAttempts = 10
    private static let attemptTime: Int64 = .seconds(60)
    /// More addresses than this forget the oldest.
    private static let mostAddresses = 256

    static let cookie: StaticString = "keeper="
    static let subprotocol: StaticString = "keeper.bearer."

    /// - Parameter hosts: `NAME:PORT`, those that are listened to.
    /// - Parameter origins: other ones that pages may come from.
    init(control: [UInt8], reading: [UInt8], hosts: [String], origins: [String]) {
        self.control = control
        self.reading = reading
        self.origins = origins
        var hosts = hosts
        for origin in origins {
            guard let end = origin.utf8.lastIndex(of: UInt8(ascii: "/")) else { continue }
            hosts.append(String(origin[origin.utf8.index(after: end)...]))
        }
        self.hosts = hosts.map { lowerCase(Array($0.utf8)) }
    }

    // MARK: Where a request comes from

    /// Refuses what a page of another site could send: a name that was made to point here, and a foreign origin. And a
    /// token where logs would keep it, whatever is asked for.
    ///
    /// - Throws: 421, 403 and 400.
    func checkSource(_ request: HTTPRequest, isNetwork: Bool) throws(HTTPFailure) {
        let host = lowerCase(request.field("host") ?? [])
        if isNetwork, !hosts.contains(host) {
            throw HTTPFailure(
                421,
                concat(
                    "the gateway does not listen to the host ", quoted(host),
                    "; --allow-origin names those of a proxy"))
        }
        if !request.query.isEmpty { try checkQuery(request.query) }
        guard let origin = request.text("origin") else { return }
        if allows(origin) { return }
        // A page that this gateway has served.
        if isNetwork, origin.utf8.elementsEqual(Array("http://".utf8) + host) { return }
        throw HTTPFailure(
            403, concat("pages of ", quoted(origin), " may not use this gateway (--allow-origin)"))
    }

    /// Whether it is one of `--allow-origin`.
    func allows(_ origin: String) -> Bool { origins.contains { equalUTF8($0, origin) } }

    // MARK: Who sends it

    private func checkQuery(_ query: [(name: String, value: String)]) throws(HTTPFailure) {
        for pair in query {
            if ["token", "access_token", "auth"].contains(where: { equalUTF8($0, pair.name) })
                || right(of: Array(pair.value.utf8)) != nil
            {
                throw HTTPFailure(
                    400, "a token in a query ends up in logs: send it as 'Authorization: Bearer TOKEN'",
                    code: "tokenInQuery")
            }
        }
    }

    /// - Throws: 401 without a token or with a wrong one; 429 after many wrong ones.
    func right(of request: HTTPRequest, _ peer: GatewayConnection.Peer) throws(HTTPFailure) -> Right {
        guard case .network(let address) = peer else { return .control }
        guard let token = token(of: request) else { throw Access.unauthorized("a token is needed") }
        if let right = right(of: token) { return right }
        try slow(address)
        throw Access.unauthorized("this is not the gateway's token")
    }

    private static func unauthorized(_ text: String) -> HTTPFailure {
        HTTPFailure(
            401, concat(text, "; 'keeperctl gateway --show-token' prints it"),
            field: "WWW-Authenticate: Bearer realm=\"keeper\"")
    }

    /// The token that a request carries, in whichever of the three ways.
    private func token(of request: HTTPRequest) -> [UInt8]? {
        if let field = request.field("authorization") {
            guard field.count > 7, isText(lowerCase(Array(field[..<7])), "bearer ") else { return [] }
            return trimmed(field[7...])
        }
        for word in listedWords(of: request.field("sec-websocket-protocol"))
        where word.utf8.starts(with: "\(Access.subprotocol)".utf8) {
            return Array(word.utf8.dropFirst(Access.subprotocol.utf8CodeUnitCount))
        }
        for part in (request.field("cookie") ?? []).split(separator: UInt8(ascii: ";")) {
            let pair = trimmed(part)
            if pair.starts(with: "\(Access.cookie)".utf8) {
                return Array(pair.dropFirst(Access.cookie.utf8CodeUnitCount))
            }
        }
        return nil
    }

    /// What a token is good for; nil for a wrong one.
    func right(of token: [UInt8]) -> Right? {
        // Both are looked at in any case: time tells nothing.
        let isControl = Access.isSame(token, control)
        let isReading = Access.isSame(token, reading)
        return isControl ? .control : isReading ? .read : nil
    }

    /// In a time that depends on nothing but the lengths.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        if left.count != right.count { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    /// Counts a wrong token.
    private func slow(_ address: String) throws(HTTPFailure) {
        let now = monotonicNow()
        failures.removeAll { $0.until <= now }
        let place = failures.firstIndex { equalUTF8($0.address, address) }
        guard let place else {
            if failures.count == Access.mostAddresses { failures.removeFirst() }
            failures.append((address, 1, now + Access.attemptTime))
            return
        }
        failures[place].count += 1
        failures[place].until = now + Access.attemptTime
        if failures[place].count > Access.freeAttempts {
            throw HTTPFailure(429, "too many wrong tokens", field: "Retry-After: 60")
        }
    }
}
