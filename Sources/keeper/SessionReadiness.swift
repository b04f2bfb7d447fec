import CSystem
import KeeperShared

// When a child counts as ready, and what it says of itself.
extension Session {
    /// Whether the child is given a socket for notes.
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
        if supervision.match?.see(bytes, of: stream) == true { becomeReady() }
    }

    /// The child wrote to its readiness descriptor, or closed it.
    func readReadyPipe() {
        var byte: UInt64 = 0
        var isOpen = true
        var sawNewline = false
        switch readyPipe {
        case .none: return
        case .some(let pipe):
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
        if sawNewline { becomeReady() }
    }

    func closeReadyPipe() {
        switch readyPipe {
        case .some(let pipe):
            poller.remove(pipe)
            resilience?.forget(.ready)
        case .none: break
        }
        readyPipe = nil
    }

    /// The child said something of itself.
    func readNotes() {
        for _ in 0..<64 {
            guard let note = notes?.next() else { return }
            // A child that is gone has nothing to say; somebody of its processes may still.
            if child == nil { continue }
            if let status = note.status {
                recorder.status.note = status.isEmpty ? nil : status
                // Whoever says it often is written down four times a second.
                deadlines.setIfUnset(.note, in: .milliseconds(250))
            }
            if note.isStopping { log.line("the child says that it is stopping") }
            if note.isAlive { supervision.lastWatchdog = monotonicNow() }
            if note.isReady, case .notify = settings.ready { becomeReady() }
            if note.hangs { exceed("watchdog: the child says that it hangs") }
        }
    }

    func becomeReady() {
        guard child != nil, !run.wasReady else { return }
        let now = monotonicNow()
        run.readyAt = now
        supervision.hasBeenReady = true
        supervision.match = nil
        deadlines.clear(.ready)
        deadlines.clear(.start)
        closeReadyPipe()
        recorder.status.child?.readyAt = Timestamp.now()
        if !run.isBeingEnded { recorder.status.reason = nil }
        updateExtents()
        log.line("keeper ready: \(settings.id.string)")
        if recorder.status.state == .starting {
            recorder.transition(to: .running, "ready", in: place.folder)
        } else {
            recorder.writeStatus(in: place.folder)
        }
        supervision.lastWatchdog = now
        if let watchdog = settings.limits.watchdog { deadlines.set(.watchdog, in: watchdog) }
        report.ready()
        scheduleRetry()
    }
}
