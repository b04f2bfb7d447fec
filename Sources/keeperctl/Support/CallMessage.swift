import KeeperShared

/// A line of JSON-RPC, as far as it matters for who it is for. The parts are of the line's own bytes.
struct CallMessage {
    /// Empty without it, as the others.
    private(set) var id: Bytes
    private(set) var method: Bytes
    private(set) var parameters: Bytes
    private(set) var result: Bytes
    private(set) var error: Bytes
    private let line: Bytes

    /// nil for what is no JSON object, as programs write between their messages.
    init?(_ line: Bytes) {
        self.line = line
        id = Bytes(rebasing: line[..<0])
        method = id
        parameters = id
        result = id
        error = id
        var members = JSONMembers(line)
        while members.next() {
            if isJSONString(members.name, "id") {
                id = members.value
            } else if isJSONString(members.name, "method") {
                method = members.value
            } else if isJSONString(members.name, "params") {
                parameters = members.value
            } else if isJSONString(members.name, "result") {
                result = members.value
            } else if isJSONString(members.name, "error"), members.value[0] != UInt8(ascii: "n") {
                // An answer that is no error may say so by null.
                error = members.value
            }
        }
        if !members.isWhole { return nil }
    }

    /// Whether it answers a request. One that is echoed has a method.
    var isAnswer: Bool { !id.isEmpty && method.isEmpty && !(result.isEmpty && error.isEmpty) }

    /// Appends the line with another id.
    func append(withID other: [UInt8], to bytes: inout [UInt8]) {
        let start = id.baseAddress! - line.baseAddress!
        appendLine(Bytes(rebasing: line[..<start]), to: &bytes)
        bytes += other
        appendLine(Bytes(rebasing: line[(start + id.count)...]), to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// What an error says.
    static func text(of error: Bytes) -> String {
        var text: [UInt8] = []
        appendJSONString(jsonMember("message", of: error), to: &text)
        return text.isEmpty ? "it gave no reason" : quoted(text, limit: 500)
    }
}

/// Checks that bytes from the command line or a file are JSON, an object or else an array, and puts them on one line.
func checkedJSON(_ bytes: [UInt8], _ name: String, objectOnly: Bool) throws(CommandFailure) -> [UInt8] {
    let value: JSONValue
    do throws(JSONError) {
        value = try JSONValue.parse(bytes)
    } catch {
        throw CommandFailure(
            ExitStatus.badUsage, concat(name, " ", quoted(bytes), " is not JSON: ", error.message))
    }
    if value.members == nil, objectOnly || value.arrayValue == nil {
        throw CommandFailure(
            ExitStatus.badUsage,
            concat(name, " ", quoted(bytes), objectOnly ? " is no JSON object" : " is no JSON object or array"))
    }
    // Between values line ends are space, and inside strings there can't be any.
    var line = bytes
    for index in line.indices where line[index] == 10 || line[index] == 13 { line[index] = 32 }
    return line
}
