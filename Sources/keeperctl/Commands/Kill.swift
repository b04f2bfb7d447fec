import CSystem
import KeeperShared

let killCommand = Command("kill", aliases: ["stop"], run: runKill) {
    CommandSpec(
        $0, summary: "End sessions, or send them a signal",
        description: [
            "Takes the session's stop steps: by default closes the command's input, then sends TERM, then KILL to its "
                + "process group, waiting two seconds after each. Returns when all is over, and names processes that survived."
        ],
        operands: [OperandSpec("ID", .sessionID, .oneOrMore, unless: "all")],
        groups: [
            OptionGroup(
                "Options",
                [
                    KillOptions.all, KillOptions.grace, KillOptions.now, KillOptions.signal,
                    KillOptions.to,
                    Shared.timeout.explained("Stop waiting for the end after this time"),
                ])
        ],
        examples: [
            ExampleSpec("keeperctl kill calc", "Ends session calc."),
            ExampleSpec("keeperctl kill --all --grace 10s", "Ends all sessions, waiting longer."),
            ExampleSpec(
                "keeperctl kill -s HUP server", "Asks a server to read its configuration again."),
        ],
        exitStatuses: [
            Shared.done, ExitStatusSpec("1", "A process survived."), Shared.noSession,
            Shared.timedOut,
        ])
}

/// The options of `kill`.
enum KillOptions {
    static let all = Flag("all", help: "End every session")
    static let grace: Option<Int64> = Option(
        "grace", .duration, "DURATION", help: "Wait this long after each step",
        describedDefault: "as the session's stop steps say", excludes: ["now"])
    static let now = Flag("now", help: "Send KILL at once")
    static let signal: Option<Int32> = Option(
        "signal", short: "s", .signal, "SIG", help: "Only send this signal, and don't wait",
        excludes: ["now", "grace", "timeout"])
    static let to: Option<SignalTarget> = Option(
        "to", .choice, "child|group", help: "With --signal: the command alone, or its process group",
        describedDefault: "child", excludes: ["now", "grace", "timeout"])
}

/// Who gets a signal.
enum SignalTarget: String, CaseIterable {
    case child
    case group
}

/// Ends sessions, or sends them a signal.
func runKill(_ context: Context) throws(CommandFailure) -> Int32 {
    let isAll = context.arguments[KillOptions.all]
    let target = context.arguments[KillOptions.to]
    if let signal = context.arguments[KillOptions.signal] {
        let parameters = jsonObject { json in
            json.member("name", signalName(signal))
            json.member("to", text: target == .group ? "group" : "process")
        }
        return try changeSessions("signal", context, all: isAll, parameters: parameters)
    }
    if target != nil {
        throw CommandFailure(ExitStatus.badUsage, "--to says who gets the signal of --signal")
    }
    // The session's own steps, unless the user says otherwise.
    let steps = context.arguments[KillOptions.grace].map { grace in
        let time = formatDuration(grace)
        return concat(":", time, ",TERM:", time, ",KILL:2s")
    }
    return try forSessions(context, all: isAll) { directory, ids in
        let killing = Killing(
            directory, isNow: context.arguments[KillOptions.now], steps: steps, deadline: context.deadline)
        killing.end(ids)
        return killing.status
    }
}

/// Calls `body` with the sessions that the operands name, or with all live ones.
///
/// - Returns: the exit status.
func forSessions(
    _ context: Context, all isAll: Bool, _ body: (consuming SessionsDirectory, [SessionID]) -> Int32
) throws(CommandFailure) -> Int32 {
    guard let directory = try context.openDirectory() else {
        if isAll { return ExitStatus.done }
        throw CommandFailure.noSession(try context.sessionIDs()[0], in: try context.directoryPath())
    }
    let ids = isAll ? try liveSessions(in: directory.descriptor) : try context.sessionIDs()
    return body(directory, ids)
}

/// Sessions of ours that are live, or whose keepers have died.
func liveSessions(
    in directory: borrowing FileDescriptor
) throws(CommandFailure) -> [SessionID] {
    do throws(SystemError) {
        var ids: [SessionID] = []
        for session in try Discovery(of: directory).sessions {
            switch session.ownership {
            case .keeper, .dead: ids.append(session.id)
            case .nobody, .foreign, .unsettled: break
            }
        }
        return ids
    } catch {
        throw CommandFailure("list the sessions", error)
    }
}

/// Ends sessions together.
final class Killing {
    private let failures = FailureRecord()
    private let directory: SessionsDirectory
    private let isNow: Bool
    /// What follows the first step's name, which depends on the session.
    private let steps: String?
    private let deadline: Int64?

    /// - Parameter steps: how, if not as the session's own settings say.
    /// - Parameter deadline: when to stop waiting, on the monotonic clock.
    init(
        _ directory: consuming SessionsDirectory, isNow: Bool = false, steps: String? = nil,
        deadline: Int64? = nil
    ) {
        self.directory = directory
        self.isNow = isNow
        self.steps = steps
        self.deadline = deadline
    }

    var status: Int32 { failures.status }

    /// Ends as many at a time as there are descriptors for.
    func end(_ ids: [SessionID]) {
        let atOnce = raiseDescriptorLimit()
        var next = 0
        while next < ids.count {
            let end = min(ids.count, next + atOnce)
            var rest: [Target] = []
            for id in ids[next..<end] { rest.append(Target(id)) }
            // Bounds the wait for keepers that die as fast as they are started.
            for _ in 0..<10 where !rest.isEmpty { rest = endTogether(rest) }
            for target in rest { failures.add(ControlFailure.unreachable.commandFailure(target.id)) }
            next = end
        }
    }

