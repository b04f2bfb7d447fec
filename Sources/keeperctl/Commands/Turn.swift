import CSystem
import KeeperShared

let turnCommand = Command("turn", run: runTurn) {
    CommandSpec(
        $0, summary: "Have one turn of a conversation with an agent",
        description: [
            "Sends MESSAGE ('-' is standard input) to an agent's command line and prints what it answers until it "
                + "is done. The agent's own id of the conversation is kept as the session's label 'conversation'.",
            "Protocols: stream-json is one user message, and events up to the one of type \"result\". codex is "
                + "JSON-RPC: the conversation that the label names is resumed, or one is started. lines is "
                + "MESSAGE as it is, and lines up to the one that --until names.",
            "A session has one turn at a time: a second one is busy, or waits with --wait. If the caller before was "
                + "killed or gave up, what the agent still answers to its message is skipped first: to the end of "
                + "the answer, or to a silence of --silence-timeout, or of --echo-timeout after an error.",
        ],
        operands: [Shared.oneSession, OperandSpec("MESSAGE", .string)],
        groups: [
            OptionGroup(
                "Options",
                [
                    TurnOptions.dialect, TurnOptions.until, Shared.json, TurnOptions.wait,
                    TurnOptions.echoTimeout, TurnOptions.silenceTimeout,
                ])
        ],
        examples: [
            ExampleSpec(
                "keeperctl turn agent 'What does this project do?'", "Prints the answer as it comes."),
            ExampleSpec(
                "keeperctl turn --json --protocol codex agent - < question.txt | jq -c .",
                "Prints events."),
            ExampleSpec(
                "keeperctl turn --protocol lines --until '>>> ' python 'print(6*7)'",
                "Asks an interpreter, up to its next prompt. As 'python3 -i' prompts on stderr, the session was "
                    + "started by 'spawn --merge-stderr'."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "The message could not be sent."),
            ExitStatusSpec("3", "No such session, or it is over."),
            ExitStatusSpec("5", "Another caller has a turn (busy)."),
            ExitStatusSpec("6", "The session ended and may have got the message or not (unknown)."),
            ExitStatusSpec("7", "No output in time (echoTimeout)."),
            ExitStatusSpec("8", "No more output in time (silenceTimeout)."),
            ExitStatusSpec("9", "The agent reports an error (agentError)."),
            ExitStatusSpec("10", "The agent ended in the middle of the turn (ended)."),
        ])
}

/// The options of `turn`.
enum TurnOptions {
    enum Dialect: String, CaseIterable {
        case streamJSON = "stream-json"
        case codex, lines
    }

    static let dialect: Setting<Dialect> = Setting(
        "protocol", .choice, "stream-json|codex|lines", help: "What the agent speaks", default: "stream-json")
    static let until: Option<Argument> = Option(
        "until", .string, "TEXT",
        help: "With lines: the line that ends the turn, or a prompt at the end without line feed")
    static let wait = Flag("wait", help: "Wait while another caller has a turn")
    static let echoTimeout: Setting<Int64> = Setting(
        "echo-timeout", .duration, "DURATION", help: "Give up when there is no output at all after this time",
        default: "10s")
    static let silenceTimeout: Setting<Int64> = Setting(
        "silence-timeout", .duration, "DURATION", help: "Give up when there is no more output for this time",
        default: "180s")
}

/// `turn`: one turn of a conversation with an agent's command line.
func runTurn(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let id = try context.sessionID(arguments.operands[0])
    var message = arguments.operands[1].bytes
    if message.count == 1, message[0] == UInt8(ascii: "-") { message = try standardInput() }
    let until = arguments[TurnOptions.until]?.bytes
    let dialect = arguments[TurnOptions.dialect]
    let isLines = dialect == .lines
    if isLines != (until != nil) || until?.contains(10) ?? false {
        throw CommandFailure(
            ExitStatus.badUsage, "--protocol lines and --until TEXT, which is one line, need each other")
    }
    let language: TurnProtocol =
        switch dialect {
        case .lines: LinesProtocol(message, until: until ?? [])
        case .codex: CodexProtocol(message)
        case .streamJSON: StreamJSONProtocol(message)
        }
    let output = TurnOutput(context.output, isJSON: arguments[Shared.json])
    var turn: AgentTurn?
    do throws(CommandFailure) {
        turn = try AgentTurn(
            try Exchange(id, in: try context.directory(of: id), "turn of"), output,
            echoTimeout: arguments[TurnOptions.echoTimeout],
            silenceTimeout: arguments[TurnOptions.silenceTimeout], waits: arguments[TurnOptions.wait])
        try turn?.run(language)
    } catch {
        let standardError = error.status >= ExitStatus.outcomeUnknown ? turn?.lastOfStandardError() : nil
        output.error(TurnExit.codes[Int(error.status)], error.text, standardError: standardError ?? [])
        throw error
    }
    return ExitStatus.done
}
