import KeeperShared

/// A connection that has requests answered one after the other (RFC 9112).
extension GatewayConnection {
    /// What a body of any size has, and for how many bytes it has another second.
    private static let bodyTime: Int64 = .seconds(60)
    private static let slowestRate = 16 << 10

    func takeHead() -> Bool {
        // A client may send an empty line after the body of its last request (RFC 9112, 2.2).
        while input.count >= 2, input.bytes[0] == 13, input.bytes[1] == 10 { input.removeFirst(2) }
        do throws(HTTPFailure) {
            guard !input.isEmpty, let (request, count) = try HTTPHeadParser.parse(input.bytes) else {
                if sawEnd {
                    linger()
                    return true
                }
                if !input.isEmpty, isAtRest {
                    isAtRest = false
                    setDeadline(in: GatewayConnection.headTime)
                }
                return false
            }
            input.removeFirst(count)
            try begin(request)
        } catch {
            refuse(error)
        }
        return true
    }

    private func begin(_ request: HTTPRequest) throws(HTTPFailure) {
        let body = try HTTPBody(request.body, limit: answerer.longestBody)
        if !body.isComplete {
            // A stranger's body is not even read.
            try answerer.admit(request, self)
            if !request.isOld, request.has("100-continue", in: "expect"), input.isEmpty {
                append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
            setDeadline(in: GatewayConnection.bodyTime)
        }
        phase = .body(request, body)
    }

    func takeBody() -> Bool {
        guard case .body(let request, var body) = phase else { return false }
        // Held once, so that it grows where it is.
        phase = .head
        do throws(HTTPFailure) {
            let before = body.bytes.count
            input.removeFirst(try body.take(input.bytes))
            if !body.isComplete {
                let more = Int64((body.bytes.count - before) * 1_000_000_000 / GatewayConnection.slowestRate)
                phase = .body(request, body)
                extendDeadline(by: more)
                if sawEnd { close() }
                return false
            }
            setNoDeadline()
            answer(try answerer.answer(request, body.bytes, self), request)
        } catch {
            if error.endsConnection {
                refuse(error, request)
            } else {
                answer(.now(HTTPResponse(error)), request)
            }
        }
        return true
    }

    private func answer(_ answer: Answer, _ request: HTTPRequest) {
        switch answer {
        case .now(let response): finish(response, request)
        case .stream(let stream):
            hasHead = false
            stream.connection = self
            phase = .answering(stream, request)
        case .webSocket(let handler, let subprotocol): upgrade(handler, subprotocol, request)
        }
    }

    /// Answers with all there is.
    private func finish(_ response: HTTPResponse, _ request: HTTPRequest) {
        let hasBody = response.status != 204 && response.status != 304
        append(
            httpHead(
                shared(response, with: request), hasBody ? .known(response.bodySize) : .none,
                closes: closes(request), date: loop.date))
        if request.method != .head, hasBody { appendBody(of: response) }
        next(closes: closes(request))
    }

    /// Lets a page of another origin that may ask also read the answer.
    private func shared(_ response: HTTPResponse, with request: HTTPRequest) -> HTTPResponse {
        guard let origin = request.text("origin"), answerer.allows(origin: origin) else { return response }
        var response = response
        response.fields += [concat("Access-Control-Allow-Origin: ", origin), "Vary: Origin"]
        return response
    }

    private func closes(_ request: HTTPRequest) -> Bool { !request.keepsAlive || loop.isEnding }

    /// The answer is complete: the next request, if there may be one.
    private func next(closes: Bool) {
        if closes { return linger() }
        phase = .head
        isAtRest = input.isEmpty
        setDeadline(in: isAtRest ? GatewayConnection.idleTime : GatewayConnection.headTime)
    }

    /// Tells a client that has not been heard yet that there are too many.
    func turnAway() {
        refuse(HTTPFailure(503, "there are too many connections", field: "Retry-After: 1"))
        turn()
    }

    /// Answers with an error, and closes.
    func refuse(_ failure: HTTPFailure, _ request: HTTPRequest? = nil) {
        let response = HTTPResponse(failure)
        append(httpHead(response, .known(response.bodySize), closes: true, date: loop.date))
        if request?.method != .head { appendBody(of: response) }
        linger()
    }

    /// Passes on what a stream has.
    func fill(_ stream: any ResponseStream, _ request: HTTPRequest) -> Bool {
        do throws(HTTPFailure) {
            var part = PageBuffer()
            let room = GatewayConnection.outputLimit - output.count
            let isComplete = try stream.fill(&part, limit: room)
            guard let response = stream.response else { return false }
            if !hasHead {
                hasHead = true
                append(
                    httpHead(
                        shared(response, with: request), stream.length, closes: closes(request),
                        isOld: request.isOld,
                        date: loop.date))
                if request.method == .head {
                    end(stream)
                    next(closes: closes(request))
                    return true
                }
            }
            // In a protocol without chunks the end of the connection is the end of the body.
            let isChunked: Bool
            if case .open = stream.length { isChunked = !request.isOld } else { isChunked = false }
            if !part.isEmpty {
                if isChunked { append(Array(concat(String(part.count, radix: 16), "\r\n").utf8)) }
                append(part.bytes)
                if isChunked { append(Array("\r\n".utf8)) }
            }
            if isComplete {
                if isChunked { append(Array("0\r\n\r\n".utf8)) }
                end(stream)
                next(closes: closes(request))
                return true
            }
            return !part.isEmpty
        } catch {
            end(stream)
            // Once the head is out only a broken connection says that the body is not complete.
            if hasHead { close() } else { finish(HTTPResponse(error), request) }
            return true
        }
    }

    private func end(_ stream: any ResponseStream) {
        phase = .head
        stream.connection = nil
        stream.end()
    }
}
