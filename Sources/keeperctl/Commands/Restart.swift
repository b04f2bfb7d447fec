import CSystem
import KeeperShared

let restartCommand = Command("restart", run: runRestart) {
    CommandSpec(
        $0, summary: "Start the commands of sessions anew",
        description: [
            "Ends each command as 'kill' would and starts it again, in the same session: output goes on in the same journal, and "
                + "writers wait meanwhile. Returns when all have been started."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)], groups: [changeOptions],
        examples: [
            ExampleSpec("keeperctl restart api worker", "Restarts two sessions at the same time.")
        ], exitStatuses: changeStatuses)
}

let pauseCommand = Command("pause", run: runPause) {
    CommandSpec(
        $0, summary: "Stop the processes of sessions where they are",
        description: [
            "All processes of the command's group get STOP; what is sent to the session waits."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)], groups: [changeOptions],
        examples: [ExampleSpec("keeperctl pause import", "Leaves the processor to others.")],
        exitStatuses: changeStatuses)
}

let resumeCommand = Command("resume", run: runResume) {
    CommandSpec(
        $0, summary: "Let the processes of paused sessions go on",
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        groups: [changeOptions],
        examples: [ExampleSpec("keeperctl resume import", "Goes on where the session was paused.")],
        exitStatuses: changeStatuses)
}

/// Starts the commands of sessions anew.
func runRestart(_ context: Context) throws(CommandFailure) -> Int32 { try changeSessions("restart", context) }

/// Stops the processes of sessions where they are.
func runPause(_ context: Context) throws(CommandFailure) -> Int32 { try changeSessions("pause", context) }

/// Lets the processes of sessions go on.
func runResume(_ context: Context) throws(CommandFailure) -> Int32 { try changeSessions("resume", context) }

private var changeOptions: OptionGroup {
    OptionGroup("Options", [changeTimeout])
}

private var changeStatuses: [ExitStatusSpec] {
    [
        Shared.done, ExitStatusSpec("1", "The session is in a state that doesn't allow it."),
        Shared.noSession, Shared.timedOut,
    ]
}

/// Of ``changeSessions(_:_:parameters:whenDone:)``.
var changeTimeout: Option<Int64> {
    Shared.timeout.explained("Stop waiting after this time; what was asked for goes on")
}

/// Asks the sessions that the operands name, or all live ones, and then waits for each.
func changeSessions(
    _ method: StaticString, _ context: Context, all isAll: Bool = false,
    parameters: [UInt8] = Array("{}".utf8),
    whenDone: (SessionID, JSONValue) -> Void = { _, _ in }
) throws(CommandFailure) -> Int32 {
    try forSessions(context, all: isAll) { directory, ids in
        let failures = FailureRecord()
        askAll(ids, in: directory, method, parameters: parameters, deadline: context.deadline) { id, answer in
            switch answer {
            case .success(let result): whenDone(id, result)
            case .failure(let failure): failures.add(failure)
            }
        }
        return failures.status
    }
}
