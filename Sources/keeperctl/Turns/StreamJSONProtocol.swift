import CSystem
import KeeperShared

/// One message of type "user" goes in; events come, one on each line, up to one of type "result".
///
/// The names are those of `--input-format stream-json --output-format stream-json`, which several agents share.
final class StreamJSONProtocol: TurnProtocol {
    /// Texts that came in pieces and will come as a whole.
    private var streamed = StreamedTexts()
    private var blockNumber = 0
    /// Lines with ids of their own that were seen: a line that comes twice counts once.
    private var seen: [UInt64] = []

    override func start(_ turn: Turn) throws(CommandFailure) {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        json.string("user")
        json.key("message")
        json.beginObject()
        json.key("role")
        json.string("user")
        json.key("content")
        json.beginArray()
        json.text(message)
        json.endArray()
        json.endObject()
        json.key("parent_tool_use_id")
        json.null()
        json.key("session_id")
        json.string("")
        json.endObject()
        json.endLine()
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

    override func take(_ line: Bytes, _ turn: Turn) throws(CommandFailure) {
        let none = Bytes(rebasing: line[..<0])
        var (type, subtype, message, event, parent, conversation) = (none, none, none, none, none, none)
        var hasID = false
        var members = JSONMembers(line)
        while members.next() {
            let value = members.value
            if isJSONString(members.name, "type") {
                type = value
            } else if isJSONString(members.name, "subtype") {
                subtype = value
            } else if isJSONString(members.name, "message") {
                message = value
            } else if isJSONString(members.name, "event") {
                event = value
            } else if isJSONString(members.name, "parent_tool_use_id"), value[0] == UInt8(ascii: "\"") {
                parent = value
            } else if isJSONString(members.name, "session_id"), value[0] == UInt8(ascii: "\"") {
                conversation = value
            } else if isJSONString(members.name, "uuid") {
                hasID = true
            }
        }
        // What is no JSON is what programs write between.
        if !members.isWhole { return }
        if isJSONString(type, "assistant") {
            if hasID, isRepeated(line) { return }
            takeMessage(message, parent, turn)
        } else if isJSONString(type, "user") {
            takeResults(jsonMember("content", of: message), parent, turn)
        } else if isJSONString(type, "stream_event") {
            if parent.isEmpty { takePiece(event, turn) }
        } else if isJSONString(type, "system") {
            if isJSONString(subtype, "init") {
                turn.output.figures.conversation = Array(conversation)
                turn.output.figures.model = Array(jsonMember("model", of: line))
                try turn.keepConversation()
            } else if isJSONString(subtype, "compact_boundary") {
                turn.output.compaction(jsonMember("compact_metadata", of: line))
            }
        } else if isJSONString(type, "result") {
            if !conversation.isEmpty { turn.output.figures.conversation = Array(conversation) }
            try takeEnd(line, subtype, turn)
        } else if isJSONString(type, "error") {
            let error = jsonMember("error", of: line)
            turn.fail(CallMessage.text(of: error.first == UInt8(ascii: "{") ? error : line))
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

    private func takeMessage(_ message: Bytes, _ parent: Bytes, _ turn: Turn) {
        let model = jsonMember("model", of: message)
        // What the program says itself has this for a model.
        if parent.isEmpty, model.count > 2, !isJSONString(model, "<synthetic>") {
            turn.output.figures.model = Array(model)
        }
        let content = jsonMember("content", of: message)
        if content.first == UInt8(ascii: "\"") { return takeText(content, parent, turn) }
        var blocks = JSONMembers(content)
        while blocks.next() {
            let block = blocks.value
            let type = jsonMember("type", of: block)
            if isJSONString(type, "text") {
                takeText(jsonMember("text", of: block), parent, turn)
            } else if ends(type, "tool_use\"") {
                turn.output.toolUse(
                    jsonMember("id", of: block), name: jsonMember("name", of: block),
                    input: jsonMember("input", of: block), parent: parent)
            } else {
                takeResult(block, type, parent, turn)
            }
        }
    }

    private func takeText(_ value: Bytes, _ parent: Bytes, _ turn: Turn) {
        var text: [UInt8] = []
        appendJSONString(value, to: &text)
        let printed = parent.isEmpty ? streamed.take() : 0
        if printed > 0 {
            text.removeFirst(min(printed, text.count))
        } else if parent.isEmpty {
            turn.output.endLine()
        }
        turn.output.text(text, parent: parent)
    }

    private func takeResults(_ content: Bytes, _ parent: Bytes, _ turn: Turn) {
        var blocks = JSONMembers(content)
        while blocks.next() { takeResult(blocks.value, jsonMember("type", of: blocks.value), parent, turn) }
    }

    private func takeResult(_ block: Bytes, _ type: Bytes, _ parent: Bytes, _ turn: Turn) {
        guard ends(type, "tool_result\"") else { return }
        turn.output.toolResult(
            jsonMember("tool_use_id", of: block), isError: isTrue(jsonMember("is_error", of: block)),
            content: jsonMember("content", of: block), parent: parent)
    }

    /// A piece of what is being said, as agents send them on demand.
    private func takePiece(_ event: Bytes, _ turn: Turn) {
        let type = jsonMember("type", of: event)
        if isJSONString(type, "message_start") {
            streamed.removeAll()
        } else if isJSONString(type, "content_block_start") {
            let block = jsonMember("content_block", of: event)
            if isJSONString(jsonMember("type", of: block), "text") { turn.output.endLine() }
        } else if isJSONString(type, "content_block_delta") {
            let delta = jsonMember("delta", of: event)
            guard isJSONString(jsonMember("type", of: delta), "text_delta") else { return }
            var text: [UInt8] = []
            appendJSONString(jsonMember("text", of: delta), to: &text)
            streamed.add(jsonMember("index", of: event), text.count)
            turn.output.text(text)
        }
    }

    // MARK: The end

    private func takeEnd(_ line: Bytes, _ subtype: Bytes, _ turn: Turn) throws(CommandFailure) {
        turn.output.figures.usage = Array(jsonMember("usage", of: line))
        turn.output.figures.cost = Array(jsonMember("total_cost_usd", of: line))
        var text: [UInt8] = []
        appendJSONString(jsonMember("result", of: line), to: &text)
        let isError = isTrue(jsonMember("is_error", of: line))
        if isError || !(subtype.isEmpty || isJSONString(subtype, "success")) {
            if text.isEmpty {
                var errors = JSONMembers(jsonMember("errors", of: line))
                if errors.next() { appendJSONString(errors.value, to: &text) }
            }
            if text.isEmpty { appendJSONString(subtype, to: &text) }
            turn.fail(quoted(text, limit: 500))
        } else if !turn.output.hasText {
            // Some say it only here.
            turn.output.text(text)
        }
        try turn.keepConversation()
        turn.finish()
    }

    private func isTrue(_ value: Bytes) -> Bool { value.first == UInt8(ascii: "t") }

    /// Whether a string, with its quotes, ends like this.
    private func ends(_ string: Bytes, _ end: StaticString) -> Bool {
        let start = string.count - end.utf8CodeUnitCount
        return start > 0 && memcmp(string.baseAddress! + start, end.utf8Start, end.utf8CodeUnitCount) == 0
    }
}

extension JSONWriter {
    /// A block of text, as several agents have it.
    mutating func text(_ text: [UInt8]) {
        beginObject()
        key("type")
        string("text")
        key("text")
        string(utf8: text)
        endObject()
    }
}
