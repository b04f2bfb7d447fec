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
    /// The child knows the conversation: it was started or resumed now, not by somebody before.
    private var isOpen = false
    private var streamed = StreamedTexts()
    private var hasCompacted = false

    override func start(_ turn: Turn) throws(CommandFailure) {
        conversation = turn.keptConversation
        turn.output.figures.conversation = conversation
        turn.output.figures.model = turn.record.model
        var json = JSONWriter()
        json.beginObject()
        json.key("clientInfo")
        json.beginObject()
        json.key("name")
        json.string("keeperctl")
        json.key("title")
        json.string("keeperctl")
        json.key("version")
        json.string("\(keeperVersion)")
        json.endObject()
        json.endObject()
        try turn.send(request("initialize", json.bytes))
    }

    override func endsTurn(_ line: Bytes) -> Bool {
        guard let message = CallMessage(line) else { return false }
        return isNamed(message.method, "turn/completed")
    }

    override func take(_ line: Bytes, _ turn: Turn) throws(CommandFailure) {
        guard let message = CallMessage(line) else { return }
        if message.isAnswer {
            if requests.take(message.id) != nil { try takeAnswer(message, turn) }
        } else if !message.method.isEmpty, isOurs(message) {
            if message.id.isEmpty {
                takeNotification(message, turn)
            } else {
                turn.output.request(line, turn.exchange.what)
            }
        }
    }

    // MARK: Requests

    private func request(_ method: StaticString, _ parameters: [UInt8]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("id")
        json.raw(requests.add(nil, at: 0))
        json.key("method")
        json.string(utf8: Bytes(start: method.utf8Start, count: method.utf8CodeUnitCount))
        json.key("params")
        json.raw(parameters)
        json.endObject()
        json.endLine()
        return json.bytes
    }

    private func takeAnswer(_ message: CallMessage, _ turn: Turn) throws(CommandFailure) {
        let isError = !message.error.isEmpty
        switch step {
        case .initializing:
            // An error means, as far as can be known, that somebody has done it before. If not, the next one fails.
            var lines: [UInt8] = []
            if !isError { lines.append(literal: "{\"method\":\"initialized\"}\n") }
            if isError, !conversation.isEmpty {
                try startTurn(turn)
            } else {
                try turn.send(lines + openConversation())
            }
        case .conversing:
            if isError { throw failure(message, turn) }
            let id = jsonMember("id", of: jsonMember("thread", of: message.result))
            if id.first != UInt8(ascii: "\"") { throw failure(message, turn) }
            conversation = Array(id)
            isOpen = true
            turn.output.figures.conversation = conversation
            turn.output.figures.model = Array(jsonMember("model", of: message.result))
            try turn.keepConversation()
            try startTurn(turn)
        case .starting:
            if isError {
                // It knew us, but not the conversation.
                if isOpen { throw failure(message, turn) }
                return try turn.send(openConversation())
            }
            turnID = Array(jsonMember("id", of: jsonMember("turn", of: message.result)))
            step = .running
        case .running: break
        }
    }

    /// Starts a conversation, or resumes the one that the session's label names.
    private func openConversation() -> [UInt8] {
        step = .conversing
        if conversation.isEmpty { return request("thread/start", Array("{}".utf8)) }
        var json = JSONWriter()
        json.beginObject()
        json.key("threadId")
        json.raw(conversation)
        json.endObject()
        return request("thread/resume", json.bytes)
    }

    private func startTurn(_ turn: Turn) throws(CommandFailure) {
        step = .starting
        var json = JSONWriter()
        json.beginObject()
        json.key("threadId")
        json.raw(conversation)
        json.key("input")
        json.beginArray()
        json.text(message)
        json.endArray()
        json.endObject()
        try turn.begin(request("turn/start", json.bytes))
    }

    private func failure(_ message: CallMessage, _ turn: Turn) -> CommandFailure {
        let hint =
            step == .conversing && !conversation.isEmpty
            ? "; to begin a new conversation, remove the label 'conversation'" : ""
        return CommandFailure(
            TurnExit.agentError, concat(turn.exchange.what, ": ", CallMessage.text(of: message.error), hint))
    }

    // MARK: Notifications

    /// Whether a message is about this turn, as far as it says.
    private func isOurs(_ message: CallMessage) -> Bool {
        let thread = jsonMember("threadId", of: message.parameters)
        if !thread.isEmpty, !thread.elementsEqual(conversation) { return false }
        var id = jsonMember("turnId", of: message.parameters)
        if id.isEmpty { id = jsonMember("id", of: jsonMember("turn", of: message.parameters)) }
        if turnID.isEmpty {
            // The news of it may be faster than the answer.
            if step == .starting, isNamed(message.method, "turn/started") { turnID = Array(id) }
            return step == .starting
        }
        return id.isEmpty || id.elementsEqual(turnID)
    }

    private func takeNotification(_ message: CallMessage, _ turn: Turn) {
        let parameters = message.parameters
        let output = turn.output
        if isNamed(message.method, "item/agentMessage/delta") {
            let item = jsonMember("itemId", of: parameters)
            if !streamed.contains(item) { output.endLine() }
            var text: [UInt8] = []
            appendJSONString(jsonMember("delta", of: parameters), to: &text)
            streamed.add(item, text.count)
            output.text(text)
        } else if isNamed(message.method, "item/started") {
            takeItem(jsonMember("item", of: parameters), isDone: false, output)
        } else if isNamed(message.method, "item/completed") {
            takeItem(jsonMember("item", of: parameters), isDone: true, output)
        } else if isNamed(message.method, "thread/compacted") {
            compact(Bytes(start: nil, count: 0), output)
        } else if isNamed(message.method, "thread/tokenUsage/updated") {
            output.figures.usage = Array(jsonMember("tokenUsage", of: parameters))
        } else if isNamed(message.method, "model/rerouted") {
            output.figures.model = Array(jsonMember("toModel", of: parameters))
        } else if isNamed(message.method, "error") {
            // One after which it tries again is only news.
            if jsonMember("willRetry", of: parameters).first == UInt8(ascii: "t") { return }
            turn.fail(CallMessage.text(of: jsonMember("error", of: parameters)))
        } else if isNamed(message.method, "turn/completed") {
            takeEnd(jsonMember("turn", of: parameters), parameters, turn)
        }
    }

    private func takeItem(_ item: Bytes, isDone: Bool, _ output: TurnOutput) {
        let id = jsonMember("id", of: item)
        let type = jsonMember("type", of: item)
        if isJSONString(type, "agentMessage") {
            if !isDone { return }
            var text: [UInt8] = []
            appendJSONString(jsonMember("text", of: item), to: &text)
            let printed = streamed.take(id)
            if printed == 0 { output.endLine() }
            text.removeFirst(min(printed, text.count))
            return output.text(text)
        }
        if isJSONString(type, "contextCompaction") { return compact(item, output) }
        // Neither of them is the use of a tool.
        for other: StaticString in ["userMessage", "reasoning", "plan", "enteredReviewMode", "exitedReviewMode"]
        where isJSONString(type, other) { return }
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

    private func takeEnd(_ end: Bytes, _ parameters: Bytes, _ turn: Turn) {
        for holder in [parameters, end] {
            let usage = jsonMember("usage", of: holder)
            if !usage.isEmpty { turn.output.figures.usage = Array(usage) }
        }
        let status = jsonMember("status", of: end)
        if isJSONString(status, "failed") {
            turn.fail(CallMessage.text(of: jsonMember("error", of: end)))
        } else if isJSONString(status, "interrupted") {
            turn.fail("it was interrupted")
        }
        turn.finish()
    }

    /// Whether a method has this name, with slashes or with dots.
    private func isNamed(_ method: Bytes, _ name: StaticString) -> Bool {
        guard method.count == name.utf8CodeUnitCount + 2 else { return false }
        for index in 0..<name.utf8CodeUnitCount {
            let byte = method[index + 1]
            if (byte == UInt8(ascii: ".") ? UInt8(ascii: "/") : byte) != name.utf8Start[index] { return false }
        }
        return true
    }
}
