import CSystem
import KeeperShared

// When a child counts as ready, and what it says of itself.
extension Session {
    var usesNotes: Bool {
        if case .notify = settings.ready { return true }
        return settings.limits.watchdog != nil
    }

    /// Sets up what says that the child of this run is ready.
    func awaitReady() {
        supervision.match = nil
        switch settings.ready {
        case .delay(let delay): return deadlines.set(.ready, in: delay)
        case .output(let text): supervision.match = OutputMatch(text: text)
        case .notify, .descriptor: break
        case .line(let line):
            // A child whose stdin stays closed can't be asked; it has to survive.
            if input.isClosed, case .delay(let delay) = ReadyCondition.standard {
                return deadlines.set(.ready, in: delay)
            }
            supervision.match = .answer
            do throws(SystemError) {
                try input.send(line, isFirst: true, then: .armMatch)
            } catch {
                log.line("cannot send the line of --ready: \(error.text)")
            }
        }
        deadlines.set(.start, in: settings.limits.startTimeout)
    }

    /// Goes on looking where another binary was.
    func resumeMatching(isArmed: Bool, _ tails: (stdout: [UInt8], stderr: [UInt8])) {
        switch settings.ready {
        case .output(let text): supervision.match = OutputMatch(text: text)
        case .line: supervision.match = .answer
        case .delay, .notify, .descriptor: return
        }
        supervision.match?.resume(isArmed: isArmed, tails: tails)
    }

    /// Output that may be what was waited for.
    func lookForReadiness(_ bytes: UnsafeRawBufferPointer, of stream: StreamName) {
        if supervision.match?.see(bytes, of: stream) == true { happen(.ready) }
    }

    /// The child wrote to its readiness descriptor, or closed it.
    func readReadyPipe() {
        var byte: UInt64 = 0
        var isOpen = true
        var sawNewline = false
        readyPipe.use { pipe in
            withUnsafeMutableBytes(of: &byte) { space in
                do throws(SystemError) {
                    let count = try pipe.read(into: space, "readiness")
                    isOpen = count > 0
                    sawNewline = space.prefix(count).contains(10)
                } catch {
                    isOpen = error.code == EAGAIN
                }
            }
        }
        if sawNewline || !isOpen { closeReadyPipe() }
        if sawNewline { happen(.ready) }
    }

    func closeReadyPipe() {
        readyPipe.use { pipe in
            poller.remove(pipe)
            resilience.forget(.ready)
        }
        readyPipe = nil
    }

    /// The child is about to be gone: what it said before that counts, whichever of the two was noticed first.
    func takeLastWords() {
        if supervision.match != nil {
            for stream in outputs where stream.failure == nil { read(stream.name) }
        }
        readReadyPipe()
        readNotes(areLast: true)
    }

    /// The child said something of itself.
    ///
    /// - Parameter areLast: the child is about to be gone, and all that it said is read.
    func readNotes(areLast: Bool = false) {
        // More than ever wait: the system's bound is net.unix.max_dgram_qlen.
        for _ in 0..<(areLast ? 1024 : 64) {
            guard let note = notes?.next() else { return }
            // The child is gone; one of its other processes wrote this.
            if child == nil { continue }
            if let status = note.status {
                recorder.status.note = status.isEmpty ? nil : status
                // However often it comes, it is written four times a second at most.
                deadlines.setIfUnset(.note, in: .milliseconds(250))
            }
            if note.isStopping { log.line("the child says that it is stopping") }
            if note.isAlive { supervision.lastWatchdog = monotonicNow() }
            if note.isReady, case .notify = settings.ready { happen(.ready) }
            if note.hangs, !areLast { exceed("watchdog: the child says that it hangs") }
        }
    }

    func becomeReady(isFirst: Bool) {
        let now = monotonicNow()
        run.readyAt = now
        supervision.match = nil
        deadlines.clear(.ready, .start)
        closeReadyPipe()
        recorder.status.child?.readyAt = Timestamp.now()
        clearReason()
        log.line("keeper ready: \(settings.id.string)")
        recorder.transition(to: life.state, .ready)
        // After the record: the starter looks there next. Said once: the reader may have stopped reading.
        if isFirst { report.ready() }
        supervision.lastWatchdog = now
        if let watchdog = settings.limits.watchdog { deadlines.set(.watchdog, in: watchdog) }
        scheduleRetry()
    }

    /// What was the matter is not any more; a full disk still is.
    func clearReason() {
        for stream in outputs where stream.failure != nil { return }
        recorder.status.reason = nil
    }
}
