import CSystem
import KeeperShared

/// What the gateway needs of commands, which are a room above it.
struct GatewayCommands {
    /// What `ls` with these arguments prints.
    let list: ([String]) throws(CommandFailure) -> [UInt8]
    /// The arguments of `spawn` that an object of options stands for.
    let spawnLine: ([JSONMember]) throws(CommandFailure) -> [Argument]
    /// What such an object may have in it besides the command, the id and how to wait.
    let spawnOptions: () -> [OptionSpec]
}

/// Serves sessions over HTTP and WebSocket: one thread, one loop.
final class Gateway: RequestAnswerer {
    let loop: GatewayLoop
    let options: GatewaySettings
    let directoryPath: String
    private let access: Access
    private let commands: GatewayCommands
    /// What sessions write and how they are, for all who follow them.
    let hub: FollowHub
    let starter: CommandStarter
    private let firstAnswers = FirstAnswers()
    private var connections = 0
    private(set) var lastUse = monotonicNow()
    private var open: [ObjectIdentifier: GatewayConnection] = [:]
    private let lists: KeptLists

    /// Connections above the limit that are told so; still more are dropped.
    private static let mostTurnedAway = 64

    init(
        _ options: GatewaySettings, _ directory: consuming FileDescriptor, _ directoryPath: String,
        _ access: Access,
        _ commands: GatewayCommands
    ) throws(SystemError) {
        loop = try GatewayLoop()
        let starter = CommandStarter(loop, directoryPath)
        self.starter = starter
        hub = FollowHub(loop, directory) { line throws(HTTPFailure) in try starter.start(line) }
        // A connection needs one, a follower several.
        _ = raiseDescriptorLimit()
        lists = KeptLists(of: directoryPath, commands.list)
        self.options = options
        self.directoryPath = directoryPath
        self.access = access
        self.commands = commands
    }

    // MARK: Connections

    /// Takes a new client.
    func accept(_ socket: consuming FileDescriptor, _ peer: GatewayConnection.Peer, listener: Int) {
        noteUse()
        let isFull = connections >= options.mostConnections
        if connections >= options.mostConnections + Gateway.mostTurnedAway { return }
        do throws(SystemError) {
            let connection = try GatewayConnection(socket, peer, listener: listener, of: self)
            connections += 1
            open[ObjectIdentifier(connection)] = connection
            if isFull { connection.turnAway() }
        } catch {
            printError(concat("gateway: ", error.text))
        }
    }

    func hasClosed(_ connection: GatewayConnection) {
        connections -= 1
        open[ObjectIdentifier(connection)] = nil
        noteUse()
    }

    func allows(origin: String) -> Bool { access.allows(origin) }

    func noteUse() { lastUse = monotonicNow() }

    /// Whether nobody is connected and nothing runs.
    var isIdle: Bool { connections == 0 && starter.count == 0 }

    /// Whether nobody is connected any more.
    var isQuiet: Bool { connections == 0 }

    /// Tells all that it ends.
    func goAway() {
        loop.end()
        let all = Array(open.values)
        for connection in all { connection.goAway() }
    }

    // MARK: Requests

    var longestBody: Int { options.longestBody }

    func admit(_ request: HTTPRequest, _ connection: GatewayConnection) throws(HTTPFailure) {
        try checkSource(request, connection)
        _ = try access.right(of: request, connection.peer)
    }

    private func checkSource(
        _ request: HTTPRequest, _ connection: GatewayConnection
    ) throws(HTTPFailure) {
        var isNetwork = false
        if case .network = connection.peer { isNetwork = true }
        try access.checkSource(request, isNetwork: isNetwork)
    }

    func answer(
        _ request: HTTPRequest, _ body: [UInt8], _ connection: GatewayConnection
    ) throws(HTTPFailure) -> Answer {
        try checkSource(request, connection)
        let path = try stripped(request.path)
        if let page = Page.answer(path, request) { return .now(page) }
        if request.method == .options, let origin = request.text("origin"), access.allows(origin) {
            return .now(HTTPResponse(status: 204, type: nil, fields: corsFields))
        }
        let right = try access.right(of: request, connection.peer)
        #if DEBUG
            if EchoSocket.isMeant(path), right == .control {
                try checkHandshake(request)
                return .webSocket(EchoSocket(), subprotocol: nil)
            }
        #endif
        let (route, id) = try find(path, request.method)
        try route.check(right)
        let input = try route.input(id: id, try members(request, body, route), request, right)
        if request.method == .post, let key = request.field("idempotency-key") {
            return try answerOnce(key, request, body, route, input)
        }
        return try route.run(self, input)
    }

