import CSystem
import KeeperShared

/// A session's life as one machine: an event goes in, the next phase and what is to be done come out.
///
/// It knows no process, no file and no clock: ``Session`` tells it what happens and does what it says. The state that
/// others see changes only as the table in ``SessionState/after(_:)`` allows.
struct Life {
    /// The session's own way to end a child.
    private let stopSteps: [StopStep]
    private let policy: RestartPolicy
    private let leavesLeftovers: Bool

    private(set) var phase = Phase.waiting
    /// As in the status.
    private(set) var state: SessionState
    private(set) var cause = Cause.none
    private(set) var urgency = Urgency.none
    /// Of the last child.
    private(set) var end: ProcessEnd?
    /// The child of now has been ready.
    private(set) var isReady = false
    /// One that has never been ready is not tried again.
    private(set) var hasBeenReady = false
    /// Why it is not tried again although the policy would.
    private(set) var givenUp: String?
    private(set) var hasFailed = false
    /// How long leftovers are given after the child's end, in ns.
    private(set) var leftoverGrace = Life.usualGrace
    private var actions: [Action] = []

    private static var usualGrace: Int64 { Faults.paced(.seconds(2)) }
    /// How long output is awaited after the child's end while other processes hold it, in ns.
    static var drainTime: Int64 { Faults.paced(.seconds(2)) }

    init(stopSteps: [StopStep], policy: RestartPolicy, leavesLeftovers: Bool, state: SessionState) {
        self.stopSteps = stopSteps
        self.policy = policy
        self.leavesLeftovers = leavesLeftovers
        self.state = state
    }

    // MARK: What is known of it

    var wasStopped: Bool { urgency != .none }

    var isBeingEnded: Bool { cause != .none }

    var isOver: Bool { phase == .over }

    var isRecording: Bool {
        if case .recording = phase { true } else { false }
    }

    /// Nothing of the last child is left: the next one is waited for, or the session has ended.
    var isSettled: Bool {
        switch phase {
        case .waiting, .recording, .awaitingReader, .over: true
        case .running, .stopping, .clearing, .draining: false
        }
    }

    /// Whether another child follows the one that has ended or is being ended.
    var willRestart: Bool {
        if wasStopped { return false }
        switch cause {
        case .restart: return true
        case .stop: return false
        case .limit(let endsSession):
            return !endsSession && hasBeenReady && policy.wantsRestart(failed: true)
        case .none:
            guard let end else { return false }
            return hasBeenReady && policy.wantsRestart(failed: end != .exited(0))
        }
    }

    /// Whether a restart makes sense now.
    var takesRestart: Bool {
        switch state {
        case .starting, .running, .paused, .backoff: true
        case .stopping: !wasStopped
        case .stuck, .exited, .failed, .lost: false
        }
    }

    private var isRunning: Bool { phase == .running && !isBeingEnded }

    // MARK: Going on

    /// Takes the place of another keeper's or binary's.
    mutating func restore(isSettled: Bool, isReady: Bool, hasBeenReady: Bool, end: ProcessEnd?) {
        phase = isSettled ? .waiting : .running
        self.isReady = isReady
        self.hasBeenReady = hasBeenReady
        if isSettled { self.end = end ?? .unknown }
    }

    /// What the other keeper was about to do.
    mutating func restore(_ cause: Cause) {
        self.cause = cause
        if case .stop = cause { urgency = .orderly }
    }

    /// The other keeper was killed right after it had recorded that.
    mutating func restoreReady() {
        isReady = true
        hasBeenReady = true
    }

