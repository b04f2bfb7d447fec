import CSystem
import KeeperShared

/// Puts a session together, in one order for all who need one: a start, the next binary of an upgrade, and a keeper
/// that goes on after another's death. First comes what the process needs, which can fail and owns nothing of the
/// session; then the place, the recorder and the session.
struct SessionBuilder: ~Copyable {
    private let settings: Settings
    private let log: KeeperLog
    private let poller: Poller
    private let signals: SignalReader
    /// The umask that this process was started with.
    let callersMask: mode_t

    /// Prepares the process: signals come through a descriptor, orphans come to this process, new files are private.
    init(_ settings: Settings, _ log: KeeperLog) throws(SystemError) {
        restoreSignal(SIGCHLD)
        ignoreSignals([SIGHUP, SIGPIPE, SIGXFSZ])
        try systemCall("prctl") { csys_prctl(PR_SET_CHILD_SUBREAPER, 1) }
        let poller = try Poller()
        signals = try SignalReader(Session.signals)
        self.poller = poller
        self.settings = settings
        self.log = log
        callersMask = umask(0o077)
    }

    /// A session that begins here.
    consuming func begin(
        in place: SessionPlace, _ status: SessionStatus, childDirectory: consuming FileDescriptor,
        report: SpawnReport
    ) throws(SystemError) -> Session {
        let recorder = SessionRecorder(status, in: place.folder)
        recorder.prepareEvents()
        let page = settings.isResilient ? try SharedPage() : nil
        let session = Session(
            settings: settings, place: place, log: log, report: report, recorder: recorder,
            resilience: Resilience(log, recorder.manager.queue, page), poller: poller,
            signals: signals, childDirectory: childDirectory, childMask: callersMask)
        try session.watch()
        return session
    }

    /// A session that another keeper, or another binary of this one, has begun. It owns the state's descriptors, also
    /// when there is a problem: who goes back needs them open.
    consuming func restore(
        _ state: SavedState, _ status: SessionStatus, _ problem: inout SystemError?
    ) -> Session {
        let place = SessionPlace(SessionNames(settings.id), restoring: state)
        let recorder = SessionRecorder(status, in: place.folder, restoring: state)
        var page: SharedPage?
        if state.page >= 0 {
            do throws(SystemError) { page = try SharedPage(owning: state.page) } catch { problem = error }
        }
        let session = Session(
            settings: settings, place: place, log: log,
            report: SpawnReport(FileDescriptor(owningIfOpen: state.report), isSilent: true),
            recorder: recorder, resilience: Resilience(log, recorder.manager.queue, page), poller: poller,
            signals: signals, childDirectory: FileDescriptor(owning: state.childDirectory),
            childMask: mode_t(state.childMask))
        session.restore(state, &problem)
        return session
    }
}
