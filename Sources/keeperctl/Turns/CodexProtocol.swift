import CSystem
import KeeperShared

/// JSON-RPC as `codex app-server` speaks it: a conversation is started or resumed, a turn is started, and
/// notifications tell of it up to `turn/completed`. Their names may have dots in place of slashes.
final class CodexProtocol: TurnProtocol {
    private enum Step {
        case initializing, conversing, starting, running
    }

    private var step = Step.initializing
    private var requests = CallRequests(timeout: 0, longest: 0)
    /// As JSON; empty as long as they are not known.
    private var conversation: [UInt8] = []
    private var turnID: [UInt8] = []
    /// The child knows the conversation: this process has started or resumed it.
    private var isOpen = false
    private var streamed = StreamedTexts()
    private var hasCompacted = false

    override func start(_ turn: AgentTurn) throws(CommandFailure) {
        conversation = turn.keptConversation
        conversation.withUnsafeBufferPointer { turn.output.note(.conversation, $0) }
        turn.record.model.withUnsafeBufferPointer { turn.output.note(.model, $0) }
        var json = request(
            "\"initialize\",\"params\":{\"clientInfo\":{\"name\":\"keeperctl\",\"title\":\"keeperctl\",\"version\":\""
        )
        json.part(keeperVersion)
        json.part("\"}}}\n")
        try turn.send(json.bytes)
    }

    override func endsTurn(_ line: Bytes) -> Bool {
        guard let message = CallMessage(line) else { return false }
        return isNamed(message.method, "turn/completed")
    }

    override func take(_ line: Bytes, _ turn: AgentTurn) throws(CommandFailure) {
        guard let message = CallMessage(line) else { return }
        if message.isAnswer {
            if requests.take(message.id) != nil { try takeAnswer(message, turn) }
        } else if !message.method.isEmpty, isOurs(message) {
            if message.isNotification {
                takeNotification(message, turn)
            } else {
                turn.output.request(line, turn.exchange.what)
            }
        }
    }

    // MARK: Requests

    /// The beginning of a request, with the method's name and what of the parameters is always the same.
    private func request(_ start: StaticString, after lines: StaticString = "") -> JSONWriter {
        var json = JSONWriter()
        json.part(lines)
        json.part("{\"id\":")
        json.raw(requests.add([], at: 0))
        json.part(",\"method\":")
        json.part(start)
        return json
    }

    private func takeAnswer(_ message: CallMessage, _ turn: AgentTurn) throws(CommandFailure) {
        let isError = !message.error.isEmpty
        switch step {
        case .initializing:
            // An error most likely means that another client has done it before. If not, the next request fails.
            if isError, !conversation.isEmpty { return try startTurn(turn) }
            try openConversation(turn, after: isError ? "" : "{\"method\":\"initialized\"}\n")
        case .conversing:
            let id = jsonMember("id", of: jsonMember("thread", of: message.result))
            if id.first != UInt8(ascii: "\"") { throw failure(message, turn) }
            conversation = ownedBytes(id)
            isOpen = true
            turn.output.note(.conversation, id)
            turn.output.note(.model, jsonMember("model", of: message.result))
            turn.keepConversation()
            try startTurn(turn)
        case .starting:
            if isError {
                if isOpen { throw failure(message, turn) }
                // It knew us, but not the conversation.
                return try openConversation(turn)
            }
            turnID = ownedBytes(jsonMember("id", of: jsonMember("turn", of: message.result)))
            step = .running
        case .running: break
        }
    }

    /// Starts a conversation, or resumes the one that the session's label names.
    private func openConversation(_ turn: AgentTurn, after lines: StaticString = "") throws(CommandFailure) {
        step = .conversing
        var json: JSONWriter
        if conversation.isEmpty {
            json = request("\"thread/start\",\"params\":{", after: lines)
        } else {
            json = request("\"thread/resume\",\"params\":{\"threadId\":", after: lines)
            json.raw(conversation)
        }
        json.part("}}\n")
        try turn.send(json.bytes)
    }

    private func startTurn(_ turn: AgentTurn) throws(CommandFailure) {
        step = .starting
        var json = request("\"turn/start\",\"params\":{\"threadId\":")
        json.raw(conversation)
        json.part(",\"input\":[")
        json.block(message)
        json.part("]}}\n")
        try turn.begin(json.bytes)
    }

