import CSystem
import KeeperShared

extension Command {
    static var wait: Command {
        Command("wait", run: runWait) {
            CommandSpec(
                $0, summary: "Wait until sessions have ended or are ready",
                description: [
                    "For the end, prints ID and exit code of each session: 128 plus the signal if one ended it. "
                        + "That it removes its files then (--rm) makes no difference."
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
    }
}

/// The options of `wait`.
enum WaitOptions {
    enum Goal: String, CaseIterable { case exit, ready }

    static let goal: Setting<Goal> = Setting(
        "for", .choice, "exit|ready", help: "What to wait for", default: "exit")
}

/// Waits until sessions are over, or ready.
func runWait(_ context: Context) throws(CommandFailure) -> Int32 {
    let ids = try context.sessionIDs()
    let directory = try context.directory(of: ids[0])
    _ = raiseDescriptorLimit()
    let forReady = context.arguments[WaitOptions.goal] == .ready
    let deadline = context.deadline
    var sessions: [Waited] = []
    // All of them before anything is waited for: those that are there now are known, whatever becomes of them.
    for id in ids {
        let session = Waited(id)
        try session.openTail(in: directory.descriptor)
        sessions.append(session)
    }
    for session in sessions { try awaitStart(of: session, in: directory, deadline: deadline) }
    let waiting = Waiting(for: sessions, untilReady: forReady, in: directory, context.output)
    return waiting.run(deadline: deadline)
}

/// Returns once there is a session: after `spawn --wait none` its keeper may not own the id yet.
private func awaitStart(
    of session: Waited, in directory: borrowing SessionsDirectory, deadline: Int64?
) throws(CommandFailure) {
    let id = session.id
    while true {
        if session.tail == nil { try session.openTail(in: directory.descriptor) }
        _ = session.lastEvents
        // Asked before the look, so that a start that is through in between is seen.
        let isStarting = startIsUnderWay(SessionNames(id), in: directory.descriptor)
        switch try SessionLookup(id, in: directory.descriptor) {
        case .live(_, let status):
            // Until its folder is in place its events are not to be had, and without them not its end.
            if status != nil || !session.isStarting(in: directory.descriptor) { return }
        case .foreign, .dead: return
        case .over:
            if !isStarting { return }
            session.forget()
        case .none:
            // It was there, and has removed its files.
            if session.tail != nil { return }
            if !isStarting { throw CommandFailure.noSession(id, in: directory.path) }
        }
        if let deadline, monotonicNow() >= deadline { throw ControlFailure.timedOut.commandFailure(id) }
        // Nothing in the directory tells of a keeper that has not come so far; it takes milliseconds.
        pause(nanoseconds: .milliseconds(10))
    }
}

/// A keeper removes its empty launch log when it has started; one that can't start writes why into it.
private func startIsUnderWay(_ names: SessionNames, in directory: borrowing FileDescriptor) -> Bool {
    guard let log = try? directory.metadata(of: names.launchLog) else { return false }
    return log.size == 0 && time(nil) - log.modified <= 10
}

/// One session that is waited for.
private final class Waited {
    let id: SessionID
    let names: SessionNames
    /// The keeper that is waited for: another one under the same id is another session's.
    var keeper: pid_t?
    /// The session, which may go from keeper to keeper.
    var instance = ""
    /// Readable when the keeper has ended.
    var handle: ProcessHandle?
    /// Tells how a session ended that has removed its files.
    private(set) var tail: EndTail?
    var isDone = false

    init(_ id: SessionID) {
        self.id = id
        names = SessionNames(id)
    }

    /// Takes hold of the files of the session that is there now, if any is.
    func openTail(in directory: borrowing FileDescriptor) throws(CommandFailure) {
        switch try SessionLookup(id, in: directory) {
        case .live(_, let status):
            tail = EndTail.open(names, isStarting: status == nil, in: directory)
            if let status { instance = status.instance }
        case .over(let status):
            tail = EndTail.open(names, isStarting: false, in: directory)
            instance = status.instance
        case .none, .dead, .foreign: break
        }
    }

    /// What is there is of the session before.
    func forget() {
        tail = nil
        instance = ""
    }

    func isStarting(in directory: borrowing FileDescriptor) -> Bool {
        (try? directory.metadata(of: names.newFolder)) ?? nil != nil
    }

    /// What there is to read of its events.
    var lastEvents: EndTail? {
        guard let tail, tail.isOf(instance) else { return nil }
        tail.readEvents()
        return tail
    }

    /// Whether a status is of the session that is waited for.
    func wrote(_ status: SessionStatus) -> Bool {
        instance.isEmpty ? status.keeper.identity.pid == keeper : equalUTF8(status.instance, instance)
    }

    var descriptor: Int32 {
        switch handle {
        case .some(let handle): handle.descriptor.raw
        case .none: -1
        }
    }
}

private final class Waiting {
    private let directory: SessionsDirectory
    private let sessions: [Waited]
    private let untilReady: Bool
    private let output: StandardOutput
    private let watch: StatusWatch?
    private var status = ExitStatus.done
    /// In milliseconds, where the kernel can't wake us.
    private static let pollInterval: Int32 = 200

    init(
        for sessions: [Waited], untilReady: Bool, in directory: consuming SessionsDirectory,
        _ output: StandardOutput
    ) {
        self.sessions = sessions
        self.untilReady = untilReady
        self.output = output
        watch = untilReady ? StatusWatch() : nil
        self.directory = directory
    }

    func run(deadline: Int64?) -> Int32 {
        for session in sessions { look(at: session) }
        while true {
            output.flush()
            let open = sessions.filter { !$0.isDone }
            if open.isEmpty { return status }
            var timeout: Int32 = -1
            if let deadline {
                let rest = deadline - monotonicNow()
                if rest <= 0 { return timeOut(open) }
                timeout = Int32(clamping: (rest + 999_999) / 1_000_000)
            }
            var entries = open.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            entries.append(pollfd(fd: watch?.descriptor ?? -1, events: Int16(POLLIN), revents: 0))
            let isBlind = open.contains { $0.descriptor < 0 } || (untilReady && watch == nil)
            if isBlind { timeout = timeout < 0 ? Waiting.pollInterval : min(timeout, Waiting.pollInterval) }
            poll(&entries, nfds_t(entries.count), timeout)
            let folderChanged = watch?.drain() ?? false
            for (index, session) in open.enumerated()
            where isBlind || folderChanged || entries[index].revents != 0 {
                look(at: session)
            }
        }
    }

    private func timeOut(_ open: [Waited]) -> Int32 {
        for session in open {
            printError(concat(session.id.string, untilReady ? ": not ready yet" : ": still running"))
        }
        return ExitStatus.timedOut
    }

    /// Finds out how far a session is, and sees to it that its next step wakes us.
    private func look(at session: Waited) {
        // Watched first and read then, so that nothing comes between.
        watch?.add(session.names, in: directory.descriptor)
        do throws(CommandFailure) {
            switch try SessionLookup(session.id, in: directory.descriptor) {
            case .live(let keeper, let status):
                if let status, session.keeper == nil, !session.instance.isEmpty, !session.wrote(status) {
                    return end(session, recorded(of: session))
                }
                if let before = session.keeper, before != keeper {
                    guard let status, session.wrote(status) else {
                        return end(session, recorded(of: session))
                    }
                    session.handle = nil
                }
                if let status { session.instance = status.instance }
                if untilReady, let status, status.isReady { return session.isDone = true }
                // PIDs of another namespace mean nothing here.
                if let status, !equalUTF8(status.keeper.pidNamespace, pidNamespace()) {
                    return session.keeper = keeper
                }
                follow(session, keeper)
            case .foreign(let keeper):
                if let before = session.keeper, before != keeper {
                    return end(session, recorded(of: session))
                }
                if untilReady { return session.isDone = true }
                guard let keeper else { return end(session, nil) }
                follow(session, keeper)
            case .dead(let status): end(session, status)
            case .over(let status):
                if session.keeper != nil, !session.wrote(status) {
                    return end(session, recorded(of: session))
                }
                end(session, status)
            case .none: end(session, recorded(of: session))
            }
        } catch {
            printError(error.text)
            finish(session, error.status)
        }
    }

    private func follow(_ session: Waited, _ keeper: pid_t) {
        session.keeper = keeper
        var hasEnded = false
        switch session.handle {
        case .some(let handle): hasEnded = handle.hasEnded()
        case .none: break
        }
        // Its lock has outlived it: another keeper will go on.
        if hasEnded { session.handle = nil }
        if session.descriptor >= 0 { return }
        session.handle = ProcessHandle.open(pid: keeper)
        // Whether it was still this keeper when its descriptor was opened.
        if session.descriptor >= 0 { look(at: session) }
    }

    /// What the keeper that was waited for has written at last, though its id may be another's by now.
    private func recorded(of session: Waited) -> SessionStatus? {
        for folder in [session.names.folder, session.names.previousFolder] {
            if let status = SessionStatus.read(folder, in: directory.descriptor),
                session.wrote(status)
            {
                return status.withoutKeeper
            }
        }
        return nil
    }

    private func end(_ session: Waited, _ last: SessionStatus?) {
        if untilReady {
            if last?.child?.readyAt != nil || session.lastEvents?.wasReady == true {
                return finish(session, ExitStatus.done)
            }
            printError(concat(session.id.string, ": ended without having been ready"))
            return finish(session, ExitStatus.failed)
        }
        var end = last?.exit?.end ?? .unknown
        if end == .unknown { end = session.lastEvents?.end ?? .unknown }
        output.write(
            concat(session.id.string, " ", end == .unknown ? "unknown" : String(end.shellStatus), "\n"))
        finish(session, end == .unknown ? ExitStatus.failed : ExitStatus.done)
    }

    private func finish(_ session: Waited, _ status: Int32) {
        session.isDone = true
        if self.status == ExitStatus.done { self.status = status }
    }
}

/// Wakes up when a status is replaced, or when a session's folder comes into place.
private final class StatusWatch {
    private let file: FileDescriptor

    /// nil when the user's inotify instances are used up.
    init?() {
        let number = inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK))
        if number < 0 { return nil }
        file = FileDescriptor(owning: number)
    }

    var descriptor: Int32 { file.raw }

    func add(_ names: SessionNames, in directory: borrowing FileDescriptor) {
        let path = concat("/proc/self/fd/", String(directory.raw))
        inotify_add_watch(file.raw, path, UInt32(IN_MOVED_TO))
        inotify_add_watch(file.raw, concat(path, "/", names.folder), UInt32(IN_MOVED_TO))
    }

    /// - Returns: whether anything has happened.
    func drain() -> Bool {
        var hasChanged = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { space in
            while read(file.raw, space.baseAddress, space.count) > 0 { hasChanged = true }
        }
        return hasChanged
    }
}
