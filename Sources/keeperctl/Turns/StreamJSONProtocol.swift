import CSystem
import KeeperShared

/// One message of type "user" goes in; events come, one on each line, up to one of type "result".
///
/// The names are those of `--input-format stream-json --output-format stream-json`, which several agents share.
final class StreamJSONProtocol: TurnProtocol {
    /// Texts that came in pieces and will come as a whole.
    private var streamed = StreamedTexts()
    /// Hashes of messages that were seen: one that has an id and comes twice counts once.
    private var seen: [UInt64] = []

    override func start(_ turn: AgentTurn) throws(CommandFailure) {
        var json = JSONWriter()
        json.part("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[")
        json.block(message)
        json.part("]},\"parent_tool_use_id\":null,\"session_id\":\"\"}\n")
        try turn.begin(json.bytes)
    }

    override func endsTurn(_ line: Bytes) -> Bool {
        var members = JSONMembers(line)
        var isResult = false
        while members.next() {
            if isJSONString(members.name, "type"), isJSONString(members.value, "result") { isResult = true }
        }
        return isResult && members.isWhole
    }

    override func take(_ line: Bytes, _ turn: AgentTurn) throws(CommandFailure) {
        var type = Bytes.none
        var subtype = Bytes.none
        var content = Bytes.none
        var parent = Bytes.none
        var conversation = Bytes.none
        var hasID = false
        var members = JSONMembers(line)
        while members.next() {
            let value = members.value
            if isJSONString(members.name, "type") {
                type = value
            } else if isJSONString(members.name, "subtype") {
                subtype = value
            } else if isJSONString(members.name, "message") || isJSONString(members.name, "event")
                || isJSONString(members.name, "compact_metadata")
            {
                content = value
            } else if isJSONString(members.name, "parent_tool_use_id") {
                if value[0] == UInt8(ascii: "\"") { parent = value }
            } else if isJSONString(members.name, "session_id") {
                conversation = value
            } else if isJSONString(members.name, "uuid") {
                hasID = true
            }
        }
        // What is no JSON is what programs write between.
        if !members.isWhole { return }
        if isJSONString(type, "assistant") {
            if !hasID || !isRepeated(line) { takeMessage(content, parent, turn.output) }
        } else if isJSONString(type, "user") {
            takeBlocks(jsonMember("content", of: content), parent, turn.output)
        } else if isJSONString(type, "stream_event") {
            if parent.isEmpty { takePiece(content, turn.output) }
        } else if isJSONString(type, "system") {
            if isJSONString(subtype, "init") {
                turn.output.note(.conversation, conversation)
                turn.output.note(.model, jsonMember("model", of: line))
                turn.keepConversation()
            } else if isJSONString(subtype, "compact_boundary") {
                turn.output.compaction(content)
            }
        } else if isJSONString(type, "result") {
            turn.output.note(.conversation, conversation)
            turn.keepConversation()
            takeEnd(line, subtype, turn)
        } else if isJSONString(type, "error") {
            let error = jsonMember("error", of: line)
            turn.fail(
                error.first == UInt8(ascii: "\"")
                    ? quoted(stringText(of: error), limit: 500)
                    : CallMessage.reason(error.first == UInt8(ascii: "{") ? error : line))
        } else if isJSONString(type, "control_request") {
            turn.output.request(line, turn.exchange.what)
        }
    }

    private func isRepeated(_ line: Bytes) -> Bool {
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in line { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for other in seen where other == hash { return true }
        seen.append(hash)
        return false
    }

    // MARK: Messages

    private func takeMessage(_ message: Bytes, _ parent: Bytes, _ output: TurnOutput) {
        let model = jsonMember("model", of: message)
        // What the program says itself has this for a model.
        if parent.isEmpty, !isJSONString(model, "<synthetic>") { output.note(.model, model) }
        let content = jsonMember("content", of: message)
        if content.first == UInt8(ascii: "\"") { return takeText(content, parent, output) }
        takeBlocks(content, parent, output, isAgent: true)
    }

    private func takeBlocks(_ content: Bytes, _ parent: Bytes, _ output: TurnOutput, isAgent: Bool = false) {
        var blocks = JSONMembers(content)
        while blocks.next() {
            let block = blocks.value
            let type = jsonMember("type", of: block)
            if isAgent, isJSONString(type, "text") {
                takeText(jsonMember("text", of: block), parent, output)
            } else if ends(type, "tool_use\"") {
                output.toolUse(
                    jsonMember("id", of: block), name: jsonMember("name", of: block),
                    input: jsonMember("input", of: block), parent: parent)
            } else if ends(type, "tool_result\"") {
                output.toolResult(
                    jsonMember("tool_use_id", of: block),
                    isError: isTrue(jsonMember("is_error", of: block)),
                    content: jsonMember("content", of: block), parent: parent)
            }
        }
    }

    private func takeText(_ value: Bytes, _ parent: Bytes, _ output: TurnOutput) {
        let printed = parent.isEmpty ? streamed.take() : 0
        if printed == 0, parent.isEmpty { output.endLine() }
        output.text(stringText(of: value), from: printed, parent: parent)
    }

    /// A piece of what is being said, as agents send them on demand.
    private func takePiece(_ event: Bytes, _ output: TurnOutput) {
        let type = jsonMember("type", of: event)
        if isJSONString(type, "message_start") { return streamed.removeAll() }
        guard isJSONString(type, "content_block_delta") else { return }
        let delta = jsonMember("delta", of: event)
        guard isJSONString(jsonMember("type", of: delta), "text_delta") else { return }
        let text = stringText(of: jsonMember("text", of: delta))
        if streamed.add(jsonMember("index", of: event), text.count) { output.endLine() }
        output.text(text)
    }

    // MARK: The end

    private func takeEnd(_ line: Bytes, _ subtype: Bytes, _ turn: AgentTurn) {
        let output = turn.output
        output.note(.usage, jsonMember("usage", of: line))
        output.note(.cost, jsonMember("total_cost_usd", of: line))
        var reason = stringText(of: jsonMember("result", of: line))
        turn.finish()
        if isTrue(jsonMember("is_error", of: line)) || !(subtype.isEmpty || isJSONString(subtype, "success"))
        {
            if reason.isEmpty {
                var errors = JSONMembers(jsonMember("errors", of: line))
                reason = stringText(of: errors.next() ? errors.value : subtype)
            }
            turn.fail(quoted(reason, limit: 500))
        } else if !output.hasText {
            // Some say it only here.
            output.text(reason)
        }
    }

    private func isTrue(_ value: Bytes) -> Bool { value.first == UInt8(ascii: "t") }

    /// Whether a string, with its quotes, ends like this.
    private func ends(_ string: Bytes, _ end: StaticString) -> Bool {
        let start = string.count - end.utf8CodeUnitCount
        return start > 0 && memcmp(string.baseAddress! + start, end.utf8Start, end.utf8CodeUnitCount) == 0
    }
}
