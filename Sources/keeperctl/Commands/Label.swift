import KeeperShared

let labelCommand = Command("label", run: runLabel) {
    CommandSpec(
        $0, summary: "Set or remove labels of a live session",
        description: ["NAME=VALUE sets a label, NAME= sets it to nothing, and NAME- removes it."],
        operands: [Shared.oneSession, OperandSpec("NAME=VALUE", .string, .oneOrMore)],
        examples: [
            ExampleSpec("keeperctl label calc app=demo owner-", "Sets one label and removes another.")
        ],
        exitStatuses: [Shared.done, Shared.noSession])
}

/// Changes the labels of a live session.
func runLabel(_ context: Context) throws(CommandFailure) -> Int32 {
    let operands = context.arguments.operands
    let id = try context.sessionID(operands[0])
    var json = JSONWriter()
    json.beginObject()
    for operand in operands.dropFirst() {
        let bytes = operand.bytes
        if let sign = bytes.firstIndex(of: UInt8(ascii: "=")), sign > 0 {
            json.key(String(decoding: bytes[..<sign], as: UTF8.self))
            json.string(utf8: Array(bytes[(sign + 1)...]))
        } else if bytes.count > 1, bytes.last == UInt8(ascii: "-"), !bytes.contains(UInt8(ascii: "=")) {
            json.key(String(decoding: bytes.dropLast(), as: UTF8.self))
            json.null()
        } else {
            throw CommandFailure(
                ExitStatus.badUsage, concat(quoted(bytes), " is neither NAME=VALUE nor NAME- to remove one"))
        }
    }
    json.endObject()
    try ControlClient.ask(id, in: try context.directory(of: id), "label", parameters: json.bytes)
        .commandResult(of: id)
    return ExitStatus.done
}
