import CSystem
import KeeperShared

let waitCommand = Command("wait", run: runWait) {
    CommandSpec(
        $0, summary: "Wait until sessions have ended or are ready",
        description: [
            "For the end, prints ID and exit code of each session: 128 plus the signal if one ended it. "
                + "This also holds for sessions that remove their files then (--rm)."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore)],
        groups: [
            OptionGroup(
                "Options",
                [WaitOptions.goal, Shared.timeout.explained("Stop waiting after this time")])
        ],
        examples: [
            ExampleSpec("keeperctl wait build test", "Waits until both have ended."),
            ExampleSpec(
                "keeperctl wait --for ready --timeout 10s server", "Waits until a server is ready."),
        ],
        exitStatuses: [
            Shared.done,
            ExitStatusSpec(
                "1", "A session ended before it was ready, or how it ended can't be known."),
            Shared.noSession,
            Shared.timedOut,
        ])
}

/// The options of `wait`.
enum WaitOptions {
    enum Goal: String, CaseIterable { case exit, ready }

    static let goal: Setting<Goal> = Setting(
        "for", .choice, "exit|ready", help: "What to wait for", default: "exit")
}

/// Waits until sessions are over, or ready.
func runWait(_ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.distinctSessionIDs()
    let directory = try context.directory(of: ids[0])
    let isForReady = context.arguments[WaitOptions.goal] == .ready
    let deadline = context.deadline
    let waiting = Waiting(isForReady: isForReady, deadline: deadline, context.output)
    let roster = try SessionRoster("session", directory.descriptor, ids, waiting)
    // Before the first look: what is there now is known, whatever becomes of it.
    roster.watchAdded()
    var missing = ids
    while true {
        var rest: [SessionID] = []
        for id in missing where !(try waiting.find(id, in: directory, roster)) { rest.append(id) }
        if rest.isEmpty { break }
        missing = rest
        if let deadline, monotonicNow() >= deadline { throw ControlFailure.timedOut.commandFailure(rest[0]) }
        // Nothing in the directory tells of a keeper that has not come so far; it takes milliseconds.
        pause(nanoseconds: .milliseconds(10))
    }
    do throws(FollowFailure) {
        try roster.follow([])
    } catch {
        return try error.status("wait")
    }
    context.output.flush()
    return waiting.status
}

/// A keeper removes its empty launch log when it has started; one that can't start writes why into it.
private func startIsUnderWay(
    _ names: SessionNames, in directory: borrowing FileDescriptor
) throws(CommandFailure) -> Bool {
    let log = try attempt(
        concat("session ", names.id.string), try directory.metadata(of: names.launchLog))
    guard let log else { return false }
    return log.size == 0 && time(nil) - log.modified <= 10
}

/// The sessions that are waited for, and what is told of them.
private final class Waiting: FollowPurpose {
    /// What the first that went wrong has told.
    private(set) var status = ExitStatus.done
    let isForReady: Bool
    private let deadline: Int64?
    private let output: StandardOutput
    private var foreign: [ForeignKeeper] = []
    /// How often a live session was found without a status and without a folder that is new.
    private var looksWithoutStatus = 0
    private static let patience = 100

    init(isForReady: Bool, deadline: Int64?, _ output: StandardOutput) {
        self.isForReady = isForReady
        self.deadline = deadline
        self.output = output
    }

    /// Begins to wait for a session.
    ///
    /// - Returns: false when it is only starting: after `spawn --wait none` its keeper may not own the id yet.
    func find(
        _ id: SessionID, in directory: borrowing SessionsDirectory, _ roster: SessionRoster
    ) throws(CommandFailure) -> Bool {
        let names = SessionNames(id)
        // Asked before the look, so that a start that is through in between is seen.
        let isStarting = try startIsUnderWay(names, in: directory.descriptor)
        switch try SessionLookup(id, in: directory.descriptor) {
        case .live(_, let status):
            if status != nil { return try add(names, names.folder, directory, roster, isOver: false) }
            // Without a status the folder is mostly not in its place yet.
            if try add(names, names.newFolder, directory, roster, isOver: false) { return true }
            looksWithoutStatus += 1
            // It is in its place, and the disk has taken no status of it.
            return looksWithoutStatus < Waiting.patience
                ? false : try add(names, names.folder, directory, roster, isOver: false)
        case .foreign(let keeper):
            if isForReady { return true }
            if let keeper, let handle = ProcessHandle.open(pid: keeper) {
                foreign.append(ForeignKeeper(id, handle))
            } else {
                tell(id, nil)
            }
            return true
        case .dead(let status):
            if status != nil, try add(names, names.folder, directory, roster, isOver: true) { return true }
            end(id, nil, wasReady: false)
            return true
        case .over:
            if isStarting { return false }
            return try add(names, names.folder, directory, roster, isOver: true)
        case .none:
            if !isStarting { throw .noSession(id, in: directory.path) }
            return false
        }
    }