    /// A session that is to end.
    private final class Target {
        let id: SessionID
        var client: ControlClient?
        /// Who was asked; 0 before that.
        var keeper: pid_t = 0
        var instance = ""
        init(_ id: SessionID) { self.id = id }
    }

    /// Asks all of them to end, and then waits for each.
    ///
    /// - Returns: those whose keepers died meanwhile, and that are kept for another one, which is to be asked.
    private func endTogether(_ targets: [Target]) -> [Target] {
        var orphaned: [Target] = []
        for target in targets {
            do throws(CommandFailure) {
                if try !ask(target) { orphaned.append(target) }
            } catch {
                failures.add(error)
            }
        }
        for target in targets {
            guard let client = target.client else { continue }
            target.client = nil
            do throws(ControlFailure) {
                let result = try client.result(deadline: deadline)
                if let lost = result["lost"]?.stringValue { printError(concat(target.id.string, ": ", lost)) }
                let survivors = result["survivors"]?.arrayValue ?? []
                report(target.id, survivors: survivors.map { pid_t(truncatingIfNeeded: $0.intValue ?? 0) })
            } catch {
                // A keeper that died while it was ending the session has left that to us, or to another keeper.
                if case .noAnswer = error {
                    orphaned.append(target)
                } else {
                    failures.add(error.commandFailure(target.id))
                }
            }
        }
        return endOrphaned(orphaned)
    }

    /// - Returns: whether there was a keeper to ask, or nothing is left to be asked for.
    private func ask(_ target: Target) throws(CommandFailure) -> Bool {
        let id = target.id
        let wasAsked = target.keeper != 0
        switch try SessionLookup(id, in: directory.descriptor) {
        case .none: if !wasAsked { throw CommandFailure.noSession(id, in: directory.path) }
        case .foreign(let pid): throw ownedByForeign(id, pid)
        case .over: if !wasAsked { printError(concat(id.string, ": already ended")) }
        case .dead: return false
        case .live(let pid, let status):
            let instance = status?.instance ?? ""
            // Another session has begun since.
            if wasAsked, !equalUTF8(instance, target.instance) { return true }
            target.keeper = pid
            target.instance = instance
            target.client = try ask(id, inTerminal: status?.isTerminal ?? false)
            return target.client != nil
        }
        return true
    }

    /// nil when there is no keeper to ask any more.
    private func ask(_ id: SessionID, inTerminal: Bool) throws(CommandFailure) -> ControlClient? {
        let parameters = jsonObject { json in
            if isNow {
                json.member("now", true)
            } else if let steps {
                json.member("steps", concat(inTerminal ? "HUP" : "eof", steps))
            }
        }
        do throws(ControlFailure) {
            return try ControlClient(id, in: directory.descriptor, "stop", parameters: parameters)
        } catch {
            switch error {
            case .unreachable, .noAnswer: return nil
            case .timedOut, .refused, .failed: throw error.commandFailure(id)
            }
        }
    }

    private func report(_ id: SessionID, survivors: [pid_t]) {
        if survivors.isEmpty { return }
        failures.add(CommandFailure(ExitStatus.failed, survivorsText(id, survivors)))
    }

    /// Ends sessions whose keepers are gone; one that was only on its way out is waited for.
    ///
    /// - Returns: those that outlive their keepers.
    private func endOrphaned(_ targets: [Target]) -> [Target] {
        var resilient: [Target] = []
        var ids: [SessionID] = []
        for target in targets {
            if outlivesKeeper(target) { resilient.append(target) } else { ids.append(target.id) }
        }
        for (index, outcome) in Reaper.reap(ids, in: directory.descriptor).enumerated() {
            let id = ids[index]
            switch outcome {
            case .nothing: break
            case .reaped(let reaped): report(id, survivors: reaped.survivors)
            case .live: failures.add(ControlFailure.unreachable.commandFailure(id))
            case .foreign(let pid): failures.add(ownedByForeign(id, pid))
            case .busy:
                let text = concat(id.string, ": another process is changing it; try again")
                failures.add(CommandFailure(ExitStatus.conflict, text))
            case .failed(let error):
                failures.add(CommandFailure(concat(id.string, ": ", "\(error.call)"), error))
            }
        }
        return resilient
    }

    /// Waits for the end of the keeper that was asked.
    ///
    /// - Returns: whether the session's lock is still held by then: a service manager keeps it for the next keeper.
    private func outlivesKeeper(_ target: Target) -> Bool {
        let names = SessionNames(target.id)
        // What can't be looked at is not waited for: the lost answer is reported.
        guard case .keeper(let pid)? = try? Ownership.of(names, in: directory.descriptor) else {
            return false
        }
        if pid == target.keeper, let keeper = ProcessHandle.open(pid: pid),
            !keeper.waitForEnd(timeout: .seconds(2))
        {
            return false
        }
        if case .keeper? = try? Ownership.of(names, in: directory.descriptor) { return true }
        return false
    }

    private func ownedByForeign(_ id: SessionID, _ pid: pid_t?) -> CommandFailure {
        CommandFailure(
            ExitStatus.failed,
            concat(
                id.string, ": its keeper is a foreign one",
                pid.map { concat(" (PID ", String($0), ")") } ?? "", " and is left alone"))
    }
}

/// What is said of processes that could not be ended.
func survivorsText(_ id: SessionID, _ survivors: [pid_t]) -> String {
    var text = concat(id.string, ": still running after SIGKILL: PIDs")
    for pid in survivors { text = concat(text, " ", String(pid)) }
    return text
}