    private func failure(_ message: CallMessage, _ turn: AgentTurn) -> CommandFailure {
        turn.fail(CallMessage.reason(message.error))
        let isResumed = step == .conversing && !conversation.isEmpty
        return turn.agentFailure(
            isResumed ? "; a new conversation begins when the session's label 'conversation' is removed" : "")
    }

    // MARK: Notifications

    /// Whether a message is about this turn; one that names no turn is.
    private func isOurs(_ message: CallMessage) -> Bool {
        let thread = jsonMember("threadId", of: message.parameters)
        if !thread.isEmpty, !isSame(thread, conversation) { return false }
        var id = jsonMember("turnId", of: message.parameters)
        if id.isEmpty { id = jsonMember("id", of: jsonMember("turn", of: message.parameters)) }
        if turnID.isEmpty {
            // The news of it may be faster than the answer.
            if step == .starting, isNamed(message.method, "turn/started") { turnID = ownedBytes(id) }
            return step == .starting
        }
        return id.isEmpty || isSame(id, turnID)
    }

    private func takeNotification(_ message: CallMessage, _ turn: AgentTurn) {
        let parameters = message.parameters
        let output = turn.output
        if isNamed(message.method, "item/agentMessage/delta") {
            let text = stringText(of: jsonMember("delta", of: parameters))
            if streamed.add(jsonMember("itemId", of: parameters), text.count) { output.endLine() }
            output.text(text)
        } else if isNamed(message.method, "item/started") {
            takeItem(jsonMember("item", of: parameters), isDone: false, output)
        } else if isNamed(message.method, "item/completed") {
            takeItem(jsonMember("item", of: parameters), isDone: true, output)
        } else if isNamed(message.method, "thread/compacted") {
            compact(.none, output)
        } else if isNamed(message.method, "thread/tokenUsage/updated") {
            output.note(.usage, jsonMember("tokenUsage", of: parameters))
        } else if isNamed(message.method, "model/rerouted") {
            output.note(.model, jsonMember("toModel", of: parameters))
        } else if isNamed(message.method, "error") {
            // One after which it tries again is only news.
            if jsonMember("willRetry", of: parameters).first == UInt8(ascii: "t") { return }
            turn.fail(CallMessage.reason(jsonMember("error", of: parameters)))
        } else if isNamed(message.method, "turn/completed") {
            let end = jsonMember("turn", of: parameters)
            output.note(.usage, jsonMember("usage", of: parameters))
            output.note(.usage, jsonMember("usage", of: end))
            let status = jsonMember("status", of: end)
            if isJSONString(status, "failed") || isJSONString(status, "interrupted") {
                let error = jsonMember("error", of: end)
                turn.fail(error.count > 4 ? CallMessage.reason(error) : quoted(stringText(of: status)))
            }
            turn.finish()
        }
    }

    private func takeItem(_ item: Bytes, isDone: Bool, _ output: TurnOutput) {
        let id = jsonMember("id", of: item)
        let type = jsonMember("type", of: item)
        if isJSONString(type, "agentMessage") {
            if !isDone { return }
            let printed = streamed.take(id)
            if printed == 0 { output.endLine() }
            return output.text(stringText(of: jsonMember("text", of: item)), from: printed)
        }
        if isJSONString(type, "contextCompaction") { return compact(item, output) }
        // These are no uses of tools.
        if isJSONString(type, "userMessage") || isJSONString(type, "reasoning") || isJSONString(type, "plan")
            || isJSONString(type, "enteredReviewMode") || isJSONString(type, "exitedReviewMode")
        {
            return
        }
        let tool = jsonMember("tool", of: item)
        output.toolUse(id, name: tool.isEmpty ? type : tool, input: item)
        if !isDone { return }
        let status = jsonMember("status", of: item)
        output.toolResult(
            id, isError: isJSONString(status, "failed") || isJSONString(status, "declined"), content: item)
    }

    private func compact(_ item: Bytes, _ output: TurnOutput) {
        if !hasCompacted { output.compaction(item) }
        hasCompacted = true
    }

    /// Whether a method has this name, with slashes or with dots.
    @inline(never) private func isNamed(_ method: Bytes, _ name: StaticString) -> Bool {
        guard method.count == name.utf8CodeUnitCount + 2 else { return false }
        for index in 0..<name.utf8CodeUnitCount {
            let byte = method[index + 1]
            if (byte == UInt8(ascii: ".") ? UInt8(ascii: "/") : byte) != name.utf8Start[index] {
                return false
            }
        }
        return true
    }
}