    private func add(
        _ names: SessionNames, _ name: String, _ directory: borrowing SessionsDirectory,
        _ roster: SessionRoster,
        isOver: Bool
    ) throws(CommandFailure) -> Bool {
        do throws(SystemError) {
            let folder = try directory.descriptor.openDirectory(name)
            let session = try FollowedSession(names.id, folder, WaitReader(names.id, self), isOver: isOver)
            session.isStarting = equalUTF8(name, names.newFolder)
            roster.add(session)
            return true
        } catch {
            if error.code == ENOENT { return false }
            throw CommandFailure(concat("session ", names.id.string), error)
        }
    }

    // MARK: FollowPurpose

    func prepare(_ set: PollSet) {
        for keeper in foreign { set.add(keeper.handle.descriptor, .input) }
        if let deadline { set.limit(deadline: deadline) }
    }

    func flush(_ roster: SessionRoster) -> Bool {
        for keeper in foreign where keeper.handle.hasEnded() { tell(keeper.id, nil) }
        foreign.removeAll { $0.handle.hasEnded() }
        output.flush()
        if roster.hasFailed { note(ExitStatus.failed) }
        if roster.isEmpty && foreign.isEmpty { return false }
        guard let deadline, monotonicNow() >= deadline else { return true }
        let text = isForReady ? ": not ready yet" : ": still running"
        for id in roster.followedIDs + foreign.map({ $0.id }) { printError(concat(id.string, text)) }
        status = ExitStatus.timedOut
        return false
    }

    // MARK: Ends

    /// A session has ended.
    ///
    /// - Parameter end: nil when that isn't known.
    func end(_ id: SessionID, _ end: ProcessEnd?, wasReady: Bool) {
        if !isForReady { return tell(id, end) }
        if wasReady { return }
        printError(concat(id.string, ": ended without having been ready"))
        note(ExitStatus.failed)
    }

    private func tell(_ id: SessionID, _ end: ProcessEnd?) {
        let isKnown = end != nil && end != .unknown
        output.write(
            concat(id.string, " ", isKnown ? end.map { String($0.shellStatus) } ?? "" : "unknown", "\n"))
        if !isKnown { note(ExitStatus.failed) }
    }

    private func note(_ status: Int32) {
        if self.status == ExitStatus.done { self.status = status }
    }
}

/// A foreign keeper keeps no files that tell of its end.
private final class ForeignKeeper {
    let id: SessionID
    let handle: ProcessHandle

    init(_ id: SessionID, _ handle: consuming ProcessHandle) {
        self.id = id
        self.handle = handle
    }
}

/// Learns from a session's events and status whether it is ready, and how it ended.
private final class WaitReader: SessionReader {
    private(set) var isThrough = false
    private let id: SessionID
    private let waiting: Waiting
    private var end: ProcessEnd?
    private var wasReady = false

    init(_ id: SessionID, _ waiting: Waiting) {
        self.id = id
        self.waiting = waiting
    }

    func receive(_ line: UnsafeBufferPointer<UInt8>) {
        let event = jsonMember("event", of: line)
        if isJSONString(event, "ready") { wasReady = true }
        if !isJSONString(event, "exited") { return }
        // Another child may follow.
        let state = jsonMember("to", of: line)
        if !isJSONString(state, "exited"), !isJSONString(state, "failed") { return }
        end = StatusSummary.end(codeKey: "exitCode", line)
    }

    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) -> Bool {
        if !session.isOver && (!waiting.isForReady || session.isStarting) { return false }
        // A full disk may have taken the status and not the event; without either the end is unknown.
        let status = SessionStatus.read(in: folder)
        if !session.isOver {
            isThrough = status?.isReady ?? false
            return false
        }
        isThrough = true
        waiting.end(id, end ?? status?.end, wasReady: wasReady || status?.child?.readyAt != nil)
        return false
    }
}
