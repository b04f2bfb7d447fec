import KeeperShared

/// Commands that ask and wait for the answer.
extension Commands {
    static let call = CommandSpec(
        "call", summary: "Ask a session by JSON-RPC and print the answer",
        description: [
            "Sends a request of JSON-RPC 2.0, a line to the command's input, and waits for the answer on its "
                + "stdout. The result is printed on stdout, an error on stderr. The id is random, so that many "
                + "may call at the same time.",
            "ID.METHOD is understood too. IDs may have dots: the longest ID of a live session counts. PARAMS is a "
                + "JSON object or array, or '-' for standard input.",
            "With --raw or --batch an id of the request's own is replaced on the way, and is in the answer again "
                + "where that is printed whole; a message without id is delivered and not answered.",
        ],
        operands: [
            OperandSpec("ID", .string), OperandSpec("METHOD", .string, .optional),
            OperandSpec("PARAMS", .string, .optional),
        ],
        groups: [
            OptionGroup(
                "Asking",
                [
                    OptionSpec("raw", .string, "JSON", help: "Send this message", excludes: ["batch"]),
                    OptionSpec(
                        flag: "batch",
                        help:
                            "Send the messages on standard input, one on each line, as they come; print whole "
                            + "answers as they come"),
                ]),
            OptionGroup(
                "Waiting",
                [
                    OptionSpec(
                        "timeout", .duration, "DURATION",
                        help: "Give up when there is no answer after this time, or no room for the request",
                        default: .value("30s")),
                    OptionSpec(
                        "progress", .string, "METHOD",
                        help: "Wait 60s from each notification of this name on, if that is longer",
                        default: .value("notifications/progress")),
                    OptionSpec(
                        "max-timeout", .duration, "DURATION", help: "But never longer than this",
                        default: .value("10m")),
                ]),
            OptionGroup(
                "Output",
                [
                    OptionSpec(flag: "full", help: "Print the whole answer, also if it is an error"),
                    OptionSpec(
                        flag: "notifications",
                        help: "Print what else the session says meanwhile, as JSON on stderr"),
                ]),
        ],
        examples: [
            ExampleSpec("keeperctl call mcp tools/list", "Asks an MCP server for its tools."),
            ExampleSpec(
                "keeperctl call mcp.tools/call '{\"name\":\"now\",\"arguments\":{}}' | jq .content",
                "Has it use one."),
            ExampleSpec(
                "keeperctl call mcp --batch < requests.ndjson > answers.ndjson",
                "Asks many things without waiting in between."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The answer is a result."),
            ExitStatusSpec("1", "The answer is an error, or the request was refused."),
            ExitStatusSpec("3", "No such session, or it ended before it answered."),
            ExitStatusSpec("4", "No answer in time."),
            ExitStatusSpec("6", "The session ended and may have got the request or not."),
        ])

    static let turn = CommandSpec(
        "turn", summary: "Have one turn of a conversation with an agent",
        description: [
            "Sends MESSAGE ('-' is standard input) to an agent's command line and prints what it answers until it "
                + "is done. The agent's own id of the conversation is kept as the session's label 'conversation'.",
            "Protocols: stream-json is one user message, and events up to the one of type \"result\". codex is "
                + "JSON-RPC: the conversation that the label names is resumed, or one is started. lines is "
                + "MESSAGE as it is, and lines up to the one that --until names.",
            "A session has one turn at a time: a second one is busy, or waits with --wait. If the one who had the "
                + "turn was killed or gave up, what the agent still says to that one's message is passed over first: "
                + "to its end, or to a silence of --silence-timeout, or of --echo-timeout behind an error.",
        ],
        operands: [Shared.oneSession, OperandSpec("MESSAGE", .string)],
        groups: [
            OptionGroup(
                "Options",
                [
                    OptionSpec(
                        "protocol", .choice(["stream-json", "codex", "lines"]), "stream-json|codex|lines",
                        help: "What the agent speaks", default: .value("stream-json")),
                    OptionSpec(
                        "until", .string, "TEXT",
                        help:
                            "With lines: the line that ends the turn, or a prompt at the end without line feed"
                    ),
                    Shared.json,
                    OptionSpec(flag: "wait", help: "Wait while somebody else has a turn"),
                    OptionSpec(
                        "echo-timeout", .duration, "DURATION",
                        help: "Give up when there is no output at all after this time", default: .value("10s")
                    ),
                    OptionSpec(
                        "silence-timeout", .duration, "DURATION",
                        help: "Give up when there is no more output for this time", default: .value("180s")),
                ])
        ],
        examples: [
            ExampleSpec(
                "keeperctl turn agent 'What does this project do?'", "Prints the answer as it comes."),
            ExampleSpec(
                "keeperctl turn --json --protocol codex agent - < question.txt | jq -c .", "Prints events."),
            ExampleSpec(
                "keeperctl turn --protocol lines --until '>>> ' python 'print(6*7)'",
                "Asks an interpreter, up to its next prompt. As 'python3 -i' prompts on stderr, the session was "
                    + "started by 'spawn --merge-stderr'."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "The message could not be sent."),
            ExitStatusSpec("3", "No such session, or it is over."),
            ExitStatusSpec("5", "Somebody else has a turn (busy)."),
            ExitStatusSpec("6", "The session ended and may have got the message or not (unknown)."),
            ExitStatusSpec("7", "No output in time (echoTimeout)."),
            ExitStatusSpec("8", "No more output in time (silenceTimeout)."),
            ExitStatusSpec("9", "The agent reports an error (agentError)."),
            ExitStatusSpec("10", "The agent ended in the middle of the turn (ended)."),
        ])
}
