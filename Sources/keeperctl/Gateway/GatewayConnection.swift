import CSystem
import KeeperShared

/// Who answers the requests of connections.
protocol RequestAnswerer: AnyObject {
    var loop: GatewayLoop { get }
    /// Bytes of a request's body.
    var longestBody: Int { get }
    /// Lets a request in that has a body, before that is read.
    func admit(_ request: HTTPRequest, _ connection: GatewayConnection) throws(HTTPFailure)
    /// Answers a request, or begins to.
    func answer(
        _ request: HTTPRequest, _ body: [UInt8], _ connection: GatewayConnection
    ) throws(HTTPFailure) -> Answer
    /// Whether pages of an origin that is not the gateway's may ask.
    func allows(origin: String) -> Bool
    func hasClosed(_ connection: GatewayConnection)
    /// Something was sent.
    func noteUse()
}

/// One client: reads requests, has them answered one after the other, or carries a WebSocket.
final class GatewayConnection: GatewayPart {
    var isScheduled = false
    /// Where it comes from.
    enum Peer {
        case unix(uid_t)
        case network(address: String)
    }

    enum Phase {
        /// Waits for a request, or has a part of its head.
        case head
        case body(HTTPRequest, HTTPBody)
        case answering(any ResponseStream, HTTPRequest)
        case webSocket(any WebSocketHandler)
        /// All is said: what is left is sent, and what still comes is passed over for a moment, so that the answer is
        /// not lost to a reset.
        case closing
    }

    let peer: Peer
    let listener: Int
    let answerer: any RequestAnswerer
    let loop: GatewayLoop
    private let socket: FileDescriptor
    private var token: UInt64 = 0
    private var interest: Readiness = []
    var phase = Phase.head
    /// What was received and is not used yet.
    var input = PageBuffer()
    /// What is to be sent.
    var output = PageBuffer()
    /// A long body that follows it, sent from where it lies. Nothing is made before it is gone.
    private var body: LongBody?
    private(set) var isOpen = true
    private(set) var sawEnd = false
    private var hasShutDown = false
    /// When what the client is to do must be done, on the monotonic clock.
    private(set) var deadline = Int64.max

    // Of requests.
    /// Whether the client has not begun with its next request.
    var isAtRest = false
    var hasHead = false
    // Of a WebSocket.
    var reader: WebSocketReader?
    var pingsOut = 0

    /// What waits to be sent at most, before more is made.
    static let outputLimit = 64 << 10
    private static let chunk = 64 << 10
    static let headTime: Int64 = .seconds(10)
    /// For a client that has nothing to say, or takes nothing of what it is sent.
    static let idleTime: Int64 = .seconds(75)
    /// What one client may be worked for while others wait.
    private static let turnTime: Int64 = .milliseconds(5)
    private static let lingerTime: Int64 = .seconds(2)

    private struct LongBody {
        let response: HTTPResponse
        var sent = 0
    }

    init(
        _ socket: consuming FileDescriptor, _ peer: Peer, listener: Int, of answerer: any RequestAnswerer
    ) throws(SystemError) {
        self.peer = peer
        self.listener = listener
        self.answerer = answerer
        loop = answerer.loop
        self.socket = socket
        interest = .input
        token = try loop.add(self, self.socket, interest)
        deadline = monotonicNow() + GatewayConnection.headTime
        loop.watchTime(of: self)
    }

    // MARK: The loop

    func ready(_ readiness: Readiness) {
        if !isOpen { return }
        if !readiness.isDisjoint(with: [.error, .hangUp]), readiness.isDisjoint(with: .input) {
            return close()
        }
        if readiness.contains(.peerHalfClosed), isAnsweredEndlessly { return close() }
        if readiness.contains(.input) { receive() }
        turn()
    }

    func turn() {
        if !isOpen { return }
        if deadline <= monotonicNow() { timeIsUp() }
        if output.capacity == 0 { swap(&output, &loop.spareOutput) }
        var goesOn = isOpen
        var waitsForRoom = false
        let end = monotonicNow() + GatewayConnection.turnTime
        while goesOn {
            send()
            if !isOpen { break }
            waitsForRoom = body != nil || output.count >= GatewayConnection.outputLimit
            if waitsForRoom { break }
            goesOn = advance()
            // Others get their turn.
            if goesOn, monotonicNow() >= end {
                loop.schedule(self)
                break
            }
        }
        if isOpen { send() }
        // The socket took all of it by now, and won't tell that it has room.
        if isOpen, waitsForRoom, !hasOutput { loop.schedule(self) }
        if isOpen { settle() }
    }

    /// Gives the connection a turn, as what it waits for has come.
    func wake() { if isOpen { loop.schedule(self) } }

    private func receive() {
        // What was read has to be used first: a client that sends faster waits in its socket.
        if !wantsInput { return }
        if input.capacity == 0 { swap(&input, &loop.spareInput) }
        do throws(SystemError) {
            // With a rest of less than half there is room without more pages.
            let space = try input.room(for: GatewayConnection.chunk / (input.isEmpty ? 1 : 2))
            guard let count = try socket.receive(into: space, waiting: false) else { return }
            if count == 0 { sawEnd = true }
            input.grow(by: count)
            pingsOut = 0
        } catch {
            close()
        }
    }

