import CSystem
import KeeperShared

// What happens goes into the machine, and what it says is done here.
extension Session {
    func happen(_ event: Life.Event) {
        for action in life.step(event) { perform(action) }
    }

    private func perform(_ action: Life.Action) {
        switch action {
        case .record(let event, let state): recordChange(event, to: state)
        case .recordStart: recordStart()
        case .becomeReady(let isFirst): becomeReady(isFirst: isFirst)
        case .noteCause: resilience.note(life.cause)
        case .set(let kind, let delay): deadlines.set(kind, in: delay)
        case .setIfUnset(let kind, let delay): deadlines.setIfUnset(kind, in: delay)
        case .clear(let kind): deadlines.clear(kind)
        case .setReason(let reason):
            recorder.status.reason = reason
            log.line(reason)
        case .clearReason: clearReason()
        case .take(let step): take(step)
        case .continueChild:
            signalChild(SIGCONT, pauseScope, orLog: "cannot continue the child")
            input.hold(false)
        case .forgetClosing: input.forgetClosing()
        case .detachInput(let forgetsClosing):
            let (unread, repeated) = input.childHasEnded()
            inputWasUnread(unread, repeated: repeated)
            if forgetsClosing { input.forgetClosing() }
        case .closeInput: input.closeNow("the child has ended")
        case .look(let isDue): happen(.looked(lookForLeftovers(), isDue: isDue))
        case .endLeftovers(let processes): endLeftovers(processes)
        case .killLeftovers(let processes): killLeftovers(processes)
        case .killGroup: killRestOfGroup()
        case .leaveHidden: noteHiddenProcesses()
        case .findSurvivors: happen(.survived((childPID.map { [$0] } ?? []) + (leftovers() ?? [])))
        case .strikeSurvivors: strikeSurvivors()
        case .answerStops(let survivors): answerStops(survivors: survivors)
        case .refuseRestarts: refuseRestarts()
        case .checkOutput:
            happen(
                .output(
                    isDrained: outputs.allSatisfy { $0.isDrained }, isBlocked: outputIsBlocked,
                    folderIsRemoved: outputIsBlocked && place.folder.isRemoved))
        case .waiveOutput: waiveOutput()
        case .countRestart: happen(.restartCounted(givenUp: countRestart()))
        case .awaitRestart: awaitRestart()
        case .startAtOnce:
            supervision.backoff = Backoff()
            startAgain()
        case .awaitNextTry(let why): awaitNextTry(after: why)
        case .recordEnd: recordEnd()
        case .retryRecording:
            recorder.retry()
            endIsRecorded()
        case .noteLateRecord: log.line("the end can't be recorded; trying again each second")
        case .noteLostRecord: noteLoss("the record of the end (\(endText))")
        case .reportEnd: reportEnd()
        case .leave: leave()
        case .removeNames: removeNames()
        case .dismissReader: readerHasGone()
        }
    }

    private func recordChange(_ event: SessionEvent, to state: SessionState) {
        switch event {
        case .stuck: log.line("stuck: processes survive SIGKILL")
        default: log.line("\(event.name)")
        }
        recorder.transition(to: state, event)
        scheduleRetry()
    }
}
