import KeeperShared

extension Command {
    static let inspect = Command("inspect", run: runInspect) {
        CommandSpec(
            $0, summary: "Print all that is known of sessions, as JSON",
            description: [
                "One status object per line: the live keeper's own word, or what an ended one has left."
            ],
            operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
            examples: [
                ExampleSpec("keeperctl inspect calc | jq .child", "Shows the process of session calc.")
            ], exitStatuses: [Shared.done, Shared.noSession])
    }
}

/// Prints the status objects of sessions, live or over.
func runInspect(_ context: Context) throws(CommandFailure) -> Int32 {
    var status = ExitStatus.done
    for id in try context.sessionIDs() {
        do throws(CommandFailure) {
            let directory = try context.directory(of: id)
            context.output.write(try statusCard(id, in: directory, isJSON: true))
        } catch {
            // The others are still wanted.
            printError(error.text)
            status = error.status
        }
    }
    context.output.flush()
    return status
}
