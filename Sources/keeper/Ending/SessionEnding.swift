import CSystem
import KeeperShared

// The child's end, what it leaves behind, and the session's end.
extension Session {
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
            upgradeHelperEnded(record.pid, ProcessEnd(record))
        }
        checkOver()
    }

    func childHasEnded(_ end: ProcessEnd) {
        resilience?.note(end)
        takeLastWords()
        child = nil
        input.stdin.peer = nil
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
                log.line(
                    "ending processes that the child left behind: \(left.map { "\($0.count)" } ?? "unknown")")
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
        guard processesAreVisible, var open = readChildren(of: getpid()) else {
            // A subreaper that has no child has no descendant either.
            return hasNoChildren ? [] : nil
        }
        while let pid = open.popLast() {
            if pid == childPID {
                open += children(of: pid)
                continue
            }
            guard let stat = ProcessStat(pid: pid), !isKeeper(pid), pid != upgrade?.helperPID else {
                continue
            }
            if !stat.isZombie { found.append(pid) }
            open += children(of: pid)
        }
        if run.isAdopted { addStrays(to: &found) }
        addMembers(to: &found)
        return found
    }

    private var hasNoChildren: Bool {
        var record = csys_ended()
        return csys_waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, &record) < 0 && csys_errno() == ECHILD
    }

    /// Where /proc shows none of the session's processes, the child's group is all that is known of what it left.
    private func killRestOfGroup() {
        guard let group = recorder.status.child?.identity.pid else { return }
        var record = csys_ended()
        // While a child of this process is in it, the number is the group's.
        if csys_waitid(P_PGID, id_t(group), WEXITED | WNOHANG | WNOWAIT, &record) == 0 {
            try? signalGroup(group, SIGKILL)
        }
    }

    /// Says it once.
    func noteHiddenProcesses() {
        if processesAreHidden { return }
        processesAreHidden = true
        log.line(
            "/proc does not show this session's processes: what leaves the child's group is left alone, none is measured"
        )
    }

    func signalLeftover(_ pid: pid_t, _ signal: Int32) {
        // Opened first and then looked at: a descendant that ended may have left its PID to a stranger.
        guard let handle = ProcessHandle.open(pid: pid),
            descends(pid) || isStray(pid) || childGroup?.members.contains(pid) == true
        else { return }
        try? handle.signal(signal)
        if signal != SIGKILL, signal != SIGSTOP { try? handle.signal(SIGCONT) }
    }

    private func kill(_ left: [pid_t]) {
        if killGroupAtOnce() { return }
        for pid in left { signalLeftover(pid, SIGKILL) }
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
        guard let left = leftovers() else { return endHiddenLeftovers() }
        if left.isEmpty { return checkOver() }
        switch run.phase {
        case .untouched, .done: return
        case .terminating:
            run.phase = .killing
            kill(left)
            deadlines.set(.leftovers, in: .seconds(2))
        case .killing: becomeStuck(survivors: left)
        }
    }

    /// The same where nobody can tell who is left: what can't be known keeps no session alive.
    private func endHiddenLeftovers() {
        // A shortage of descriptors passes.
        if processesAreVisible { return deadlines.set(.leftovers, in: .seconds(1)) }
        switch run.phase {
        case .untouched, .done: return
        case .terminating:
            run.phase = .killing
            killRestOfGroup()
            deadlines.set(.leftovers, in: .seconds(2))
        case .killing:
            noteHiddenProcesses()
            run.phase = .done
            checkOver()
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
                if case .killing = run.phase { kill(left) }
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
        if outputs.contains(where: { $0.failure != nil }), ending.urgency == .now || place.folder.isRemoved {
            return waiveRecording()
        }
        if ending.urgency == .now { return deadlines.set(.drain, in: 0) }
        if !deadlines.isSet(.drain) { deadlines.set(.drain, in: Ending.drainTime) }
    }

    /// Output came after the child's end. Leftovers that are left alone are read for as long as they write, unless
    /// the session is to end or another child is to follow.
    func keepDraining() {
        guard deadlines.isSet(.drain), case .leave = settings.leftovers, !run.isBeingEnded, !willRestart
        else {
            return
        }
        deadlines.set(.drain, in: Ending.drainTime)
    }

    /// Other processes still hold the child's output; their time is up.
    func giveUpDraining() {
        for stream in outputs where stream.failure == nil {
            // What is in the pipe by now is the last that is taken.
            read(stream.name)
            if stream.failure != nil || stream.isDrained { continue }
            stream.giveUp()
            log.line("\(stream.name.text) is not read any more, though processes still hold it")
            recorder.record(.outputAbandoned(stream.name))
        }
        checkOver()
    }

    /// Records the end, and then takes the session's names away.
    func finish() {
        guard let end = run.end else { return }
        run.isSettled = true
        flushIndexes()
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
            let (stdout, stderr) = recorder.extents()
            recorder.transition(
                to: hasFailed ? .failed : .exited,
                .exited(end, reason: recorder.status.reason, carried: (stdout.next, stderr.next)))
            ending.exitStatus =
                hasFailed || (settings.isDropIn && !supervision.hasBeenReady && !ending.wasStopped) ? 1 : 0
        } else {
            recorder.retry()
        }
        if recorder.statusIsStale, !ending.recordingIsWaived, ending.urgency == .now || place.folder.isRemoved
        {
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
            if case .journal(let journal) = stream.sink { return journal.tail(8 << 10) }
        }
        return nil
    }

    /// `stop` with `now` while the disk takes no more, or there is no folder any more: the session ends all the same.
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
        let why =
            place.folder.isRemoved
            ? "the session's folder was removed" : "told to end while the disk takes no more"
        log.line("\(why): lost: \(what)")
        if let before = ending.lost {
            ending.lost = "\(before), and \(what)"
        } else {
            ending.lost = "lost: \(what)"
        }
    }

    /// Takes the session's names away, once nobody needs its files any more.
    func conclude() {
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
