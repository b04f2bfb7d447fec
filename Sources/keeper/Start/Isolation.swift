import CSystem
import KeeperShared

/// Whether this keeper's session gets a unit of its own, with a keeper of its own: `--isolate`.
struct Isolation {
    let settings: Settings
    let report: SpawnReport
    private let isForbidden: Bool
    /// Whether a session without a unit is a failure.
    private let insists: Bool
    private let needsUnit: Bool
    /// What limits the unit, as systemd-run takes it.
    private var properties: [String] = []
    /// The service that the session would end with.
    private var service: String?

    /// - Returns: nil where it was not asked for: for a keeper that was not started by keeperctl.
    init?(_ arguments: ParsedArguments, _ settings: Settings, _ report: SpawnReport) {
        guard let wish = arguments[UnitOptions.isolate] else { return nil }
        self.settings = settings
        self.report = report
        isForbidden = wish == .none
        if let quota = arguments[UnitOptions.processorQuota] {
            let isMarked = quota.bytes.last == UInt8(ascii: "%")
            properties.append(concat("CPUQuota=", quota.text, isMarked ? "" : "%"))
        }
        if let count = arguments[UnitOptions.maximumTasks] {
            properties.append(concat("TasksMax=", String(count)))
        }
        // The user's last: they may say otherwise.
        for property in arguments[UnitOptions.property] { properties.append(property.text) }
        needsUnit = !properties.isEmpty
        insists = needsUnit || wish == .systemd
        // Without a unit the keeper looks after this one itself.
        if let size = arguments[SessionOptions.maximumMemory] {
            properties.insert(concat("MemoryMax=", String(size)), at: 0)
        }
    }

    /// Starts the session in a unit where that is wanted and can be had.
    ///
    /// - Returns: the exit status when another keeper has the session or nobody can; nil when it is this one's.
    mutating func handOver() -> Int32? {
        if isForbidden && needsUnit {
            return fail(2, "'--isolate none' leaves no unit for --cpu-quota, --tasks-max and --property")
        }
        // One look where systemd doesn't run, one more read where it does.
        guard insists || access("/run/systemd/system", F_OK) == 0 else { return nil }
        let group = ControlGroup(of: "self")
        if let group, group.isService { service = group.unit }
        if service == nil && !insists { return nil }
        if isForbidden { return stay("--isolate none") }
        guard let manager = UnitManager.find(for: group) else {
            return stay("no service manager answers; 'keeperctl doctor' says what to do")
        }
        do throws(SystemError) {
            let start = UnitStart(manager: manager, settings: settings, properties: properties)
            switch try start.start(report) {
            case .started: return 0
            case .refused(let reason): return stay(reason)
            }
        } catch {
            return stay(error.text)
        }
    }

    private func stay(_ reason: String) -> Int32? {
        if insists { return fail(1, concat("start session ", settings.id.string, ": ", reason)) }
        if let service {
            report.warn(
                concat(
                    "session ", settings.id.string, " is part of ", service,
                    " and ends when that stops or is restarted (unless KillMode=process): ", reason))
        }
        return nil
    }

    private func fail(_ status: Int32, _ text: String) -> Int32 {
        report.failed(status: status, text)
        return status
    }
}
