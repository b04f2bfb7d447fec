import CSystem
import KeeperShared

/// One session at one moment.
final class SessionSample {
    let id: SessionID
    fileprivate(set) var state = SessionState.starting
    fileprivate(set) var keeper: pid_t?
    fileprivate(set) var startedAt: Timestamp?
    // What the status says; nil and nothing while there is none, and for a foreign keeper.
    fileprivate(set) var instance: String?
    fileprivate(set) var command: [[UInt8]] = []
    fileprivate(set) var labels: [Label] = []
    fileprivate(set) var restarts: Int?
    fileprivate var keeperStart: UInt64?
    fileprivate var child: ProcessIdentity?
    /// How much each stream has carried.
    fileprivate(set) var stdout = 0
    fileprivate(set) var stderr = 0
    /// nil when there are no processes, or none that can be seen from here.
    fileprivate(set) var usage: ResourceUsage?
    fileprivate(set) var keeperUsage: ResourceUsage?
    /// What the child alone has read.
    fileprivate(set) var childRead: Int?
    // Since the sample before; nil without one.
    /// 1,000 is one processor.
    fileprivate(set) var cpuPermille: Int?
    /// Bytes in a second.
    fileprivate(set) var inputRate: Int?
    fileprivate(set) var outputRate: Int?

    init(_ id: SessionID) { self.id = id }

    var output: Int { stdout + stderr }
}

/// Measures sessions again and again, from /proc and their files alone.
final class SessionSampler {
    /// In the order of their ids, or in that in which they were named.
    private(set) var sessions: [SessionSample] = []
    private var time: Int64 = 0
    private let directory: FileDescriptor
    private let ids: [SessionID]
    private let detail: UsageDetail
    private let processes = ProcessSampler()
    private let namespace = pidNamespace()
    /// A nested session that ends adds its whole time to that of the outer one.
    private let mostPermille = 1000 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// - Parameter ids: none for all there are at each moment.
    init(
        _ directory: borrowing FileDescriptor, ids: [SessionID] = [], _ detail: UsageDetail
    ) throws(SystemError) {
        self.directory = try directory.duplicate()
        self.ids = ids
        self.detail = detail
    }

    /// Measures anew.
    func sample() throws(SystemError) {
        let before = sessions
        var found: [SessionSample] = []
        if ids.isEmpty {
            for session in try Discovery(of: directory).sessions {
                if let sample = look(session.id, session.ownership) { found.append(sample) }
            }
        } else {
            for id in ids {
                if let sample = look(id, try Ownership.of(SessionNames(id), in: directory)) {
                    found.append(sample)
                }
            }
        }
        processes.scan(keepers: found.compactMap { $0.keeper })
        let now = monotonicNow()
        let elapsed = max(1, now - time)
        time = now
        var next = 0
        for sample in found {
            measure(sample)
            // Both are in the same order.
            var place = next
            while place < before.count, !(before[place].id == sample.id) { place += 1 }
            if place < before.count {
                next = place + 1
                rate(sample, since: before[place], elapsed)
            }
        }
        sessions = found
    }

    /// What the files say; nil when the session is over.
    private func look(_ id: SessionID, _ ownership: Ownership) -> SessionSample? {
        let sample = SessionSample(id)
        let names = SessionNames(id)
        switch ownership {
        case .nobody: return nil
        case .foreign(let pid), .unsettled(let pid):
            sample.state = .running
            sample.keeper = pid
            // It may just have ended: then its age is unknown.
            if let metadata = try? directory.metadata(of: names.sidecar) {
                sample.startedAt = Timestamp(nanoseconds: .seconds(Int64(metadata.modified)))
            }
        case .dead(let pid):
            if let pid { read(names, keeper: pid, into: sample) }
            sample.keeper = nil
            sample.state = .lost
        case .keeper(let pid): read(names, keeper: pid, into: sample)
        }
        return sample
    }

    private func read(_ names: SessionNames, keeper: pid_t, into sample: SessionSample) {
        guard let status = SessionStatus.of(names, keeper: keeper, in: directory) else { return }
        sample.state = status.state
        // PIDs of another namespace mean nothing here.
        if equalUTF8(status.keeper.pidNamespace, namespace) { sample.keeper = keeper }
        sample.keeperStart = status.keeper.identity.startTime
        sample.startedAt = status.keeper.startedAt
        sample.instance = status.instance
        sample.command = status.command
        sample.labels = status.labels
        sample.restarts = status.child?.restarts
        if status.exit == nil { sample.child = status.child?.identity }
        do throws(SystemError) {
            let folder = try directory.openDirectory(names.folder)
            sample.stdout = try JournalReader(.stdout).journalEnd(in: folder)
            sample.stderr = try JournalReader(.stderr).journalEnd(in: folder)
        } catch {
            // It has ended meanwhile, and removed its files.
        }
    }

    private func measure(_ sample: SessionSample) {
        guard let keeper = sample.keeper else { return }
        sample.usage = processes.usage(
            below: keeper, startTime: sample.keeperStart, child: sample.child, detail)
        if sample.usage == nil { return }
        sample.keeperUsage = processes.usage(of: keeper, detail)
        if let child = sample.child {
            sample.childRead = processes.usage(of: child.pid, .transfer)?.bytesRead
        }
    }

    private func rate(_ sample: SessionSample, since before: SessionSample, _ elapsed: Int64) {
        // Another session under the same id.
        if let old = before.startedAt, let new = sample.startedAt, old.nanoseconds != new.nanoseconds {
            return
        }
        func perSecond(_ amount: Int) -> Int { Int(Double(max(0, amount)) * 1e9 / Double(elapsed)) }
        if let new = sample.usage?.cpuTime, let old = before.usage?.cpuTime {
            sample.cpuPermille = min(mostPermille, Int(max(0, new - old) * 1000 / elapsed))
        }
        if let new = sample.childRead, let old = before.childRead { sample.inputRate = perSecond(new - old) }
        if sample.instance != nil { sample.outputRate = perSecond(sample.output - before.output) }
    }
}
