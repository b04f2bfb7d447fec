import CSystem
import KeeperShared

/// How far a session's end has come.
struct Ending {
    /// What happens to processes that the child left behind.
    enum LeftoverPhase {
        case untouched
        /// They were asked to end.
        case terminating
        /// They were killed.
        case killing
        /// None is left, or they are left alone.
        case done
    }

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
    var steps: [StopStep] = []
    var nextStep = 0
    var urgency = Urgency.none
    var wasReady = false
    /// How long leftovers are given after the child's end, in ns.
    var leftoverGrace: Int64 = .seconds(2)
    var phase = LeftoverPhase.untouched
    var end: ProcessEnd?
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
        ending.steps = steps
        ending.nextStep = 0
        switch urgency {
        case .none, .orderly: break
        case .termination: ending.leftoverGrace = min(ending.leftoverGrace, .milliseconds(500))
        case .now: ending.leftoverGrace = 0
        }
        if child == nil { return hurryLeftovers() }
        if recorder.status.state != .stopping {
            log.line("stopping")
            recorder.transition(to: .stopping, "stopping", in: place.folder)
            scheduleRetry()
        }
        takeStopStep()
    }

    /// The child is gone already; what it left gets no more time than is due.
    private func hurryLeftovers() {
        switch ending.phase {
        case .terminating: deadlines.set(.leftovers, in: ending.leftoverGrace)
        // Killed once already: another look says who is left.
        case .killing: if recorder.status.state == .stuck { endLeftovers() }
        case .done: checkOver()
        case .untouched: break
        }
    }

    func takeStopStep() {
        guard child != nil else { return }
        while ending.nextStep < ending.steps.count {
            let step = ending.steps[ending.nextStep]
            ending.nextStep += 1
            switch step.action {
            case .closeInput: input.closeNow("the session is stopping")
            case .signal(let signal): signalChildGroup(signal)
            }
            if step.wait > 0 { return deadlines.set(.stopStep, in: step.wait) }
        }
        becomeStuck(survivors: (childPID.map { [$0] } ?? []) + (leftovers() ?? []))
    }

    private func signalChildGroup(_ signal: Int32) {
        guard let pid = childPID else { return }
        if signal == SIGKILL { ending.leftoverGrace = 0 }
        do throws(SystemError) {
            try signalGroup(pid, signal)
            // A stopped process acts on nothing but SIGKILL until it goes on.
            if signal != SIGKILL, signal != SIGSTOP { try signalGroup(pid, SIGCONT) }
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

    private func becomeStuck(survivors: [pid_t]) {
        log.line("stuck: processes survive SIGKILL")
        recorder.transition(to: .stuck, "stuck", in: place.folder) { json in
            json.key("survivors")
            json.beginArray()
            for pid in survivors { json.integer(pid) }
            json.endArray()
        }
        answerStops(survivors: survivors)
        // Told to end, the keeper has done what it can; a service manager would only kill it.
        if ending.urgency == .termination { conclude() }
    }

    private func answerStops(survivors: [pid_t]) {
        let replies = ending.replies
        ending.replies = []
        for reply in replies {
            control.answer(reply) { json in
                json.beginObject()
                if let end = ending.end { end.write(codeKey: "exitCode", to: &json) }
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
        while true {
            var record = csys_ended()
            if csys_waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, &record) < 0 {
                // Somebody else has reaped our child: how it ended can't be known.
                if csys_errno() == ECHILD, child != nil { childHasEnded(.unknown) }
                break
            }
            if record.pid == 0 { break }
            let isChild = record.pid == childPID
            if isChild, case .end = settings.leftovers {
                // Before it is reaped its PID, and so the group's number, can't mean anybody else.
                try? signalGroup(record.pid, ending.leftoverGrace == 0 ? SIGKILL : SIGTERM)
                try? signalGroup(record.pid, SIGCONT)
            }
            var reaped = csys_ended()
            _ = csys_waitid(P_PID, id_t(record.pid), WEXITED | WNOHANG, &reaped)
            if isChild { childHasEnded(ProcessEnd(record)) }
        }
        checkOver()
    }

    private func childHasEnded(_ end: ProcessEnd) {
        child = nil
        ending.end = end
        ending.wasReady = recorder.status.child?.readyAt != nil
        recorder.status.exit = SessionStatus.Exit(end: end, at: Timestamp.now())
        deadlines.clear(.ready)
        deadlines.clear(.stopStep)
        log.line("the child ended: \(end.text)")
        input.closeNow("the child has ended")
        switch settings.leftovers {
        case .leave: ending.phase = .done
        case .end:
            let left = leftovers()
            if let left, left.isEmpty {
                ending.phase = .done
            } else {
                ending.phase = .terminating
                log.line("ending processes that the child left behind: \(left?.count ?? 0)")
                for pid in left ?? [] { signalLeftover(pid, SIGTERM) }
                deadlines.set(.leftovers, in: ending.leftoverGrace)
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
        return found
    }

    private func signalLeftover(_ pid: pid_t, _ signal: Int32) {
        // Opened first and then looked at: a descendant that ended may have left its PID to a stranger.
        guard let handle = ProcessHandle.open(pid: pid), descends(pid) else { return }
        try? handle.signal(signal)
        if signal != SIGKILL { try? handle.signal(SIGCONT) }
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
        switch ending.phase {
        case .untouched, .done: return
        case .terminating:
            ending.phase = .killing
            for pid in left { signalLeftover(pid, SIGKILL) }
            deadlines.set(.leftovers, in: .seconds(2))
        case .killing: becomeStuck(survivors: left)
        }
    }

    // MARK: The session's end

    /// Ends the session once the child is reaped, its leftovers are gone and its output is on disk.
    func checkOver() {
        guard child == nil, ending.end != nil, !isOver, !ending.isUnrecorded else { return }
        switch ending.phase {
        case .untouched: return
        case .terminating, .killing:
            guard let left = leftovers() else {
                if !deadlines.isSet(.leftovers) { deadlines.set(.leftovers, in: .seconds(1)) }
                return
            }
            if !left.isEmpty {
                // Processes that appeared since then get the same.
                if case .killing = ending.phase { for pid in left { signalLeftover(pid, SIGKILL) } }
                return
            }
            ending.phase = .done
            deadlines.clear(.leftovers)
        case .done: break
        }
        if outputs.allSatisfy({ $0.isDrained }) { return finish() }
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
        guard let end = ending.end else { return }
        flushIndexes()
        updateExtents()
        let hasFailed = !ending.wasReady && !ending.wasStopped && end != .exited(0)
        if !ending.isUnrecorded {
            if hasFailed || (!ending.wasStopped && end != .exited(0)) {
                recorder.status.stderrTail = stderrTail()
            }
            if hasFailed { recorder.status.reason = "ended before it was ready: \(end.text)" }
            recorder.transition(to: hasFailed ? .failed : .exited, "exited", in: place.folder) { json in
                end.write(codeKey: "exitCode", to: &json)
                // For readers of a session that removes its files: how much there has been.
                json.key("stdout")
                json.integer(recorder.status.stdout.next)
                json.key("stderr")
                json.integer(recorder.status.stderr.next)
            }
            ending.exitStatus =
                hasFailed || (settings.isDropIn && !ending.wasReady && !ending.wasStopped) ? 1 : 0
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
        if hasFailed { report.failed(status: 1, "the command ended before it was ready: \(end.text)") }
        log.line("session over: \(end.text)")
        report.ended()
        conclude()
    }

    private func stderrTail() -> [UInt8]? {
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
        if settings.awaitsReader, settings.removesFiles, ending.urgency != .now, !ending.readerHasGone {
            // Whoever started this session still reads it; its end of the pipe tells when it has done.
            ending.isAwaitingReader = report.awaitReader(poller)
            if ending.isAwaitingReader { return }
        }
        place.removeSocket()
        acceptWaiting()
        input.end("the session has ended")
        place.removeControlSocket()
        place.removeChildSidecar()
        if settings.removesFiles { place.removeFiles() }
        place.removeSidecar()
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
