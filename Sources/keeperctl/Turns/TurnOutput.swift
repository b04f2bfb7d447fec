import CSystem
import KeeperShared

/// What a turn prints: the agent's text, or events as JSON lines.
final class TurnOutput {
    /// What the result says, as JSON; empty when the agent does not say it.
    struct Figures {
        var conversation: [UInt8] = []
        var model: [UInt8] = []
        var usage: [UInt8] = []
        var cost: [UInt8] = []
    }

    let isJSON: Bool
    /// What the protocol has found out for the result.
    var figures = Figures()
    /// Whether the agent has said anything.
    private(set) var hasText = false
    private let output: StandardOutput
    private var lastByte = UInt8(ascii: "\n")
    /// Ids of tool uses and of their results: some agents say them more than once.
    private var uses: [[UInt8]] = []
    private var results: [[UInt8]] = []

    init(_ output: StandardOutput, isJSON: Bool) {
        self.output = output
        self.isJSON = isJSON
    }

    func flush() { output.flush() }

    // MARK: Text

    /// Prints a piece of text.
    ///
    /// - Parameter parent: the id of the tool use within which somebody else says it, as JSON; empty for the agent
    ///   itself. Only the agent's own is shown to people.
    func text(_ text: [UInt8], parent: Bytes = Bytes(start: nil, count: 0)) {
        if text.isEmpty { return }
        if isJSON {
            var json = event("text")
            json.key("text")
            json.string(utf8: text)
            end(&json, parent)
        } else if parent.isEmpty {
            output.write(text)
        }
        if parent.isEmpty {
            hasText = true
            lastByte = text[text.count - 1]
        }
    }

    /// Begins a new line for people if the last one has not ended.
    func endLine() {
        if !isJSON, lastByte != UInt8(ascii: "\n") { output.write([UInt8(ascii: "\n")]) }
        lastByte = UInt8(ascii: "\n")
    }

    // MARK: Events

    /// The agent uses a tool. All as JSON, as in the others.
    func toolUse(_ id: Bytes, name: Bytes, input: Bytes, parent: Bytes = Bytes(start: nil, count: 0)) {
        if !isJSON || !isNew(id, &uses) { return }
        var json = event("toolUse")
        json.key("id")
        json.raw(verbatim: id)
        add("name", name, to: &json)
        add("input", input, to: &json)
        end(&json, parent)
    }

    /// A tool's result.
    func toolResult(
        _ id: Bytes, isError: Bool, content: Bytes, parent: Bytes = Bytes(start: nil, count: 0)
    ) {
        if !isJSON || !isNew(id, &results) { return }
        var json = event("toolResult")
        json.key("id")
        json.raw(verbatim: id)
        json.key("isError")
        json.bool(isError)
        add("content", content, to: &json)
        end(&json, parent)
    }

    private func isNew(_ id: Bytes, _ known: inout [[UInt8]]) -> Bool {
        if id.isEmpty { return false }
        for other in known where other.count == id.count && memcmp(other, id.baseAddress!, id.count) == 0 {
            return false
        }
        known.append(Array(id))
        return true
    }

    /// The agent has made its memory of the conversation shorter.
    func compaction(_ data: Bytes) {
        if !isJSON { return }
        var json = event("compaction")
        add("data", data, to: &json)
        end(&json)
    }

    /// The agent asks whoever listens, and may wait for an answer, which can be sent by `write`.
    func request(_ line: Bytes, _ what: String) {
        if isJSON {
            var json = event("request")
            add("request", line, to: &json)
            end(&json)
        } else {
            var text: [UInt8] = []
            appendLine(line, to: &text)
            printError(concat(what, ": the agent asks ", quoted(text, limit: 1000)))
        }
    }

    /// The turn is over. Times in ns.
    func result(isError: Bool, duration: Int64, firstOutput: Int64?) {
        if !isJSON { return endLine() }
        var json = event("result")
        json.key("isError")
        json.bool(isError)
        add("conversation", figures.conversation, to: &json)
        add("model", figures.model, to: &json)
        add("usage", figures.usage, to: &json)
        add("costUSD", figures.cost, to: &json)
        json.key("durationMs")
        json.integer(duration / 1_000_000)
        if let firstOutput {
            json.key("timeToFirstOutputMs")
            json.integer(firstOutput / 1_000_000)
        }
        end(&json)
    }

    /// The turn went wrong.
    func error(_ code: StaticString, _ message: String, standardError: [UInt8], _ what: String) {
        if isJSON {
            var json = event("error")
            json.key("code")
            json.string(utf8: Bytes(start: code.utf8Start, count: code.utf8CodeUnitCount))
            json.key("message")
            json.string(message)
            json.key("stderr")
            json.string(utf8: standardError)
            end(&json)
        } else {
            endLine()
        }
        flush()
        if isJSON || standardError.isEmpty { return }
        printError(concat(what, ": the last of its stderr:"))
        writeStandard(STDERR_FILENO, standardError)
        if standardError.last != UInt8(ascii: "\n") { writeStandard(STDERR_FILENO, [UInt8(ascii: "\n")]) }
    }

    private func event(_ type: StaticString) -> JSONWriter {
        var json = JSONWriter()
        json.beginObject()
        json.key("type")
        json.string(utf8: Bytes(start: type.utf8Start, count: type.utf8CodeUnitCount))
        return json
    }

    private func add(_ name: StaticString, _ value: Bytes, to json: inout JSONWriter) {
        if value.isEmpty { return }
        json.key(name)
        json.raw(verbatim: value)
    }

    private func add(_ name: StaticString, _ value: [UInt8], to json: inout JSONWriter) {
        value.withUnsafeBufferPointer { add(name, $0, to: &json) }
    }

    private func end(_ json: inout JSONWriter, _ parent: Bytes = Bytes(start: nil, count: 0)) {
        add("parentToolUseId", parent, to: &json)
        json.endObject()
        json.endLine()
        output.write(json.bytes)
    }
}
