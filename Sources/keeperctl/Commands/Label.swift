import KeeperShared

extension Command {
    static let label = Command("label", run: runLabel) {
        CommandSpec(
            $0, summary: "Set or remove labels of a live session",
            description: ["NAME=VALUE sets a label, NAME= sets it to nothing, and NAME- removes it."],
            operands: [Shared.oneSession, OperandSpec("NAME=VALUE", .string, .oneOrMore)],
            examples: [
                ExampleSpec("keeperctl label calc app=demo owner-", "Sets one label and removes another.")
            ],
            exitStatuses: [Shared.done, ExitStatusSpec("1", "The session has ended."), Shared.noSession])
    }
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
    let directory = try context.directory(of: id)
    switch try SessionLookup(id, in: directory.descriptor) {
    case .none: throw CommandFailure.noSession(id, in: directory.path)
    case .foreign:
        throw CommandFailure(
            ExitStatus.failed, concat(id.string, ": its keeper is a foreign one, which keeps no labels"))
    case .dead, .over:
        throw CommandFailure(
            ExitStatus.failed, concat(id.string, ": the session is over, and its labels stay as they are"))
    case .live: break
    }
    do throws(ControlFailure) {
        _ = try ControlClient(id, in: directory.descriptor, "label", parameters: json.bytes).result()
    } catch {
        throw error.commandFailure(id)
    }
    return ExitStatus.done
}
