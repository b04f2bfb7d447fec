import CSystem
import KeeperShared

// The child's end, and the session's.
extension Session {
    // MARK: The child's end

    /// Learns who ended, and reaps: the child, or an orphan that became ours.
    func reap() {
        if run.isInherited, inheritedChildHasEnded { childHasEnded(.unknown) }
        while true {
            var record = csys_ended()
            if csys_waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT, &record) < 0 {
                // Another process has reaped the child: how it ended can't be known.
                if csys_errno() == ECHILD, child != nil, !run.isInherited { childHasEnded(.unknown) }
                break
            }
            if record.pid == 0 { break }
            let isChild = record.pid == childPID
            if isChild, case .end = settings.leftovers {
                // Before it is reaped its PID, and so the group's number, can't mean anybody else.
                // A failure means that the group is empty.
                try? signalGroup(record.pid, life.leftoverGrace == 0 ? SIGKILL : SIGTERM)
                try? signalGroup(record.pid, SIGCONT)
            }
            var reaped = csys_ended()
            _ = csys_waitid(P_PID, id_t(record.pid), WEXITED | WNOHANG, &reaped)
            if isChild { childHasEnded(ProcessEnd(record)) }
            upgradeHelperEnded(record.pid, ProcessEnd(record))
        }
        happen(.changed)
    }

    func childHasEnded(_ end: ProcessEnd) {
        resilience.note(end)
        takeLastWords()
        child = nil
        input.stdin.peer = nil
        run.endedAt = monotonicNow()
        recorder.status.exit = SessionStatus.Exit(end: end, at: Timestamp.now())
        deadlines.clear(.ready, .start, .stopStep, .runtime, .idleLimit, .silence, .watchdog, .sample)
        closeReadyPipe()
        log.line("the child ended: \(end.text)")
        happen(.childEnded(end))
    }

    // MARK: Its output

    /// The disk takes no more of it.
    var outputIsBlocked: Bool { outputs.contains { $0.failure != nil } }

    /// Output came after the child's end. Leftovers that are left alone are read for as long as they write, unless
    /// the session is to end or another child is to follow.
    func keepDraining() {
        guard deadlines.isSet(.drain), case .leave = settings.leftovers, !life.isBeingEnded, !life.willRestart
        else {
            return
        }
        deadlines.set(.drain, in: Life.drainTime)
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
        happen(.changed)
    }

    /// `stop` with `now` while the disk takes no more, or there is no folder any more: the session ends all the same.
    func waiveOutput() {
        let bytes = outputs.reduce(0) { $0 + $1.unwrittenCount }
        if bytes > 0 { noteLoss("\(bytes) bytes of output") }
        for stream in outputs {
            stream.discardUnwritten()
            stream.giveUp()
        }
        happen(.changed)
    }

    // MARK: The session's end

    func recordEnd() {
        guard let end = life.end else { return }
        flushIndexes()
        if life.hasFailed || (!life.wasStopped && end != .exited(0)) {
            recorder.status.stderrTail = stderrTail()
        }
        recorder.status.nextStartAt = nil
        if let givenUp = life.givenUp, life.hasFailed {
            recorder.status.reason = givenUp
        } else if life.hasFailed, !life.isBeingEnded {
            recorder.status.reason = "ended before it was ready: \(end.text)"
        } else if case .stop = life.cause {
            recorder.status.reason = nil
        }
        let (stdout, stderr) = recorder.extents()
        recorder.transition(
            to: life.state,
            .exited(end, reason: recorder.status.reason, carried: (stdout.next, stderr.next)))
        endIsRecorded()
    }

    /// The end is on the disk, or is not.
    func endIsRecorded() {
        let isOnDisk = !recorder.statusIsStale
        happen(.recorded(isOnDisk: isOnDisk, folderIsRemoved: !isOnDisk && place.folder.isRemoved))
    }

    var endText: String { life.end?.text ?? "" }

    /// The keeper's own.
    var exitStatus: Int32 {
        life.hasFailed || (settings.isDropIn && !life.hasBeenReady && !life.wasStopped) ? 1 : 0
    }

    func reportEnd() {
        if life.hasFailed {
            let why = life.isBeingEnded ? recorder.status.reason ?? "" : ""
            report.failed(
                status: 1,
                why.isEmpty
                    ? "the command ended before it was ready: \(endText)" : "the command was ended: \(why)")
        }
        log.line("session over: \(endText)")
        report.ended()
    }

    func stderrTail() -> [UInt8]? {
        for stream in outputs where stream.name == (settings.mergesStreams ? .stdout : .stderr) {
            if case .journal(let journal) = stream.sink { return journal.tail(8 << 10) }
        }
        return nil
    }

    func noteLoss(_ what: String) {
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

    /// Leaves, unless the starter still reads the files of a session that removes them. Its end of the pipe tells when it
    /// has done.
    func leave() {
        recorder.manager.tellEnd()
        let mayAwait = settings.awaitsReader && settings.removesFiles && life.urgency != .now
        happen(.left(awaitsReader: mayAwait && report.awaitReader(poller)))
    }

    /// Takes the session's names away, once nobody needs its files any more.
    func removeNames() {
        resilience.noteOver(exitStatus: exitStatus)
        orLog { () throws(SystemError) in try place.removeSocket() }
        acceptWaiting()
        input.end("the session has ended")
        orLog { () throws(SystemError) in try place.removeControlSocket() }
        orLog { () throws(SystemError) in try place.removeChildSidecar() }
        if settings.removesFiles { orLog { () throws(SystemError) in try place.removeFiles() } }
        place.removeSidecar()
        resilience.forgetAll()
        answerStops(survivors: [])
    }

    /// A name that can't be removed stays, until another start clears it away.
    private func orLog(_ remove: () throws(SystemError) -> Void) {
        do throws(SystemError) { try remove() } catch { log.line("a name stays: \(error.text)") }
    }

    func readerHasGone() {
        if life.isOver { return }
        report.close(poller)
        happen(.readerGone)
    }
}
