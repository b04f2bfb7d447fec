import KeeperShared

/// The parts of a JSON-RPC line that tell for whom it is. They point into the line's own bytes.
struct CallMessage {
    let line: Bytes
    /// Empty without it, as the others.
    private(set) var id = Bytes.none
    private(set) var method = Bytes.none
    private(set) var parameters = Bytes.none
    private(set) var result = Bytes.none
    private(set) var error = Bytes.none

    /// nil for what is no JSON object, as programs write between their messages.
    @inline(never) init?(_ line: Bytes) {
        self.line = line
        var members = JSONMembers(line)
        while members.next() {
            if isJSONString(members.name, "id") {
                id = members.value
            } else if isJSONString(members.name, "method"), members.value[0] == UInt8(ascii: "\"") {
                // Some programs write all members that a message may have, those that it lacks as null.
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

    /// Whether it tells something and wants no answer.
    var isNotification: Bool { !method.isEmpty && (id.isEmpty || id[0] == UInt8(ascii: "n")) }

    /// Appends the line, with another id if that is not empty.
    @inline(never) func append(withID other: [UInt8], to bytes: inout [UInt8]) {
        var start = 0
        if !other.isEmpty, let place = id.baseAddress {
            let end = place - line.baseAddress!
            appendLine(Bytes(rebasing: line[..<end]), to: &bytes)
            bytes += other
            start = end + id.count
        }
        appendLine(Bytes(rebasing: line[start...]), to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// What an error says.
    @inline(never) static func reason(_ error: Bytes) -> String {
        let reason = stringText(of: jsonMember("message", of: error))
        return reason.isEmpty ? "it gave no reason" : quoted(reason, limit: 500)
    }
}

/// Checks that bytes from the command line or a file are JSON, an object or else an array, and puts them on one line.
func checkedJSON(_ bytes: [UInt8], _ name: String, objectOnly: Bool) throws(CommandFailure) -> [UInt8] {
    var problem = objectOnly ? "it is no JSON object" : "it is no JSON object or array"
    do throws(JSONError) {
        let value = try JSONValue.parse(bytes)
        if value.members != nil || !objectOnly && value.arrayValue != nil { problem = "" }
    } catch {
        problem = error.message
    }
    if !problem.isEmpty {
        throw CommandFailure(
            ExitStatus.badUsage, concat(name, " ", quoted(bytes), " can't be sent: ", problem))
    }
    // Between values line ends are space, and inside strings there can't be any.
    var line = bytes
    for index in line.indices where line[index] == 10 || line[index] == 13 { line[index] = 32 }
    return line
}
