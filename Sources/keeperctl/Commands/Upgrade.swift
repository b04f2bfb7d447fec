import CSystem
import KeeperShared

let upgradeCommand = Command("upgrade", run: runUpgrade) {
    CommandSpec(
        $0, summary: "Let live sessions go on under another keeper binary",
        description: [
            "Each keeper goes on as the new binary in the same process: its PID, lock, sockets, connections, child and "
                + "pipes stay, and no byte is lost or doubled. A binary that can't take over is refused, and the session "
                + "goes on as it was. Prints the id and the new version of each."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore, unless: "all")],
        groups: [OptionGroup("Options", [UpgradeOptions.all, UpgradeOptions.path, changeTimeout])],
        examples: [
            ExampleSpec(
                "keeperctl upgrade --all", "Moves all sessions to a new version without ending any.")
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec("1", "The old binary goes on; the message says why."), Shared.noSession,
            Shared.timedOut,
        ])
}

/// The options of `upgrade`.
enum UpgradeOptions {
    static let all = Flag("all", help: "Upgrade every live session")
    static let path: Option<Argument> = Option(
        "path", .path, "BINARY", help: "Go on as this keeper",
        describedDefault: "the keeper beside this keeperctl")
}

/// Lets live sessions go on under another binary of the keeper, by default the one beside this program.
func runUpgrade(_ context: Context) throws(CommandFailure) -> Int32 {
    let given = context.arguments[UpgradeOptions.path]?.bytes ?? Array(keeperPath().utf8)
    let path = absolutePath(given)
    if access(String(decoding: path, as: UTF8.self), X_OK) != 0 {
        throw CommandFailure(
            ExitStatus.failed,
            concat(
                quoted(path), " can't be executed: ", errorText(csys_errno()),
                "; name the new keeper with --path"))
    }
    let parameters = jsonObject { $0.member("path", utf8: path) }
    return try changeSessions(
        "upgrade", context, all: context.arguments[UpgradeOptions.all], parameters: parameters
    ) { id, result in
        context.output.write(concat(id.string, " ", result["version"]?.stringValue ?? "", "\n"))
        context.output.flush()
    }
}
