import CSystem
import KeeperShared

/// `turn`: one turn of a conversation with an agent's command line.
func runTurn(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    var message = arguments.operands[1].bytes
    if message.count == 1, message[0] == UInt8(ascii: "-") { message = try standardInput() }
    let until = arguments.value("until")?.bytes
    let name = arguments.value("protocol")
    let isLines = name?.equals("lines") ?? false
    if isLines != (until != nil) || until?.contains(10) ?? false {
        throw CommandFailure(
            ExitStatus.badUsage, "--protocol lines and --until TEXT, which is one line, need each other")
    }
    let language: TurnProtocol
    if isLines {
        language = LinesProtocol(message, until: until ?? [])
    } else if name?.equals("codex") ?? false {
        language = CodexProtocol(message)
    } else {
        language = StreamJSONProtocol(message)
    }
    let output = TurnOutput(context.output, isJSON: arguments.flag("json"))
    var turn: AgentTurn?
    do throws(CommandFailure) {
        turn = try AgentTurn(
            try Exchange(id, in: try context.directory(of: id), "turn of"), output, arguments)
        try turn?.run(language)
    } catch {
        let standardError = error.status >= ExitStatus.outcomeUnknown ? turn?.lastOfStandardError() : nil
        output.error(TurnExit.codes[Int(error.status)], error.text, standardError: standardError ?? [])
        throw error
    }
    return ExitStatus.done
}
