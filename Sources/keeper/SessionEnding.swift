import CSystem
import KeeperShared

/// How far a session's end has come.
struct Ending {
    /// How much of a hurry whoever wants the end is in.
    enum Urgency: Int {
        case none
        case orderly
        /// The keeper itself was told to end.
        case termination
        case now
    }

    /// What is done when the keeper itself is told to end.
    static var terminationSteps: [StopStep] {
        [
            StopStep(.closeInput, wait: 0), StopStep(.signal(SIGTERM), wait: .milliseconds(500)),
            StopStep(.signal(SIGKILL), wait: .seconds(2)),
        ]
    }

    /// Whether the end was asked for.
    var wasStopped: Bool { urgency != .none }
    var urgency = Urgency.none
    var isUnrecorded = false
    var recordingIsWaived = false
    var isAwaitingReader = false
    var readerHasGone = false
    /// What was lost because the disk took no more and somebody said to end all the same.
    var lost: String?
    /// Requests that are answered at the end.
    var replies: [Reply] = []
    var exitStatus: Int32 = 0
}

extension Session {
    // MARK: Stopping

    /// Ends the child by steps; those in more of a hurry replace what is under way, others wait with it.
    func stop(_ steps: [StopStep], _ urgency: Ending.Urgency) {
        if ending.isAwaitingReader {
            // Over already; only its files are still there.
            return urgency == .orderly ? answerStops(survivors: []) : readerHasGone()
        }
        if ending.isUnrecorded
            || urgency.rawValue <= ending.urgency.rawValue && recorder.status.state != .stuck
        {
            return
        }
        ending.urgency = urgency
        run.cause = .stop
        switch urgency {
        case .none, .orderly: break
        case .termination: run.leftoverGrace = min(run.leftoverGrace, .milliseconds(500))
        case .now: run.leftoverGrace = 0
        }
        if run.isSettled {
            // Between two children there is nothing to wait for.
            deadlines.clear(.restart)
            noteStopping(reason: nil)
            return finish()
        }
        endRun(steps)
    }

    /// Ends the child of this run by steps.
    func endRun(_ steps: [StopStep], reason: String? = nil) {
        resilience?.note(run.cause)
        run.steps = steps
        run.nextStep = 0
        if child == nil { return hurryLeftovers() }
        let wasPaused = recorder.status.state == .paused
        if recorder.status.state != .stopping { noteStopping(reason: reason) }
        // A stopped child can't see the end of its stdin, nor act on a signal.
        if wasPaused {
            try? signalChild(SIGCONT, pauseScope)
            input.hold(false)
        }
        takeStopStep()
    }

    private func noteStopping(reason: String?) {
        log.line("stopping")
        recorder.transition(to: .stopping, "stopping", in: place.folder) { json in
            guard let reason else { return }
            json.key("reason")
            json.string(reason)
        }
        scheduleRetry()
    }

    /// The child is gone already; what it left gets no more time than is due.
    private func hurryLeftovers() {
        switch run.phase {
        case .terminating: deadlines.set(.leftovers, in: run.leftoverGrace)
        // Killed once already: another look says who is left.
        case .killing: if recorder.status.state == .stuck { endLeftovers() }
        case .done: checkOver()
        case .untouched: break
        }
    }

    func takeStopStep() {
        guard child != nil else { return }
        while run.nextStep < run.steps.count {
            let step = run.steps[run.nextStep]
            run.nextStep += 1
            switch step.action {
            case .closeInput:
                if willRestart { input.detach() } else { input.closeNow("the session is stopping") }
            case .signal(let signal): takeSignalStep(signal)
            }
            if step.wait > 0 { return deadlines.set(.stopStep, in: step.wait) }
            // Even SIGKILL takes a moment.
            if run.nextStep == run.steps.count { return deadlines.set(.stopStep, in: .seconds(1)) }
        }
        becomeStuck(survivors: (childPID.map { [$0] } ?? []) + (leftovers() ?? []))
    }

    /// Whom pausing stops: all of the group at least, whoever is told to end.
    var pauseScope: KillScope {
        switch settings.killScope {
        case .group, .process: .group
        case .tree: .tree
        }
    }

