import KeeperShared

/// What scripts learn from a command's end.
enum ExitStatus {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let badUsage: Int32 = 2
    static let noSession: Int32 = 3
    static let timedOut: Int32 = 4
    static let conflict: Int32 = 5
    static let outcomeUnknown: Int32 = 6
}

/// A command that could not do its work: one line for people and a status for scripts.
struct CommandFailure: Error {
    let status: Int32
    let text: String
    /// Why a command can't be executed; 0 when something else is wrong.
    let execError: Int32

    init(_ status: Int32, _ text: String, execError: Int32 = 0) {
        self.status = status
        self.text = text
        self.execError = execError
    }

    /// A system call that failed, with what was being done.
    init(_ what: String, _ error: SystemError) {
        self.init(ExitStatus.failed, concat(what, ": ", error.reason))
    }

    /// The session is known, but has no keeper any more that could do what was asked for.
    @inline(never)
    static func sessionOver(_ id: SessionID) -> CommandFailure {
        CommandFailure(
            ExitStatus.noSession,
            concat("session ", id.string, " is over; 'keeperctl status ", id.string, "' says how it ended"))
    }

    @inline(never)
    static func noSession(_ id: SessionID, in path: String) -> CommandFailure {
        CommandFailure(
            ExitStatus.noSession,
            concat("no session ", quoted(id.string), " in ", path, "; 'keeperctl ls -a' lists all there are"))
    }
}

/// The value of an expression that may fail in the system.
///
/// - Parameter what: what is being done, for the message.
func attempt<Result: ~Copyable>(
    _ what: @autoclosure () -> String, _ body: @autoclosure () throws(SystemError) -> Result
) throws(CommandFailure) -> Result {
    do throws(SystemError) { return try body() } catch { throw CommandFailure(what(), error) }
}

/// A command that does its work for many sessions goes on after a failure, and ends with the status of the first.
final class FailureRecord {
    private(set) var status = ExitStatus.done

    /// Says what went wrong.
    func add(_ failure: CommandFailure) {
        printError(failure.text)
        note(failure.status)
    }

    /// Notes what was said already.
    func note(_ status: Int32) {
        if self.status == ExitStatus.done { self.status = status }
    }
}