    /// Answers a request that may come again.
    private func answerOnce(
        _ key: [UInt8], _ request: HTTPRequest, _ body: [UInt8], _ route: Route, _ input: RouteInput
    ) throws(HTTPFailure) -> Answer {
        let (first, entry) = try firstAnswers.begin(key, request, body)
        if let first { return .now(first) }
        do throws(HTTPFailure) {
            let answer = try route.run(self, input)
            switch answer {
            case .now(let response): firstAnswers.end(entry, response)
            case .stream(let stream):
                guard let run = stream as? CommandRun else {
                    firstAnswers.forget(entry)
                    break
                }
                return .stream(KeptAnswer(run) { [self] in firstAnswers.end(entry, $0) })
            case .webSocket: firstAnswers.forget(entry)
            }
            return answer
        } catch {
            // It was not begun.
            firstAnswers.forget(entry)
            throw error
        }
    }

    private var corsFields: [String] {
        [
            "Access-Control-Allow-Methods: GET, POST, PATCH, DELETE",
            "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
        ]
    }

    /// Without the base path.
    private func stripped(_ path: [String]) throws(HTTPFailure) -> [String] {
        for (number, part) in options.basePath.enumerated() {
            guard number < path.count, equalUTF8(path[number], part) else {
                throw HTTPFailure(404, "no such path")
            }
        }
        return Array(path[options.basePath.count...])
    }

    private func find(_ path: [String], _ method: HTTPMethod) throws(HTTPFailure) -> (Route, String) {
        var allowed: [String] = []
        let wanted = method == .head ? .get : method
        for route in Routes.all {
            guard let id = route.match(path) else { continue }
            if route.method == wanted { return (route, id) }
            if !allowed.contains(where: { equalUTF8($0, route.method.rawValue) }) {
                allowed.append(route.method.rawValue)
            }
        }
        if allowed.isEmpty { throw HTTPFailure(404, "no such path; /openapi.json has them all") }
        var list = "Allow: "
        for (number, name) in allowed.enumerated() { list = concat(list, number == 0 ? "" : ", ", name) }
        throw HTTPFailure(405, concat("this path does not take ", method.rawValue), field: list)
    }

    private func members(
        _ request: HTTPRequest, _ body: [UInt8], _ route: Route
    ) throws(HTTPFailure) -> [JSONMember] {
        if !route.hasBody {
            if !body.isEmpty { throw HTTPFailure(400, "a request of this kind has no body") }
            return try route.members(ofQuery: request.query)
        }
        if !request.query.isEmpty {
            throw HTTPFailure(400, "this takes a body of JSON, and nothing in the query")
        }
        if body.isEmpty { return [] }
        let type = lowerCase(request.field("content-type") ?? [])
        guard isText(trimmed(type.prefix { $0 != UInt8(ascii: ";") }), MediaType.json) else {
            throw HTTPFailure(415, "the body must be JSON, and say so: Content-Type: application/json")
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue.parse(body) } catch {
            throw HTTPFailure(400, concat("the body is not JSON: ", error.message))
        }
        guard let members = value.members else { throw HTTPFailure(400, "the body must be a JSON object") }
        return members
    }

    // MARK: What routes use

    /// Runs a command.
    func run(_ line: CommandLine) throws(HTTPFailure) -> Answer { .stream(try starter.start(line)) }

    func list(_ line: [String]) throws(HTTPFailure) -> Answer {
        do throws(CommandFailure) { return .now(HTTPResponse(body: try lists.list(line))) } catch {
            throw CommandRun.failure(error.status, Array(error.text.utf8))
        }
    }

    /// The arguments of `spawn` for a body.
    func spawnLine(_ members: [JSONMember]) throws(HTTPFailure) -> [[UInt8]] {
        do throws(CommandFailure) {
            return try commands.spawnLine(members).map { $0.bytes }
        } catch {
            throw CommandRun.failure(ExitStatus.badUsage, Array(error.text.utf8))
        }
    }

    var openAPI: [UInt8] { OpenAPI.document(options.base, commands.spawnOptions()) }

    func login(_ input: RouteInput) -> HTTPResponse {
        var response = HTTPResponse.empty
        if let field = input.request?.field("authorization"), field.count > 7 {
            let token = String(decoding: trimmed(field[7...]), as: UTF8.self)
            response.fields = [
                concat("Set-Cookie: keeper=", token, "; HttpOnly; SameSite=Strict; Path=/")
            ]
        }
        return response
    }

    /// What a client learns at first.
    func hello(_ right: Right) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("version", text: keeperVersion)
        json.member("right", text: right == .control ? "control" : "read")
        json.member("host", hostName())
        json.member("directory", directoryPath)
        json.endObject()
        return json.bytes
    }

    var health: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("status", "ok")
        json.member("version", text: keeperVersion)
        json.member("connections", connections)
        json.endObject()
        json.endLine()
        return json.bytes
    }
}