    /// Signals the child's processes.
    func signalChild(_ signal: Int32, _ scope: KillScope) throws(SystemError) {
        guard let pid = childPID else { return }
        switch scope {
        case .group: try signalGroup(pid, signal)
        case .process:
            switch child {
            case .some(let handle): try handle.signal(signal)
            case .none: break
            }
        case .tree:
            try signalGroup(pid, signal)
            for pid in leftovers() ?? [] where ProcessStat(pid: pid)?.group != childPID {
                signalLeftover(pid, signal)
            }
        }
    }

    private func takeSignalStep(_ signal: Int32) {
        if signal == SIGKILL { run.leftoverGrace = 0 }
        do throws(SystemError) {
            try signalChild(signal, settings.killScope)
            // A stopped process acts on nothing but SIGKILL until it goes on.
            if signal != SIGKILL, signal != SIGSTOP { try signalChild(SIGCONT, settings.killScope) }
        } catch {
            log.line("cannot signal the child: \(error.text)")
        }
        recorder.event("signalled", in: place.folder) { json in
            json.key("signal")
            json.string(signalName(signal))
        }
    }

    var childPID: pid_t? {
        switch child {
        case .some(let handle): handle.pid
        case .none: nil
        }
    }

    /// Whether the child is about to be found ended.
    var childIsEnding: Bool { childPID.flatMap { ProcessStat(pid: $0) }?.isEnding ?? run.isAdopted }

    private func becomeStuck(survivors: [pid_t]) {
        log.line("stuck: processes survive SIGKILL")
        recorder.transition(to: .stuck, "stuck", in: place.folder) { json in
            json.key("survivors")
            json.beginArray()
            for pid in survivors { json.integer(pid) }
            json.endArray()
        }
        answerStops(survivors: survivors)
        refuseRestarts()
        deadlines.set(.stuck, in: .seconds(5))
        // Told to end, the keeper has done what it can; a service manager would only kill it.
        if ending.urgency == .termination { conclude() }
    }

    /// Something survived SIGKILL: it gets another, and who knows when it can act on it.
    func lookAtStuck() {
        guard case .stuck = recorder.status.state else { return }
        for pid in leftovers() ?? [] { signalLeftover(pid, SIGKILL) }
        if child != nil { try? signalChild(SIGKILL, settings.killScope) }
        reap()
        if case .stuck = recorder.status.state, !isOver { deadlines.set(.stuck, in: .seconds(5)) }
    }

    private func answerStops(survivors: [pid_t]) {
        let replies = ending.replies
        ending.replies = []
        for reply in replies {
            control.answer(reply) { json in
                json.beginObject()
                if let end = run.end { end.write(codeKey: "exitCode", to: &json) }
                json.key("state")
                json.string("\(recorder.status.state.name)")
                json.key("survivors")
                json.beginArray()
                for pid in survivors { json.integer(pid) }
                json.endArray()
                if let lost = ending.lost {
                    json.key("lost")
                    json.string(lost)
                }
                json.endObject()
            }
        }
    }

    // MARK: The child's end

