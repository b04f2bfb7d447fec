import CSystem
import KeeperShared

/// Why a keeper gave no result.
enum ControlFailure: Error {
    /// Nothing listens: the session is over, or its keeper is only starting.
    case unreachable
    /// The connection ended before the answer: what was asked for may have happened or not.
    case noAnswer
    case timedOut
    /// The keeper's own error, by its number and text.
    case refused(code: Int, message: String)
    case failed(SystemError)

    /// The failure of a command that asked for something to be done.
    func commandFailure(_ id: SessionID) -> CommandFailure {
        switch self {
        case .unreachable:
            CommandFailure(ExitStatus.failed, concat(id.string, ": its keeper can't be reached"))
        case .noAnswer:
            CommandFailure(
                ExitStatus.outcomeUnknown,
                concat(id.string, ": the keeper ended without an answer, so it may be done or not"))
        case .timedOut: CommandFailure(ExitStatus.timedOut, concat(id.string, ": timed out"))
        case .refused(code: -32601, _):
            CommandFailure(
                ExitStatus.failed,
                concat(id.string, ": that keeper is older than this keeperctl and can't do it"))
        case .refused(_, let message): CommandFailure(ExitStatus.failed, concat(id.string, ": ", message))
        case .failed(let error): CommandFailure(id.string, error)
        }
    }
}

/// A connection to a keeper's control socket, for one request.
final class ControlClient {
    let socket: FileDescriptor
    private let method: StaticString
    private var received = LineBuffer(longest: 64 << 20)

    /// Connects to the keeper of a session and asks.
    ///
    /// - Parameter parameters: as JSON.
    /// - Parameter timeout: how long a keeper that takes no connection is waited for, in ns.
    @inline(never) init(
        _ id: SessionID, in directory: borrowing FileDescriptor, _ method: StaticString,
        parameters: [UInt8] = Array("{}".utf8), timeout: Int64 = .seconds(2)
    ) throws(ControlFailure) {
        self.method = method
        do throws(SystemError) {
            let folder = try directory.openDirectory(SessionNames(id).folder)
            socket = try FileDescriptor.connected(
                to: SessionNames.controlSocket, in: folder, timeout: timeout)
        } catch {
            switch error.code {
            case ENOENT, ECONNREFUSED, EAGAIN: throw .unreachable
            default: throw .failed(error)
            }
        }
        try send(method, parameters)
    }

    /// Asks once more on the same connection. When that is closed no error number says why.
    func send(_ method: StaticString, _ parameters: [UInt8]) throws(ControlFailure) {
        let request = jsonObject(isLine: true) { json in
            json.member("jsonrpc", "2.0")
            json.member("id", 1)
            json.member("method", "\(method)")
            json.key("params")
            json.raw(parameters)
        }
        do throws(SystemError) { try socket.writeAll(request) } catch { throw .noAnswer }
    }

    /// Waits for the answer.
    ///
    /// - Parameter deadline: on the monotonic clock; nil waits as long as the connection lasts.
    func result(deadline: Int64? = nil) throws(ControlFailure) -> JSONValue {
        while true {
            if let result = try takeResult() { return result }
            try waitForBytes(deadline)
            try receive()
        }
    }

    /// Waits for the answer as a part of a loop, together with ``turn(_:)``.
    func prepare(_ set: PollSet) { set.add(socket, .input) }

    /// The answer, if it has come; nil otherwise.
    func turn(_ set: PollSet) throws(ControlFailure) -> JSONValue? {
        if set.readiness(of: socket).isEmpty { return nil }
        try receive()
        return try takeResult()
    }

    /// The answer, if it is there as a whole; what is no JSON is none.
    private func takeResult() throws(ControlFailure) -> JSONValue? {
        while let line = received.next() {
            if let answer = try? JSONValue.parse(line), answer["id"]?.intValue == 1 {
                return try result(of: answer)
            }
        }
        return nil
    }

    private func result(of answer: JSONValue) throws(ControlFailure) -> JSONValue {
        if let result = answer["result"] { return result }
        let error = answer["error"] ?? .null
        var message = ControlClient.text("message", error) ?? "the keeper gave no reason"
        let data = error["data"] ?? .null
        // wrong_state
        if let state = ControlClient.text("state", data), let wanted = ControlClient.text("wanted", data) {
            message = concat("can't ", method.description, ": the session is ", state, ", not ", wanted)
        }
        throw .refused(code: Int(error["code"]?.intValue ?? 0), message: message)
    }

    @inline(never) private static func text(_ name: String, _ value: JSONValue) -> String? {
        value[name]?.stringValue
    }

    /// Forgets answers that are not waited for.
    func discard() {
        var space = InlineArray<1024, UInt8>(repeating: 0)
        let number = socket.raw
        var bytes = space.mutableSpan
        bytes.withUnsafeMutableBufferPointer {
            _ = recv(number, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
    }

    private func waitForBytes(_ deadline: Int64?) throws(ControlFailure) {
        while true {
            var timeout: Int32 = -1
            if let deadline {
                timeout = Int32(clamping: max(0, deadline - monotonicNow() + 999_999) / 1_000_000)
            }
            var entry = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, timeout) > 0 { return }
            if let deadline, monotonicNow() >= deadline { throw .timedOut }
        }
    }

    private func receive() throws(ControlFailure) {
        do throws(SystemError) {
            let space = try received.room(for: 16 << 10)
            let count = recv(socket.raw, space.baseAddress, space.count, 0)
            if count == 0 { throw SystemError("recv", "", ECONNRESET) }
            received.grow(by: max(0, count))
        } catch {
            throw .noAnswer
        }
    }
}

extension ControlClient {
    /// Asks the keeper of a session that must be live.
    @inline(never) static func ask(
        _ id: SessionID, in directory: borrowing SessionsDirectory, _ method: StaticString,
        parameters: [UInt8] = Array("{}".utf8)
    ) throws(CommandFailure) -> ControlClient {
        _ = try LiveSession(id, in: directory)
        do throws(ControlFailure) {
            return try ControlClient(id, in: directory.descriptor, method, parameters: parameters)
        } catch {
            throw error.commandFailure(id)
        }
    }

    /// Waits for the answer on behalf of a command.
    @discardableResult
    func commandResult(of id: SessionID, deadline: Int64? = nil) throws(CommandFailure) -> JSONValue {
        do throws(ControlFailure) {
            return try result(deadline: deadline)
        } catch {
            throw error.commandFailure(id)
        }
    }
}

/// Asks sessions for the same thing, all at the same time or as many as there are descriptors for.
///
/// - Parameters:
///   - deadline: when to stop waiting, on the monotonic clock; nil waits as long as it takes.
///   - told: gets each answer, or why there is none.
func askAll(
    _ ids: [SessionID], in directory: borrowing SessionsDirectory, _ method: StaticString,
    parameters: [UInt8] = Array("{}".utf8), deadline: Int64? = nil,
    _ told: (SessionID, Result<JSONValue, CommandFailure>) -> Void
) {
    let atOnce = raiseDescriptorLimit()
    var asked: [(SessionID, ControlClient)] = []
    for (index, id) in ids.enumerated() {
        do throws(CommandFailure) {
            asked.append((id, try .ask(id, in: directory, method, parameters: parameters)))
        } catch {
            told(id, .failure(error))
        }
        if asked.count < atOnce && index < ids.count - 1 { continue }
        for (id, client) in asked {
            do throws(CommandFailure) {
                told(id, .success(try client.commandResult(of: id, deadline: deadline)))
            } catch {
                told(id, .failure(error))
            }
        }
        asked = []
    }
}
