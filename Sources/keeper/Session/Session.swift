import CSystem
import KeeperShared

/// One session from the child's start to the end: all its state, and the loop that turns readiness into calls.
final class Session {
    let settings: Settings
    let place: SessionPlace
    let log: KeeperLog
    let report: SpawnReport
    let recorder: SessionRecorder
    let poller: Poller
    let input: InputRouter
    let control: ControlServer
    private let signals: SignalReader
    var deadlines = Deadlines()

    /// nil once the child is reaped.
    var child: ProcessHandle?
    var run = ChildRun()
    var supervision = Supervision()
    var outputs: [OutputStream] = []
    var notes: NotifySocket?
    /// nil where the session has none of its own.
    private(set) lazy var childGroup = ChildGroup(below: recorder.status.keeper)
    var readyPipe: FileDescriptor?
    var keys = DeliveredKeys()
    var upgrade: UpgradeRequest?
    let resilience: Resilience
    /// Processes that an inherited child left behind.
    var watched: [WatchedProcess] = []
    var ending = Ending()
    var life: Life
    /// Where each child starts, and with which umask: its caller's.
    let childDirectory: FileDescriptor
    let childMask: mode_t

    /// Read into and written from, never held: given back when idle.
    private var scratch = PageBuffer()
    var lastOutput: StreamName?
    /// Unix time in ns of this turn of the loop; 0 before somebody asks.
    private var turnTime: Int64 = 0
    private let maximumConnections: Int
    private var acceptHasFailed = false
    private var isCleared = false
    /// /proc does not show the session's processes; said in the log.
    var processesAreHidden = false
    private var capturedSize = (bound: 0, interval: Int64(0))

    init(
        settings: Settings, place: SessionPlace, log: KeeperLog, report: SpawnReport,
        recorder: SessionRecorder, resilience: Resilience, poller: Poller, signals: consuming SignalReader,
        childDirectory: consuming FileDescriptor, childMask: mode_t
    ) {
        self.childDirectory = childDirectory
        self.childMask = childMask
        self.settings = settings
        self.place = place
        self.log = log
        self.report = report
        self.recorder = recorder
        self.resilience = resilience
        self.poller = poller
        self.signals = signals
        var leavesLeftovers = false
        if case .leave = settings.leftovers { leavesLeftovers = true }
        life = Life(
            stopSteps: settings.stopSteps, policy: settings.restart, leavesLeftovers: leavesLeftovers,
            state: recorder.status.state)
        var limit = rlimit()
        getrlimit(RLIMIT_NOFILE, &limit)
        maximumConnections = max(4, Int(min(limit.rlim_cur, 1 << 20)) - 40)
        input = InputRouter(
            poller: poller, maximumLine: settings.maximumLine, maximumPending: settings.maximumPending)
        input.lineGuard = resilience.lineGuard
        control = ControlServer(poller: poller)
        if let size = settings.terminalSize {
            // What it was changed to outlives an upgrade with the status; older keepers have none there.
            let present = recorder.status.terminalSize ?? size
            recorder.status.terminalSize = present
            input.stdin.kind = .terminal(TerminalEnd(size: present))
        }
        // Cycles, for as long as the process.
        input.report = { self.handle($0) }
        control.perform = { self.perform($0) }
        control.acceptStream = { self.input.accept($0, stream: $1) }
        recorder.extents = { (self.extent(of: .stdout), self.extent(of: .stderr)) }
        recorder.manager.queue.poller = poller
        if case .log(let bound, let interval) = settings.output { capturedSize = (bound, interval) }
    }

    static var signals: [Int32] { [SIGCHLD, SIGTERM, SIGINT, SIGQUIT] }

    func watch() throws(SystemError) {
        try poller.add(signals.descriptor, .input, token: Token.signals)
        try poller.add(place.inputListener, .input, token: Token.inputListener)
        try poller.add(place.controlListener, .input, token: Token.controlListener)
    }

    func runLoop() {
        feedServiceWatchdog()
        while !life.isOver {
            secure()
            turnTime = 0
            input.process()
            if life.isOver { break }
            do throws(SystemError) {
                try poller.wait(timeout: input.hasWork ? 0 : deadlines.timeout()) { token, readiness in
                    handle(token, readiness)
                }
            } catch {
                // The loop can't go on without epoll; ending the child in order is what is left.
                log.line("epoll failed: \(error.text)")
                stop(terminationSteps, .termination)
            }
            while let due = deadlines.takeDue() { handle(due) }
            if upgrade != nil { continueUpgrade() }
        }
    }

