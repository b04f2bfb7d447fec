import CSystem
import KeeperShared

// What a session's life is made of: its phases, what happens in it, and what is done then.
extension Life {
    /// Where the session is. Each phase has what only it needs.
    enum Phase: Equatable {
        case running
        /// The child is being ended by steps. Those before `next` are taken.
        case stopping([StopStep], next: Int)
        /// The child has ended; what it left behind is being ended.
        case clearing(Clearing)
        /// No process is left; the output is read to its end.
        case draining
        /// Between two children.
        case waiting
        /// The session has ended. `isLate`: the disk has not taken the record of that.
        case recording(isLate: Bool)
        /// The end is recorded. Only the files are there, until the starter has read them.
        case awaitingReader
        case over
    }

    /// How far the end of the leftovers has come.
    enum Clearing {
        case begun
        /// They were asked to end.
        case told
        case killed
    }

    /// Why the child is being ended, if anybody does that.
    enum Cause: Equatable {
        case none
        /// The session is to end.
        case stop
        /// Somebody asked for a restart.
        case restart
        /// A limit was exceeded. What happens then is up to the policy, unless the limit is the session's own.
        case limit(endsSession: Bool)
    }

    /// How urgent the end of the session is.
    enum Urgency: Int {
        case none
        case orderly
        /// The keeper itself was told to end.
        case termination
        case now
    }

    /// What a look at the session's processes, besides the child, has shown.
    enum Leftovers {
        case none
        case found([pid_t])
        /// It could not be found out this time.
        case unknown
        /// It can never be found out.
        case hidden
    }

    enum Event {
        /// A child has been started.
        case spawned
        /// The start of a child that is not the first is to be recorded.
        case started
        case ready
        case paused
        case resumed
        case stopRequested([StopStep], Urgency, outputIsBlocked: Bool)
        case restartRequested
        case limitExceeded(String, endsSession: Bool)
        case stepDue
        case childEnded(ProcessEnd)
        /// A process has ended, or output has: there may be nothing left.
        case changed
        case leftoversDue
        case looked(Leftovers, isDue: Bool)
        /// These have outlived the last step.
        case survived([pid_t])
        case stuckDue
        case output(isDrained: Bool, isBlocked: Bool, folderIsRemoved: Bool)
        /// - Parameter givenUp: why there is no restart; nil where the limit allows it.
        case restartCounted(givenUp: String?)
        /// The next child could not be started, and why.
        case startFailed(String, isTriedAgain: Bool)
        case recorded(isOnDisk: Bool, folderIsRemoved: Bool)
        case diskDue
        case left(awaitsReader: Bool)
        case readerGone
        /// The session of a keeper that was killed goes on.
        case restored
    }

    enum Action {
        case record(SessionEvent, SessionState)
        case recordStart
        case becomeReady(isFirst: Bool)
        /// For a keeper that goes on with the session.
        case noteCause
        case set(DeadlineKind, in: Int64)
        case setIfUnset(DeadlineKind, in: Int64)
        case clear(DeadlineKind)
        case setReason(String)
        case clearReason
        case take(StopStep.Action)
        case continueChild
        case forgetClosing
        /// The input waits for the next child.
        case detachInput(forgetsClosing: Bool)
        case closeInput
        /// Find out which processes are left: `looked` follows.
        case look(isDue: Bool)
        /// nil: they are not known.
        case endLeftovers([pid_t]?)
        case killLeftovers([pid_t])
        case killGroup
        case leaveHidden
        /// `survived` follows.
        case findSurvivors
        case strikeSurvivors
        case answerStops(survivors: [pid_t])
        case refuseRestarts
        /// `output` follows.
        case checkOutput
        /// Give up what the disk doesn't take: `changed` follows.
        case waiveOutput
        /// `restartCounted` follows.
        case countRestart
        case awaitRestart
        case startAtOnce
        case awaitNextTry(String)
        /// `recorded` follows both.
        case recordEnd
        case retryRecording
        case noteLateRecord
        case noteLostRecord
        case reportEnd
        /// `left` follows.
        case leave
        case removeNames
        case dismissReader
    }
}
