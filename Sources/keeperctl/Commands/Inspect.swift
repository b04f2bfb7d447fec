import KeeperShared

let inspectCommand = Command("inspect", run: runInspect) {
    CommandSpec(
        $0, summary: "Print all that is known of sessions, as JSON",
        description: [
            "Prints one status object per line: that of the keeper if the session lives, else the last one in its files."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        examples: [
            ExampleSpec("keeperctl inspect calc | jq .child", "Shows the process of session calc.")
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// Prints the status objects of sessions, live or over.
func runInspect(_ context: Context) throws(CommandFailure) -> Int32 {
    let failures = FailureRecord()
    for id in try context.sessionIDs() {
        do throws(CommandFailure) {
            let directory = try context.directory(of: id)
            context.output.write(try statusCard(id, in: directory, isJSON: true))
        } catch {
            // The others are still wanted.
            failures.add(error)
        }
    }
    context.output.flush()
    return failures.status
}