    /// Sends what waits, as far as it goes.
    private func send() {
        do throws(SystemError) {
            while !output.isEmpty {
                guard let count = try socket.send(output.bytes, waiting: false, more: body != nil) else {
                    return
                }
                output.removeFirst(count)
                noteSent()
            }
            while let body {
                guard let count = try send(body) else { return }
                let isSent = body.sent + count == body.response.bodySize
                if isSent { self.body = nil } else { self.body!.sent += count }
                noteSent()
            }
        } catch {
            close()
        }
    }

    private func send(_ body: LongBody) throws(SystemError) -> Int? {
        var problem: SystemError?
        let count = body.response.withBody { bytes -> Int? in
            do throws(SystemError) {
                return try socket.send(UnsafeRawBufferPointer(rebasing: bytes[body.sent...]), waiting: false)
            } catch {
                problem = error
                return nil
            }
        }
        if let problem { throw problem }
        return count
    }

    /// A client that reads slowly has time for as long as it reads.
    private func noteSent() {
        answerer.noteUse()
        if !hasOutput { return }
        switch phase {
        case .head, .closing: setDeadline(in: GatewayConnection.idleTime)
        case .body, .answering, .webSocket: break
        }
    }

    var hasOutput: Bool { !output.isEmpty || body != nil }

    private var wantsInput: Bool {
        if sawEnd { return false }
        switch phase {
        case .head, .body: return input.count < HTTPHeadParser.limit + GatewayConnection.chunk
        // Only a request that came early, not a flood of them.
        case .answering: return false
        case .webSocket(let handler): return handler.isReady
        case .closing: return true
        }
    }

    /// Does one step.
    ///
    /// - Returns: whether there may be another.
    private func advance() -> Bool {
        switch phase {
        case .head: return takeHead()
        case .body: return takeBody()
        case .answering(let stream, let request): return fill(stream, request)
        case .webSocket(let handler): return carry(handler)
        case .closing:
            input.removeFirst(input.count)
            if hasOutput { return false }
            if !hasShutDown {
                hasShutDown = true
                socket.shutDownSending()
                setDeadline(in: GatewayConnection.lingerTime)
            }
            if sawEnd { close() }
            return false
        }
    }

    /// Waits for what matters now, and gives back what does not.
    private func settle() {
        input.giveBack(to: &loop.spareInput)
        output.giveBack(to: &loop.spareOutput)
        reader?.settle()
        var wanted: Readiness = []
        if wantsInput { wanted.insert(.input) }
        if hasOutput { wanted.insert(.output) }
        // What has no end would go on for a client that has gone.
        if isAnsweredEndlessly { wanted.insert(.peerHalfClosed) }
        // Without input only a full hang-up says that the client has gone.
        if wanted != interest {
            interest = wanted
            loop.change(token, socket, wanted)
        }
    }

    private var isAnsweredEndlessly: Bool {
        if case .answering(let stream, _) = phase { stream.isEndless } else { false }
    }

    // MARK: Time

    /// - Parameter step: in ns; what may come up to that much later is one wake-up for many connections.
    func setDeadline(in time: Int64, step: Int64 = 1) {
        let wanted = monotonicNow() + time + step - 1
        deadline = wanted - wanted % step
        loop.noteDeadline(deadline)
    }

    func setNoDeadline() { deadline = Int64.max }

    func extendDeadline(by time: Int64) { deadline += time }

    private func timeIsUp() {
        switch phase {
        case .head:
            // Between two requests it is no error.
            if input.isEmpty || hasOutput { return close() }
            refuse(HTTPFailure(408, "the head did not come within 10 s", endsConnection: true))
        case .body: refuse(HTTPFailure(408, "the body did not come in time", endsConnection: true))
        case .answering: setNoDeadline()
        case .webSocket(let handler): pingOrClose(handler)
        case .closing: close()
        }
    }

    // MARK: The end

    /// Sends what is left, and closes.
    func linger() {
        phase = .closing
        setDeadline(in: GatewayConnection.idleTime)
    }

    /// Ends at once.
    func close() {
        if !isOpen { return }
        isOpen = false
        switch phase {
        case .answering(let stream, _):
            stream.connection = nil
            stream.end()
        case .webSocket(let handler):
            handler.connection = nil
            handler.end()
        case .head, .body, .closing: break
        }
        phase = .closing
        loop.remove(token, socket)
        loop.forget(self)
        // The buffers stay as long as this is alive: somebody may be reading them just now.
        answerer.hasClosed(self)
    }

    /// The gateway ends: what is being answered comes to its end, for a moment.
    func goAway() {
        switch phase {
        case .webSocket: closeWebSocket(.going)
        case .answering(let stream, _): if stream.isEndless { close() }
        case .head: if hasOutput { linger() } else { close() }
        case .body: close()
        case .closing: break
        }
        turn()
    }

    // MARK: Output

    /// Appends to what is to be sent.
    func append(_ bytes: [UInt8]) {
        var problem: SystemError?
        output.append(bytes, &problem)
        if problem != nil { close() }
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        do throws(SystemError) { try output.append(bytes) } catch { close() }
    }

    /// Appends a response's body. A long one is not copied.
    func appendBody(of response: HTTPResponse) {
        if response.bodySize > GatewayConnection.outputLimit / 4 {
            body = LongBody(response: response)
        } else {
            response.withBody { append($0) }
        }
    }
}
