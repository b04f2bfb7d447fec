import CSystem
import KeeperShared

/// What lets another keeper go on with the session should this one be killed: what is open, in the service manager's
/// store, and in a shared page what can't be found out from the files.
///
/// Without a page, in a session that ends with its keeper, it does nothing.
final class Resilience {
    private let page: SharedPage?
    private let log: KeeperLog
    private let queue: ManagerQueue
    /// What belongs to the session is in the store, or on its way there.
    private var isKept: Bool
    private var hasFailed = false

    /// - Parameter page: a new one, or the one that another keeper, or another binary of this one, made.
    init(_ log: KeeperLog, _ queue: ManagerQueue, _ page: SharedPage?) {
        self.page = page
        self.log = log
        self.queue = queue
        isKept = page.map { $0[.isStored] != 0 } ?? false
        // A cycle, for as long as the process.
        queue.whenStoreFails = { error in self.complain(error) }
        queue.whenReached = { slot in page?[slot] = 1 }
    }

    var isOn: Bool { page != nil }
    var number: Int32 { page?.file.raw ?? -1 }
    /// Notes what becomes of lines; nil where nobody would ask.
    var lineGuard: LineGuard? { page.map { LineGuard($0) } }
    /// A line of input may have been torn.
    var lineIsOpen: Bool { page.map { $0[.lineIsOpen] != 0 } ?? false }
    /// When the keeper last did something, on the monotonic clock; nil when that is not known.
    var lastTurn: Int64? {
        guard let time = page?[.lastTurn], time > 0 else { return nil }
        return time
    }

    /// Where output survives the keeper; nil where it needs not.
    func makeStage(_ stream: StreamName) throws(SystemError) -> OutputStage? {
        guard let page else { return nil }
        return try OutputStage(stream, page, queue)
    }

    /// The same with what another keeper, or another binary of this one, made.
    func restoreStage(_ stream: StreamName, owning number: Int32) throws(SystemError) -> OutputStage? {
        guard let page, number >= 0 else { return nil }
        return try OutputStage(stream, page, queue, owning: number)
    }

    func noteOver(exitStatus: Int32) { page?[.isOver] = 1 + Int64(exitStatus) }

    /// A child is about to be started: what belongs to the one before is let go.
    func childWillStart() {
        guard let page else { return }
        queue.cancelMark(.hasChild)
        page[.hasChild] = 0
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let ticks = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        page[.spawnTime] = Int64(time.tv_sec) * ticks + Int64(time.tv_nsec) / (1_000_000_000 / ticks)
        if !isKept { return }
        for name in [.stdin, .stdout, .stderr, .child, .ready] as [DescriptorStore.Name] { forget(name) }
    }

    /// What belongs to the new child is in the store, or on its way there.
    func noteChild(_ pid: pid_t, startTime: UInt64) {
        guard let page else { return }
        page[.lineIsOpen] = 0
        page[.childEnd] = 0
        page[.cause] = 0
        page[.childPID] = Int64(pid)
        page[.childStartTime] = Int64(bitPattern: startTime)
    }

    func noteTurn() { page?[.lastTurn] = monotonicNow() }

    /// Stores the state as it is now.
    func store(_ state: SavedState) {
        guard let page else { return }
        var coder = StateCoder()
        var state = state
        state.code(&coder)
        do throws(SystemError) { try page.storeState(coder.bytes) } catch { complain(error) }
    }

    /// Why the child is being ended: before anything is done about it.
    func note(_ cause: Life.Cause) {
        guard let page else { return }
        switch cause {
        case .none: page[.cause] = 0
        case .stop: page[.cause] = 1
        case .restart: page[.cause] = 2
        case .limit(let endsSession): page[.cause] = endsSession ? 4 : 3
        }
    }

    /// Why the child was being ended.
    var cause: Life.Cause {
        switch page?[.cause] ?? 0 {
        case 1: .stop
        case 2: .restart
        case 3: .limit(endsSession: false)
        case 4: .limit(endsSession: true)
        default: .none
        }
    }

    /// How the child ended, which only its parent gets to know.
    func note(_ end: ProcessEnd) {
        guard let page else { return }
        switch end {
        case .exited(let code): page[.childEnd] = 1 << 32 | Int64(code)
        case .signalled(let signal): page[.childEnd] = 2 << 32 | Int64(signal)
        case .unknown: page[.childEnd] = 3 << 32
        }
    }

    /// How the child that the page speaks of ended; nil when nobody had learned of it.
    var childEnd: ProcessEnd? {
        guard let page else { return nil }
        let value = Int32(truncatingIfNeeded: page[.childEnd])
        switch page[.childEnd] >> 32 {
        case 0: return nil
        case 1: return .exited(value)
        case 2: return .signalled(value)
        default: return .unknown
        }
    }

    // MARK: The store

    func forget(_ name: DescriptorStore.Name) { if isOn { DescriptorStore.remove(name, through: queue) } }

    /// The session is over: nothing is left to go on with.
    func forgetAll() { if isOn { DescriptorStore.removeAll(through: queue) } }

    /// What belongs to the session is stored from here on.
    func begin() {
        isKept = true
        keep(number, .page)
    }

    /// Stores a descriptor, if it is open.
    func keep(_ number: Int32, _ name: DescriptorStore.Name) {
        if number >= 0 { DescriptorStore.store(number, name, through: queue) }
    }

    /// Notes in the page, once all before it has been sent, that the store has it.
    func mark(_ slot: SharedPage.Slot) { queue.mark(slot) }

    private func complain(_ error: SystemError) {
        if !hasFailed { log.line("the session would not survive this keeper: \(error.text)") }
        hasFailed = true
    }
}
