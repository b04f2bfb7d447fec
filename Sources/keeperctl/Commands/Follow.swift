import CSystem
import KeeperShared

let followCommand = Command("follow", run: runFollow) {
    CommandSpec(
        $0, summary: "Print what sessions write and what state they are in, as a stream of JSON",
        description: [
            "Prints stream events, one object per line, as keeper-sessions(5) describes them: each line of output, each "
                + "change of state, and how many bytes are missing where output is gone. Goes on until its reader "
                + "leaves: through the end of a session, and with the next one under the ID.",
            "With --all, and with --label, sessions that come later are followed from their first byte.",
        ],
        operands: [OperandSpec("ID", .sessionID, .any)],
        groups: [
            OptionGroup("Choosing", [FollowOptions.all, FollowOptions.label]),
            OptionGroup("Options", [FollowOptions.from, FollowOptions.metrics]),
        ],
        examples: [
            ExampleSpec(
                "keeperctl follow calc | jq -r 'select(.type == \"output\").data.content'",
                "Prints what calc writes, session after session."),
            ExampleSpec(
                "keeperctl follow --all --from calc=0123456789abcdef:4096:0",
                "Follows all, and goes on in calc after the event that had this cursor."),
        ],
        exitStatuses: [
            ExitStatusSpec("1", "The directory can't be read, or the events can't be written.")
        ])
}

/// `follow`: tells what sessions write and how they are, as stream events, until the reader has gone.
func runFollow(_ context: Context) throws(CommandFailure) -> Int32 {
    let request = try FollowRequest(context)
    let directory = try context.makeDirectory()
    let sink = try attempt("follow", try StreamSink())
    let purpose = try attempt("follow", try FollowEvents(directory.descriptor, request, sink))
    let roster = try SessionRoster("session", directory.descriptor, request.ids, purpose)
    for resumption in request.resumptions { try attempt("follow", try purpose.resume(resumption, roster)) }
    try attempt("follow", try roster.watchAll())
    for id in request.ids where !roster.knows(id) {
        printError(concat("no session ", quoted(id.string), " yet; waiting for it"))
    }
    do throws(FollowFailure) {
        try roster.follow(sink.targets)
        return ExitStatus.done
    } catch {
        return try error.status("follow")
    }
}
