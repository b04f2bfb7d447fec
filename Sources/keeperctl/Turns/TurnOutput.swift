import CSystem
import KeeperShared

/// What a turn prints: the agent's text, or events as JSON lines.
final class TurnOutput {
    /// What the result says, each as JSON; empty when the agent does not say it.
    enum Figure: Int {
        case conversation, model, usage, cost
    }

    let isJSON: Bool
    /// Whether the agent has said anything.
    private(set) var hasText = false
    private var figures: [[UInt8]] = [[], [], [], []]
    private let output: StandardOutput
    private var lastByte = UInt8(ascii: "\n")
    /// Ids of tool uses and of their results, each with a letter: some agents say them more than once.
    private var known: [[UInt8]] = []

    init(_ output: StandardOutput, isJSON: Bool) {
        self.output = output
        self.isJSON = isJSON
    }

    func flush() { output.flush() }

    /// What was found out last; empty for nothing.
    func figure(_ figure: Figure) -> [UInt8] { figures[figure.rawValue] }

    /// Notes something for the result, if it was said.
    @inline(never) func note(_ figure: Figure, _ value: Bytes) {
        if !value.isEmpty, value[0] != UInt8(ascii: "n") { figures[figure.rawValue] = ownedBytes(value) }
    }

    // MARK: Text

    /// Prints a piece of text.
    ///
    /// - Parameter parent: the id of the tool use within which somebody else says it, as JSON; empty for the agent
    ///   itself. Only the agent's own is shown to people.
    func text(_ text: Bytes, parent: Bytes = .none) {
        guard let last = text.last else { return }
        if isJSON {
            var json = event("text")
            json.part(",\"text\":")
            json.string(utf8: text)
            end(&json, parent)
        } else if parent.isEmpty {
            output.write(ownedBytes(text))
        }
        if parent.isEmpty {
            hasText = true
            lastByte = last
        }
    }

    @inline(never) func text(_ text: [UInt8], from start: Int = 0, parent: Bytes = .none) {
        text.withUnsafeBufferPointer {
            self.text(Bytes(rebasing: $0[min(start, $0.count)...]), parent: parent)
        }
    }

    /// Begins a new line for people if the last one has not ended.
    func endLine() {
        if !isJSON, lastByte != UInt8(ascii: "\n") { output.write([UInt8(ascii: "\n")]) }
        lastByte = UInt8(ascii: "\n")
    }

    // MARK: Events

    /// The agent uses a tool. All as JSON, as in the others.
    func toolUse(_ id: Bytes, name: Bytes, input: Bytes, parent: Bytes = .none) {
        if !isNew(id, UInt8(ascii: "u")) { return }
        var json = event("toolUse")
        add("id", id, to: &json)
        add("name", name, to: &json)
        add("input", input, to: &json)
        end(&json, parent)
    }

    /// A tool's result.
    func toolResult(_ id: Bytes, isError: Bool, content: Bytes, parent: Bytes = .none) {
        if !isNew(id, UInt8(ascii: "r")) { return }
        var json = event("toolResult")
        add("id", id, to: &json)
        json.part(isError ? ",\"isError\":true" : ",\"isError\":false")
        add("content", content, to: &json)
        end(&json, parent)
    }

    private func isNew(_ id: Bytes, _ kind: UInt8) -> Bool {
        if id.isEmpty || !isJSON { return false }
        var key = ownedBytes(id)
        key.append(kind)
        for other in known where other.count == key.count && memcmp(other, key, key.count) == 0 {
            return false
        }
        known.append(key)
        return true
    }

    /// The agent has made its memory of the conversation shorter.
    func compaction(_ data: Bytes) {
        if !isJSON { return }
        var json = event("compaction")
        add("data", data, to: &json)
        end(&json)
    }

    /// The agent asks its user, and may wait for an answer, which can be sent by `write`.
    func request(_ line: Bytes, _ what: String) {
        if !isJSON {
            return printError(concat(what, ": the agent asks ", quoted(ownedBytes(line), limit: 1000)))
        }
        var json = event("request")
        add("request", line, to: &json)
        end(&json)
    }

    /// The turn is over. Times in ns.
    func result(isError: Bool, duration: Int64, firstOutput: Int64) {
        if !isJSON { return endLine() }
        var json = event("result")
        json.part(isError ? ",\"isError\":true" : ",\"isError\":false")
        let names: [StaticString] = ["conversation", "model", "usage", "costUSD"]
        for index in names.indices {
            figures[index].withUnsafeBufferPointer { add(names[index], $0, to: &json) }
        }
        json.part(",\"durationMs\":")
        json.integer(duration / 1_000_000)
        if firstOutput >= 0 {
            json.part(",\"timeToFirstOutputMs\":")
            json.integer(firstOutput / 1_000_000)
        }
        end(&json)
    }

    /// The turn went wrong.
    func error(_ code: StaticString, _ message: String, standardError: [UInt8]) {
        endLine()
        if isJSON {
            var json = event("error")
            json.part(",\"code\":\"")
            json.part(code)
            json.part("\",\"message\":")
            json.string(message)
            json.part(",\"stderr\":")
            json.string(utf8: standardError)
            end(&json)
        }
        flush()
        if isJSON || standardError.isEmpty { return }
        printError("the last of the agent's stderr:")
        writeStandard(STDERR_FILENO, standardError)
        if standardError.last != UInt8(ascii: "\n") { writeStandard(STDERR_FILENO, [UInt8(ascii: "\n")]) }
    }

    @inline(never) private func event(_ type: StaticString) -> JSONWriter {
        var json = JSONWriter()
        json.part("{\"type\":\"")
        json.part(type)
        json.part("\"")
        return json
    }

    /// Adds a member with a value that is JSON, if there is one.
    @inline(never) private func add(_ name: StaticString, _ value: Bytes, to json: inout JSONWriter) {
        if value.isEmpty { return }
        json.part(",\"")
        json.part(name)
        json.part("\":")
        json.raw(verbatim: value)
    }

    @inline(never) private func end(_ json: inout JSONWriter, _ parent: Bytes = .none) {
        add("parentToolUseId", parent, to: &json)
        json.part("}\n")
        output.write(json.bytes)
    }
}