    private func handle(_ token: UInt64, _ readiness: Readiness) {
        noteActivity()
        switch token {
        case Token.signals: handleSignals()
        case Token.inputListener: accept(inputs: true)
        case Token.controlListener: accept(inputs: false)
        case Token.stdin: input.stdinIsReady()
        case Token.stdout: read(.stdout)
        case Token.stderr: read(.stderr)
        case Token.report: readerHasGone()
        case Token.notify: readNotes()
        case Token.readyPipe: readReadyPipe()
        case Token.inherited: inheritedHasEnded()
        case Token.serviceManager: recorder.manager.queue.drain()
        case let token where Token.isInput(token): input.isReady(token, readiness)
        case let token where Token.isControl(token): control.isReady(token, readiness)
        default: break
        }
    }

    private func handle(_ due: DeadlineKind) {
        if due == .serviceWatchdog { return feedServiceWatchdog() }
        if due != .idle { noteActivity() }
        switch due {
        case .ready: happen(.ready)
        case .stopStep: happen(.stepDue)
        case .leftovers: happen(.leftoversDue)
        case .drain: giveUpDraining()
        case .disk: retryDisk()
        case .accept: resumeAccepting()
        case .idle: becomeIdle()
        case .logSize: log.checkSize()
        case .serviceWatchdog: break
        case .restart: startAgain()
        case .stuck: happen(.stuckDue)
        case .start, .runtime, .idleLimit, .silence, .watchdog: checkLimit(due)
        case .sample: sample()
        case .upgrade: upgradeIsLate()
        case .note: recorder.writeStatus()
        }
    }