    /// Takes an event.
    ///
    /// - Returns: what is to be done, in this order. An action whose event follows at once is the last.
    mutating func step(_ event: Event) -> [Action] {
        take(event)
        defer { actions = [] }
        return actions
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .spawned:
            phase = .running
            (cause, end, isReady, leftoverGrace) = (.none, nil, false, Life.usualGrace)
        case .started: if change(.started) { add(.recordStart) }
        case .ready:
            guard isRunning, !isReady, change(.ready) else { return }
            add(.becomeReady(isFirst: !hasBeenReady))
            restoreReady()
        case .paused: if change(.paused) { add(.record(.paused, state)) }
        case .resumed: if change(.resumed) { add(.record(.resumed, state)) }
        case .stopRequested(let steps, let urgency, let isBlocked): stop(steps, urgency, isBlocked)
        case .restartRequested: restart()
        case .limitExceeded(let reason, let endsSession):
            guard isRunning else { return }
            cause = .limit(endsSession: endsSession)
            add(.setReason(reason))
            endChild(by: stopSteps, reason: reason)
        case .stepDue: takeSteps()
        case .childEnded(let end): childHasEnded(end)
        case .changed:
            if case .clearing = phase { add(.look(isDue: false)) }
            if case .draining = phase { add(.checkOutput) }
        case .leftoversDue: if case .clearing = phase { add(.look(isDue: true)) }
        case .looked(let left, let isDue): clear(left, isDue: isDue)
        case .survived(let processes): becomeStuck(processes)
        case .stuckDue:
            guard state == .stuck, !isOver else { return }
            add(.set(.stuck, in: Faults.paced(.seconds(5))), .strikeSurvivors)
        case .output(let isDrained, let isBlocked, let isRemoved): drain(isDrained, isBlocked, isRemoved)
        case .restartCounted(let givenUp):
            self.givenUp = givenUp
            if givenUp == nil { awaitRestart() } else { endSession() }
        case .startFailed(let reason, let isTriedAgain):
            cause = .none
            if isTriedAgain { return add(.awaitNextTry(reason)) }
            givenUp = "cannot start the command again: \(reason)"
            endSession()
        case .recorded(let isOnDisk, let isRemoved): endIsRecorded(isOnDisk, isRemoved)
        case .diskDue: if isRecording { add(.retryRecording) }
        case .left(let awaitsReader):
            phase = awaitsReader ? .awaitingReader : .over
            if !awaitsReader { add(.removeNames) }
        case .readerGone:
            if phase != .awaitingReader { return }
            phase = .over
            add(.removeNames)
        case .restored: goOn()
        }
    }

    private mutating func add(_ actions: Action...) { self.actions += actions }

    private mutating func change(_ change: StateChange) -> Bool {
        guard let next = state.after(change) else { return false }
        state = next
        return true
    }

    // MARK: Ending the child

    private mutating func stop(_ steps: [StopStep], _ wanted: Urgency, _ outputIsBlocked: Bool) {
        switch phase {
        case .over: return
        case .awaitingReader:
            return add(wanted == .orderly ? .answerStops(survivors: []) : .dismissReader)
        case .recording:
            if wanted != .now { return }
            urgency = .now
            return add(.retryRecording)
        case .clearing, .draining:
            if wanted != .now || !outputIsBlocked { break }
            (urgency, cause, leftoverGrace) = (.now, .stop, 0)
            if case .clearing(.told) = phase { add(.set(.leftovers, in: 0)) }
            return add(.noteCause, .waiveOutput)
        case .running, .stopping, .waiting: break
        }
        // One that is no more urgent than the last waits with it.
        if wanted.rawValue <= urgency.rawValue, state != .stuck { return }
        urgency = wanted
        cause = .stop
        switch wanted {
        case .none, .orderly: break
        case .termination: leftoverGrace = min(leftoverGrace, .milliseconds(500))
        case .now: leftoverGrace = 0
        }
        endChild(by: steps)
    }

    private mutating func restart() {
        switch state {
        case .backoff:
            if case .waiting = phase { add(.forgetClosing, .startAtOnce) }
        case .starting, .running, .paused:
            if isBeingEnded { return }
            cause = .restart
            add(.forgetClosing)
            endChild(by: stopSteps)
        case .stopping:
            // It is being ended for a restart, or for a limit that may have ended the session.
            cause = .restart
            add(.noteCause, .forgetClosing)
        case .exited, .failed, .stuck, .lost: break
        }
    }

    private mutating func endChild(by steps: [StopStep], reason: String? = nil) {
        add(.noteCause)
        switch phase {
        case .running, .stopping:
            let wasPaused = state == .paused
            if change(.stopping) { add(.record(.stopping(reason: reason), state)) }
            // A stopped child can't see the end of its stdin, nor act on a signal.
            if wasPaused { add(.continueChild) }
            phase = .stopping(steps, next: 0)
            takeSteps()
        case .clearing(.killed):
            // Another look says who is left.
            if state == .stuck { add(.look(isDue: true)) }
        case .clearing: add(.set(.leftovers, in: leftoverGrace))
        case .draining: add(.checkOutput)
        case .waiting:
            // There is nothing to wait for.
            add(.clear(.restart))
            if change(.stopping) { add(.record(.stopping(reason: reason), state)) }
            endSession()
        case .recording, .awaitingReader, .over: break
        }
    }

    private mutating func takeSteps() {
        guard case .stopping(let steps, var next) = phase else { return }
        while next < steps.count {
            let step = steps[next]
            next += 1
            if case .signal(SIGKILL) = step.action { leftoverGrace = 0 }
            add(.take(step.action))
            // Even SIGKILL takes a moment.
            let wait = step.wait == 0 && next == steps.count ? .seconds(1) : step.wait
            if wait == 0 { continue }
            phase = .stopping(steps, next: next)
            return add(.set(.stopStep, in: wait))
        }
        add(.findSurvivors)
    }

    private mutating func becomeStuck(_ survivors: [pid_t]) {
        // Told to end once more, with the child gone, it is what it was.
        if change(.stuck) { add(.record(.stuck(survivors: survivors), state)) }
        add(.answerStops(survivors: survivors), .refuseRestarts, .set(.stuck, in: Faults.paced(.seconds(5))))
        // Told to end, the keeper has done what it can; a service manager would only kill it.
        if urgency == .termination { add(.leave) }
    }

    // MARK: After the child's end

    private mutating func childHasEnded(_ end: ProcessEnd) {
        self.end = end
        switch phase {
        case .recording, .awaitingReader, .over: return
        case .running, .stopping, .clearing, .draining, .waiting: break
        }
        if case .limit = cause {} else { add(.clearReason) }
        // A child that failed at what its closed stdin told it to do is followed by one that is told the same.
        add(willRestart ? .detachInput(forgetsClosing: !isBeingEnded && end == .exited(0)) : .closeInput)
        phase = leavesLeftovers ? .draining : .clearing(.begun)
        if !leavesLeftovers { add(.look(isDue: false)) }
    }

    /// Ends what the child left behind: it is asked, then killed, and what survives that is reported.
    private mutating func clear(_ left: Leftovers, isDue: Bool) {
        guard case .clearing(let progress) = phase else { return }
        switch (left, progress) {
        case (.none, .begun): phase = .draining
        case (.none, _): endClearing()
        case (.found(let processes), .begun):
            phase = .clearing(.told)
            add(.endLeftovers(processes), .set(.leftovers, in: leftoverGrace))
        case (.found(let processes), .told):
            if !isDue { return }
            phase = .clearing(.killed)
            add(.killLeftovers(processes), .set(.leftovers, in: Faults.paced(.seconds(2))))
        case (.found(let processes), .killed):
            // Processes that have appeared since then get the same.
            if isDue { becomeStuck(processes) } else { add(.killLeftovers(processes)) }
        case (.unknown, .begun), (.hidden, .begun):
            phase = .clearing(.told)
            add(.endLeftovers(nil), .set(.leftovers, in: leftoverGrace))
        case (.unknown, _): add(.setIfUnset(.leftovers, in: .seconds(1)))
        case (.hidden, _) where !isDue: break
        case (.hidden, .told):
            phase = .clearing(.killed)
            add(.killGroup, .set(.leftovers, in: Faults.paced(.seconds(2))))
        case (.hidden, .killed):
            // What can't be known keeps no session alive.
            add(.leaveHidden)
            endClearing()
        }
    }

    private mutating func endClearing() {
        phase = .draining
        add(.clear(.leftovers), .checkOutput)
    }

    private mutating func drain(_ isDrained: Bool, _ isBlocked: Bool, _ folderIsRemoved: Bool) {
        guard case .draining = phase else { return }
        if isDrained {
            add(.clear(.drain))
            guard willRestart else { return endSession() }
            if case .restart = cause { return awaitRestart() }
            return add(.countRestart)
        }
        if isBlocked, urgency == .now || folderIsRemoved { return add(.waiveOutput) }
        add(urgency == .now ? .set(.drain, in: 0) : .setIfUnset(.drain, in: Life.drainTime))
    }

    private mutating func awaitRestart() {
        phase = .waiting
        if change(.backoff) { add(.awaitRestart) }
    }

    // MARK: The session's end

    private mutating func endSession() {
        phase = .recording(isLate: false)
        var wasLimited = false
        if case .limit = cause { wasLimited = true }
        hasFailed = !wasStopped && (givenUp != nil || !hasBeenReady && (wasLimited || end != .exited(0)))
        let isKnown = change(hasFailed ? .failed : .exited)
        assert(isKnown, "\(state.name)")
        add(.recordEnd)
    }

    private mutating func endIsRecorded(_ isOnDisk: Bool, _ folderIsRemoved: Bool) {
        guard case .recording(let isLate) = phase else { return }
        if !isOnDisk {
            guard urgency == .now || folderIsRemoved else {
                if !isLate { add(.noteLateRecord) }
                phase = .recording(isLate: true)
                return add(.set(.disk, in: .seconds(1)))
            }
            add(.noteLostRecord)
        }
        add(.refuseRestarts, .reportEnd, .leave)
    }

    // MARK: After another keeper's death

    private mutating func goOn() {
        switch phase {
        case .waiting:
            if wasStopped {
                if change(.stopping) { add(.record(.stopping(reason: nil), state)) }
                return endSession()
            }
            // The other keeper may have been about to start the next child.
            state = .backoff
            add(.setIfUnset(.restart, in: 0))
        case .running:
            if state == .stuck {
                phase = .stopping([], next: 0)
                add(.set(.stuck, in: .seconds(1)))
            } else if isBeingEnded {
                endChild(by: stopSteps)
            }
        case .stopping, .clearing, .draining, .recording, .awaitingReader, .over: break
        }
    }
}