    /// Learns who ended, and reaps: the child, or an orphan that became ours.
    func reap() {
        if run.isAdopted, adoptedChildHasEnded { childHasEnded(.unknown) }
        while true {
            var record = csys_ended()
            if csys_waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, &record) < 0 {
                // Somebody else has reaped our child: how it ended can't be known.
                if csys_errno() == ECHILD, child != nil, !run.isAdopted { childHasEnded(.unknown) }
                break
            }
            if record.pid == 0 { break }
            let isChild = record.pid == childPID
            if isChild, case .end = settings.leftovers {
                // Before it is reaped its PID, and so the group's number, can't mean anybody else.
                try? signalGroup(record.pid, run.leftoverGrace == 0 ? SIGKILL : SIGTERM)
                try? signalGroup(record.pid, SIGCONT)
            }
            var reaped = csys_ended()
            _ = csys_waitid(P_PID, id_t(record.pid), WEXITED | WNOHANG, &reaped)
            if isChild { childHasEnded(ProcessEnd(record)) }
        }
        checkOver()
    }

    func childHasEnded(_ end: ProcessEnd) {
        resilience?.note(end)
        takeLastWords()
        child = nil
        run.end = end
        run.endedAt = monotonicNow()
        switch run.cause {
        case .limit: break
        case .none, .stop, .restart: clearReason()
        }
        recorder.status.exit = SessionStatus.Exit(end: end, at: Timestamp.now())
        deadlines.clear(.ready)
        deadlines.clear(.start)
        deadlines.clear(.stopStep)
        unwatchLimits()
        closeReadyPipe()
        log.line("the child ended: \(end.text)")
        if willRestart {
            let (unread, repeated) = input.childHasEnded()
            inputWasUnread(unread, repeated: repeated)
            // A child that failed at what its closed stdin told it to do is followed by one that is told the same.
            if !run.isBeingEnded, end == .exited(0) { input.forgetClosing() }
        } else {
            input.closeNow("the child has ended")
        }
        switch settings.leftovers {
        case .leave: run.phase = .done
        case .end:
            let left = leftovers()
            if let left, left.isEmpty {
                run.phase = .done
            } else {
                run.phase = .terminating
                log.line("ending processes that the child left behind: \(left?.count ?? 0)")
                for pid in left ?? [] { signalLeftover(pid, SIGTERM) }
                deadlines.set(.leftovers, in: run.leftoverGrace)
                if run.isAdopted { watch(left ?? []) }
            }
        }
    }

    /// The session's processes besides the child: its descendants, which become ours as their parents end.
    ///
    /// A detached keeper and all below it belong to another session.
    ///
    /// - Returns: nil when it could not be found out.
    func leftovers() -> [pid_t]? {
        var found: [pid_t] = []
        guard var open = readChildren(of: getpid()) else { return nil }
        while let pid = open.popLast() {
            if pid == childPID {
                open += children(of: pid)
                continue
            }
            guard let stat = ProcessStat(pid: pid), !isKeeper(pid) else { continue }
            if !stat.isZombie { found.append(pid) }
            open += children(of: pid)
        }
        if run.isAdopted { addStrays(to: &found) }
        return found
    }

    private func signalLeftover(_ pid: pid_t, _ signal: Int32) {
        // Opened first and then looked at: a descendant that ended may have left its PID to a stranger.
        guard let handle = ProcessHandle.open(pid: pid), descends(pid) || isStray(pid) else { return }
        try? handle.signal(signal)
        if signal != SIGKILL, signal != SIGSTOP { try? handle.signal(SIGCONT) }
    }

    private func descends(_ pid: pid_t) -> Bool {
        let me = getpid()
        var next = pid
        for _ in 0..<1024 {
            if next == me { return true }
            guard next > 1, let stat = ProcessStat(pid: next) else { return false }
            next = stat.parent
        }
        return false
    }

    /// The time of the leftovers is up: first they are killed, then what survives that is reported.
    func endLeftovers() {
        guard let left = leftovers() else { return deadlines.set(.leftovers, in: .seconds(1)) }
        if left.isEmpty { return checkOver() }
        switch run.phase {
        case .untouched, .done: return
        case .terminating:
            run.phase = .killing
            for pid in left { signalLeftover(pid, SIGKILL) }
            deadlines.set(.leftovers, in: .seconds(2))
        case .killing: becomeStuck(survivors: left)
        }
    }

    // MARK: The session's end

    /// Ends the session once the child is reaped, its leftovers are gone and its output is on disk.
    func checkOver() {
        guard child == nil, run.end != nil, !run.isSettled, !isOver, !ending.isUnrecorded else { return }
        switch run.phase {
        case .untouched: return
        case .terminating, .killing:
            guard let left = leftovers() else {
                if !deadlines.isSet(.leftovers) { deadlines.set(.leftovers, in: .seconds(1)) }
                return
            }
            if !left.isEmpty {
                // Processes that appeared since then get the same.
                if case .killing = run.phase { for pid in left { signalLeftover(pid, SIGKILL) } }
                return
            }
            run.phase = .done
            deadlines.clear(.leftovers)
        case .done: break
        }
        if outputs.allSatisfy({ $0.isDrained }) {
            deadlines.clear(.drain)
            return settle()
        }
        if ending.urgency == .now {
            if outputs.contains(where: { $0.failure != nil }) { return waiveRecording() }
            return deadlines.set(.drain, in: 0)
        }
        if !deadlines.isSet(.drain) { deadlines.set(.drain, in: .seconds(2)) }
    }

    /// Somebody outside the session's processes still holds its output; it has had its time.
    func giveUpDraining() {
        for stream in outputs where stream.failure == nil {
            // What is in the pipe by now is the last that is taken.
            read(stream.name)
            if stream.failure == nil { stream.giveUp() }
        }
        checkOver()
    }

    /// Records the end, and then takes the session's names away.
    func finish() {
        guard let end = run.end else { return }
        run.isSettled = true
        flushIndexes()
        updateExtents()
        var wasLimited = false
        if case .limit = run.cause { wasLimited = true }
        let hasFailed =
            !ending.wasStopped
            && (supervision.givenUp != nil
                || !supervision.hasBeenReady && (wasLimited || end != .exited(0)))
        if !ending.isUnrecorded {
            if hasFailed || (!ending.wasStopped && end != .exited(0)) {
                recorder.status.stderrTail = stderrTail()
            }
            recorder.status.nextStartAt = nil
            if let givenUp = supervision.givenUp, hasFailed {
                recorder.status.reason = givenUp
            } else if hasFailed, !run.isBeingEnded {
                recorder.status.reason = "ended before it was ready: \(end.text)"
            } else if case .stop = run.cause {
                recorder.status.reason = nil
            }
            recorder.transition(to: hasFailed ? .failed : .exited, "exited", in: place.folder) { json in
                end.write(codeKey: "exitCode", to: &json)
                if let reason = recorder.status.reason {
                    json.key("reason")
                    json.string(reason)
                }
            }
            ending.exitStatus =
                hasFailed || (settings.isDropIn && !supervision.hasBeenReady && !ending.wasStopped) ? 1 : 0
        } else {
            recorder.retry(in: place.folder)
        }
        if recorder.statusIsStale, ending.urgency == .now, !ending.recordingIsWaived {
            ending.recordingIsWaived = true
            noteLoss("the record of the end (\(end.text))")
        }
        if recorder.statusIsStale, !ending.recordingIsWaived {
            if !ending.isUnrecorded { log.line("the end can't be recorded; trying again each second") }
            ending.isUnrecorded = true
            deadlines.set(.disk, in: .seconds(1))
            return
        }
        refuseRestarts()
        if hasFailed {
            let why = run.isBeingEnded ? recorder.status.reason ?? "" : ""
            report.failed(
                status: 1,
                why.isEmpty
                    ? "the command ended before it was ready: \(end.text)" : "the command was ended: \(why)")
        }
        log.line("session over: \(end.text)")
        report.ended()
        conclude()
    }

    func stderrTail() -> [UInt8]? {
        for stream in outputs where stream.name == (settings.mergesStreams ? .stdout : .stderr) {
            if case .journal(let journal) = stream.sink { return journal.tail(8 << 10, in: place.folder) }
        }
        return nil
    }

    /// `stop` with `now` while the disk takes no more: the session ends all the same.
    func waiveRecording() {
        let bytes = outputs.reduce(0) { $0 + $1.unwrittenCount }
        if bytes > 0 { noteLoss("\(bytes) bytes of output") }
        for stream in outputs {
            stream.discardUnwritten()
            stream.giveUp()
        }
        if ending.isUnrecorded { finish() } else { checkOver() }
    }

    private func noteLoss(_ what: String) {
        log.line("told to end while the disk takes no more: lost: \(what)")
        if let before = ending.lost {
            ending.lost = "\(before), and \(what)"
        } else {
            ending.lost = "lost: \(what)"
        }
    }

    /// Takes the session's names away, once nobody needs its files any more.
    private func conclude() {
        recorder.manager.tellEnd()
        if settings.awaitsReader, settings.removesFiles, ending.urgency != .now, !ending.readerHasGone {
            // Whoever started this session still reads it; its end of the pipe tells when it has done.
            ending.isAwaitingReader = report.awaitReader(poller)
            if ending.isAwaitingReader { return }
        }
        resilience?.page[.isOver] = 1 + Int64(ending.exitStatus)
        place.removeSocket()
        acceptWaiting()
        input.end("the session has ended")
        place.removeControlSocket()
        place.removeChildSidecar()
        if settings.removesFiles { place.removeFiles() }
        place.removeSidecar()
        resilience?.forgetAll()
        answerStops(survivors: [])
        isOver = true
    }

    /// The reader has read all it wants.
    func readerHasGone() {
        if isOver { return }
        ending.readerHasGone = true
        report.close(poller)
        conclude()
    }
}
