import KeeperShared

/// Options and texts that several commands share.
enum Shared {
    static let oneSession = OperandSpec("ID", .sessionID)
    static let json = Flag("json", help: "Print JSON, one object per line")

    static let timeout: Option<Int64> = Option(
        "timeout", .duration, "DURATION", help: "Stop waiting after this time", describedDefault: "no limit")

    static let done = ExitStatusSpec("0", "Done.")
    static let noSession = ExitStatusSpec("3", "No such session, or it is over.")
    static let timedOut = ExitStatusSpec("4", "Timed out.")
}
