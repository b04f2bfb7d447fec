import CSystem
import KeeperShared

let spawnCommand = Command("spawn", run: runSpawn) {
    CommandSpec(
        $0, summary: "Start a command as a session and return",
        description: [
            "Prints the session's ID, a short random one if none is given. The session lives on when the "
                + "caller, its terminal or its service ends."
        ],
        operands: [OperandSpec("ID", .sessionID, .optional)], trailing: .required,
        groups: [
            OptionGroup(
                "Waiting",
                [SpawnOptions.wait, Shared.timeout.explained("Stop waiting after this time")]),
            EnvironmentOptions.group,
        ] + SessionOptions.groups + [UnitOptions.group()],
        examples: [
            ExampleSpec("keeperctl spawn calc -- bc -q", "Starts bc as session calc."),
            ExampleSpec(
                "id=$(keeperctl spawn --rm --env TZ=UTC -- jq --unbuffered -c .)",
                "Starts jq under a random ID and leaves no files when it ends."),
        ],
        exitStatuses: [
            ExitStatusSpec("0", "The command runs."),
            ExitStatusSpec("1", "It could not be started."),
            ExitStatusSpec("4", "Timed out; the session goes on."),
            ExitStatusSpec("5", "A session of this ID is already running."),
        ])
}

/// The options of `spawn`.
enum SpawnOptions {
    enum Goal: String, CaseIterable { case started, ready, none }

    static let wait: Setting<Goal> = Setting(
        "wait", .choice, "started|ready|none",
        help: "Return when the command runs, when it is ready, or at once", default: "started")
}

/// `spawn`: starts a session and prints its id.
func runSpawn(_ context: Context) throws(CommandFailure) -> Int32 {
    let arguments = context.arguments
    let wait = arguments[SpawnOptions.wait]
    let deadline = context.deadline
    let starter = try SessionStarter(
        context, isWaitedFor: wait != .none, removesFiles: arguments[SessionOptions.removesFiles])
    let keeper = try starter.start(deadline: deadline)
    if wait == .ready { try awaitReady(keeper, deadline: deadline) }
    context.output.write(concat(keeper.id.string, "\n"))
    context.output.flush()
    return ExitStatus.done
}

/// Waits until a session is ready.
func awaitReady(_ keeper: StartedKeeper, deadline: Int64?) throws(CommandFailure) {
    let what = concat("session ", keeper.id.string)
    while true {
        switch try keeper.next(deadline: deadline) {
        case .none:
            throw CommandFailure(
                ExitStatus.timedOut, concat(what, ": not ready in time; it goes on, see 'keeperctl status'"))
        case .ready: return
        case .started: continue
        case .failed(let status, _, let text): throw CommandFailure(status, concat(what, ": ", text))
        case .ended:
            throw CommandFailure(
                ExitStatus.failed, concat(what, ": it ended before it was ready, with exit 0"))
        case .closed:
            throw CommandFailure(ExitStatus.failed, concat(what, ": its keeper died before it was ready"))
        }
    }
}

/// Starts a session under the id that was given, or under a new one.
final class SessionStarter {
    let launcher: KeeperLauncher
    let directory: FileDescriptor
    let path: String
    private let id: SessionID?

    init(
        _ context: Context, isWaitedFor: Bool, removesFiles: Bool, awaitsReader: Bool = false
    ) throws(CommandFailure) {
        id = context.arguments.operands.isEmpty ? nil : try context.sessionID(context.arguments.operands[0])
        let sessions = try context.makeDirectory()
        path = sessions.path
        directory = sessions.takeDescriptor()
        launcher = KeeperLauncher(
            context: context, directoryPath: path, isWaitedFor: isWaitedFor, removesFiles: removesFiles,
            awaitsReader: awaitsReader)
    }

    /// Returns once the child runs, or at once when the caller doesn't wait for that.
    ///
    /// - Throws: why it could not be started; nothing is left behind then.
    func start(deadline: Int64?) throws(CommandFailure) -> StartedKeeper {
        var attempts = 0
        while true {
            attempts += 1
            do throws(CommandFailure) {
                if let id { return try start(id, deadline: deadline) }
                return try start(try SessionStarter.randomID(), deadline: deadline)
            } catch {
                // An id that was made up may be taken by chance.
                if id != nil || error.status != ExitStatus.conflict || attempts == 10 { throw error }
            }
        }
    }

    private func start(_ id: SessionID, deadline: Int64?) throws(CommandFailure) -> StartedKeeper {
        let keeper = try launcher.start(id, in: directory)
        if !launcher.isWaitedFor {
            // Only until it is settled which process has the session: what ends the caller would end the others.
            _ = try keeper.next(deadline: deadline)
            return keeper
        }
        switch try keeper.next(deadline: deadline) {
        case .started, .ready: return keeper
        case .none:
            throw CommandFailure(
                ExitStatus.timedOut, concat("start session ", id.string, ": timed out; it may still start"))
        case .failed(let status, let execError, let text):
            throw CommandFailure(status, text, execError: execError)
        case .ended, .closed: throw died(keeper)
        }
    }

    /// The keeper ended without a word on the pipe: what it wrote to standard error is all there is.
    private func died(_ keeper: StartedKeeper) -> CommandFailure {
        let output = keeper.errorOutput()
        let name = SessionNames(keeper.id).launchLog
        if output.isEmpty {
            return CommandFailure(
                ExitStatus.failed,
                concat("start session ", keeper.id.string, ": its keeper died without a word"))
        }
        // For later readers; its first line is told in any case.
        try? directory.replace(name, with: output)
        let line = output.prefix { $0 != UInt8(ascii: "\n") }
        // A usage error of the keeper is one of this command's.
        return CommandFailure(
            ExitStatus.badUsage,
            concat(
                "start session ", keeper.id.string, ": ", String(decoding: line, as: UTF8.self), " (", path,
                "/", name, ")"))
    }

    /// Six letters and digits: short enough to type, 30 bits.
    private static func randomID() throws(CommandFailure) -> SessionID {
        var number = randomNumber()
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
        var text: [UInt8] = []
        for _ in 0..<6 {
            text.append(alphabet[Int(number & 31)])
            number >>= 5
        }
        do throws(SessionIDError) {
            return try SessionID(bytes: text)
        } catch {
            throw CommandFailure(ExitStatus.failed, error.message)
        }
    }
}