    private func handleSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGCHLD: reap()
            default:
                log.line("keeper received \(signalName(signal))")
                stop(terminationSteps, .termination)
            }
        }
    }

    // MARK: Connections

    private func accept(inputs: Bool) {
        do throws(SystemError) {
            for _ in 0..<64 {
                if inputs, input.count >= maximumConnections {
                    // What is left is for the control socket, and for ending in order.
                    poller.remove(place.inputListener)
                    return retryLater()
                }
                let socket = inputs ? try place.inputListener.accept() : try place.controlListener.accept()
                guard let socket else { return }
                acceptHasFailed = false
                take(socket, inputs: inputs)
            }
        } catch {
            // Out of descriptors: a listener that stays watched would spin.
            if !acceptHasFailed { log.line("cannot accept: \(error.reason); trying again each second") }
            acceptHasFailed = true
            poller.remove(place.inputListener)
            poller.remove(place.controlListener)
            retryLater()
        }
    }

    private func take(_ socket: consuming FileDescriptor, inputs: Bool) {
        let user = socket.peerUser()
        guard let user, user == 0 || user == geteuid() else {
            return log.line("refused a connection of user \(user.map { "\($0)" } ?? "?")")
        }
        if inputs { input.accept(socket) } else { control.accept(socket) }
    }

    private func resumeAccepting() {
        input.stdinIsReady()
        let inputs = listen(place.inputListener, Token.inputListener)
        let controls = listen(place.controlListener, Token.controlListener)
        if !inputs || !controls { retryLater() }
    }

    private func listen(_ listener: borrowing FileDescriptor, _ token: UInt64) -> Bool {
        do throws(SystemError) {
            try poller.add(listener, .input, token: token)
            return true
        } catch {
            return error.code == EEXIST
        }
    }

    /// Tries again in a second what a shortage of descriptors or of epoll's room has stopped.
    func retryLater() { deadlines.set(.accept, in: .seconds(1)) }

    func acceptWaiting() {
        // What can't be accepted now is closed with the listener, or accepted in the loop.
        while let socket = try? place.inputListener.accept() { take(socket, inputs: true) }
    }

    // MARK: Output

    func read(_ name: StreamName) {
        guard let stream = outputs.first(where: { $0.name == name }) else { return }
        let hadFailed = stream.failure != nil
        do throws(SystemError) {
            try stream.read(into: &scratch) { bytes, failure in write(bytes, of: stream, &failure) }
        } catch {
            log.line("reading \(name.text) failed: \(error.text)")
            stream.giveUp()
        }
        if !hadFailed, let failure = stream.failure { diskIsFull(stream, failure) }
        if stream.isDrained { happen(.changed) }
    }

    /// Drops from the stage of a stream what the keeper before had written.
    func recoverStage(_ stream: OutputStream) throws(SystemError) { try stream.recoverStage(&scratch) }

    private func write(
        _ bytes: UnsafeRawBufferPointer, of stream: OutputStream, _ failure: inout SystemError?
    ) -> Int {
        outputHasCome()
        let count = put(bytes, of: stream, &failure)
        // After the journal: clients that wait for it look there.
        lookForReadiness(UnsafeRawBufferPointer(rebasing: bytes[..<count]), of: stream.name)
        return count
    }

    private func put(
        _ bytes: UnsafeRawBufferPointer, of stream: OutputStream, _ failure: inout SystemError?
    ) -> Int {
        switch stream.sink {
        case .journal(let journal):
            if turnTime == 0 { turnTime = Timestamp.now().nanoseconds }
            let interrupted = lastOutput != stream.name
            lastOutput = stream.name
            return journal.append(bytes, time: turnTime, interrupted: interrupted, failure: &failure)
        case .log:
            // Looked at only while something is captured.
            if !deadlines.isSet(.logSize) { deadlines.set(.logSize, in: capturedSize.interval) }
            return log.append(bytes, failure: &failure)
        }
    }

    private func diskIsFull(_ stream: OutputStream, _ failure: SystemError) {
        log.line("\(stream.name.text) is not read until the disk takes more: \(failure.text)")
        noteFullDisk(failure)
        recorder.writeStatus()
        recorder.record(.journalFull(stream.name, failure))
        deadlines.set(.disk, in: .seconds(1))
    }

    /// Says in the status why output waits.
    func noteFullDisk(_ failure: SystemError) {
        recorder.status.reason = "journalFull: \(failure.reason)"
    }

    private func retryDisk() {
        for stream in outputs where stream.failure != nil {
            let isWritten = stream.retry(through: &scratch) { bytes, failure in
                write(bytes, of: stream, &failure)
            }
            guard isWritten else { continue }
            log.line("\(stream.name.text) is read again")
            if outputs.allSatisfy({ $0.failure == nil }) { recorder.status.reason = nil }
            recorder.writeStatus()
            recorder.record(.journalResumed(stream.name))
            if stream.isDrained { happen(.changed) }
        }
        if life.isRecording { return happen(.diskDue) }
        if childPID != nil, !place.hasChildSidecar { recordChild() }
        recorder.retry()
        if recorder.hasBacklog || outputs.contains(where: { $0.failure != nil }) {
            deadlines.set(.disk, in: .seconds(1))
        }
    }

    /// Tries again later what the disk didn't take.
    func scheduleRetry() {
        if recorder.hasBacklog, !deadlines.isSet(.disk) { deadlines.set(.disk, in: .seconds(1)) }
    }

    func flushIndexes() {
        for stream in outputs {
            if case .journal(let journal) = stream.sink { journal.flushIndex() }
        }
    }

    private func extent(of name: StreamName) -> StreamExtent {
        for stream in outputs where stream.name == name {
            if case .journal(let journal) = stream.sink { return journal.extent }
        }
        return StreamExtent()
    }

    // MARK: Rest

    /// Gives the service manager its sign of life, and sees to the next one.
    private func feedServiceWatchdog() {
        let interval = recorder.manager.watchdogInterval
        if interval == 0 { return }
        recorder.manager.feedWatchdog()
        deadlines.set(.serviceWatchdog, in: interval)
    }

    private func noteActivity() {
        isCleared = false
        if !deadlines.isSet(.idle) { deadlines.set(.idle, in: .milliseconds(100)) }
    }

    /// Gives memory back once nothing has happened for a moment.
    private func becomeIdle() {
        // Activity stores no time of its own: one more look says whether there was any.
        if !isCleared {
            isCleared = true
            deadlines.set(.idle, in: .milliseconds(100))
            return
        }
        flushIndexes()
        scratch.discard()
        input.releaseMemory()
        csys_release_memory()
    }
}
