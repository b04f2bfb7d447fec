import CSystem
import KeeperShared

/// Starts keepers in units of their own, through systemd-run.
struct UnitStart {
    let manager: UnitManager
    let launcher: KeeperLauncher
    /// On the monotonic clock; nil for none.
    let deadline: Int64?

    enum Outcome {
        /// The keeper has what it needs; what comes of it is in its reports.
        case started(StartedKeeper)
        /// Nothing was started, and why.
        case refused(String)
        /// The time is up; nothing was started.
        case timedOut
    }

    /// So many starts of all that use a directory are under way at a time: a manager does one thing after the other,
    /// and whoever else wants something of it would wait behind all of them.
    private static let slots: Int64 = 4

    func start(_ id: SessionID, in directory: borrowing FileDescriptor) throws(SystemError) -> Outcome {
        let slot = try directory.open(SessionNames.lock, O_RDWR | O_CREAT)
        if try !take(slot) { return .timedOut }
        var outcome = try attempt(id, suffix: "", in: directory)
        if case .refused = outcome {
            // The name may be taken: by a unit whose session is over and that is being cleared away, or by a session
            // of the same id in another directory.
            outcome = try attempt(id, suffix: concat("-", randomNumber()), in: directory)
        }
        _ = consume slot
        return outcome
    }

    /// Waits for its turn; the kernel keeps the queue.
    ///
    /// - Returns: false when the time is up.
    private func take(_ slot: borrowing FileDescriptor) throws(SystemError) -> Bool {
        // Behind the bytes that stand for ids.
        let first: Int64 = 1 << 62
        for offset in first..<(first + UnitStart.slots)
        where csys_lock(slot.raw, Int16(F_WRLCK), off_t(offset), 1, 0) == 0 { return true }
        var rest: Int32 = -1
        if let deadline { rest = Int32(min(max(0, deadline - monotonicNow()) / 1_000_000, 1 << 30)) }
        if csys_lock_within(slot.raw, off_t(first + Int64(getpid()) % UnitStart.slots), rest) == 0 { return true }
        let code = csys_errno()
        if code == EINTR { return false }
        throw SystemError("lock", SessionNames.lock, code)
    }

    private func attempt(
        _ id: SessionID, suffix: String, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Outcome {
        let number = randomNumber()
        let name = StartFile.name(number)
        let report = launcher.isWaitedFor ? StartFile.reportName(number) : ""
        do throws(SystemError) {
            let file = try directory.open(name, O_RDWR | O_CREAT | O_EXCL)
            try file.writeAll(try launcher.startFile(id, report: report), name)
            let reports = try openReports(report, in: directory)
            let errors = FileDescriptor(
                adopting: try check("memfd_create") { memfd_create("systemd-run", UInt32(MFD_CLOEXEC)) })
            let path = concat(processLink(concat("self/fd/", String(directory.raw))) ?? "", "/", name)
            let runner = try run(unit: UnitManager.unitName(id, suffix: suffix), id, file: path, errors: errors)
            let isTimeLeft = try wait(for: reports, or: runner)
            // The file's name is the claim: without it no keeper can start, and one that starts has taken it, with its
            // end of the FIFO open.
            if hasFailed(runner, isTimeLeft: isTimeLeft, reports), unlinkat(directory.raw, name, 0) == 0 {
                if !report.isEmpty { try directory.remove(report) }
                return isTimeLeft ? .refused(firstLine(errors)) : .timedOut
            }
            return .started(StartedKeeper(id, process: nil, reports: reports, errors: file))
        } catch {
            try? directory.remove(name)
            if !report.isEmpty { try? directory.remove(report) }
            throw error
        }
    }

    private func openReports(
        _ name: String, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> FileDescriptor {
        if name.isEmpty { return try FileDescriptor.open("/dev/null", O_RDONLY) }
        let raw = directory.raw
        try check("mkfifo", name) { mkfifoat(raw, name, 0o600) }
        return try directory.open(name, O_RDONLY | O_NONBLOCK)
    }

    private func run(
        unit: String, _ id: SessionID, file: String, errors: borrowing FileDescriptor
    ) throws(SystemError) -> ProcessHandle {
        var list = CStringList()
        for argument in [
            "systemd-run", manager.isUsers ? "--user" : "--system", "--quiet", "--collect", "--slice=keeper.slice",
            "--service-type=notify", "--property=TimeoutStartSec=infinity",
            // The keeper decides what becomes of a command that ran out of memory.
            "--property=OOMPolicy=continue",
            // Told to end, the keeper ends the others itself, in order.
            launcher.leavesLeftovers ? "--property=KillMode=process" : "--property=KillMode=mixed",
        ] { list.append(argument) }
        list.append(concat("--unit=", unit))
        list.append(concat("--description=Session ", id.string))
        if !launcher.isWaitedFor { list.append("--no-block") }
        launcher.appendProperties(to: &list)
        list.append("--")
        list.append(withoutVariables(launcher.keeperPath()))
        list.append("\(StartFile.option)")
        list.append(withoutVariables(file))
        // For systemd-run alone: the session's environment is in the file by now.
        setenv("XDG_RUNTIME_DIR", manager.runtimeDirectory, 0)
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        return try startProgram(
            "systemd-run", list, environment: UnsafePointer(csys_environ()!), descriptors: (null.raw, null.raw, errors.raw, -1),
            mask: 0o077)
    }

    /// A service manager takes `$` for the beginning of a variable's name.
    private func withoutVariables(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            bytes.append(byte)
            if byte == UInt8(ascii: "$") { bytes.append(byte) }
        }
        return bytes
    }

    /// Waits until the keeper reports or the manager has done what it could.
    ///
    /// - Returns: false when the time is up.
    private func wait(
        for reports: borrowing FileDescriptor, or runner: borrowing ProcessHandle
    ) throws(SystemError) -> Bool {
        let set = PollSet()
        while true {
            set.clear()
            if launcher.isWaitedFor { set.add(reports, .input) }
            set.add(runner.descriptor, .input)
            if let deadline { set.limit(deadline: deadline) }
            try set.wait()
            if !set.readiness(of: runner.descriptor).isEmpty { return true }
            if launcher.isWaitedFor, !set.readiness(of: reports).isEmpty { return true }
            if let deadline, monotonicNow() >= deadline { return false }
        }
    }

    /// Whether nothing speaks for a keeper that runs. Leaves no systemd-run behind.
    private func hasFailed(
        _ runner: borrowing ProcessHandle, isTimeLeft: Bool, _ reports: borrowing FileDescriptor
    ) -> Bool {
        // With the first report all is said, and systemd-run ends as well.
        if !isTimeLeft || !runner.waitForEnd(timeout: .seconds(10)) { try? runner.signal(SIGKILL) }
        var record = csys_ended()
        while csys_waitid(P_PID, id_t(runner.pid), WEXITED, &record) < 0, csys_errno() == EINTR {}
        var entry = pollfd(fd: reports.raw, events: Int16(POLLIN), revents: 0)
        if launcher.isWaitedFor, poll(&entry, 1, 0) > 0 { return false }
        return ProcessEnd(record) != .exited(0)
    }

    private func firstLine(_ errors: borrowing FileDescriptor) -> String {
        lseek(errors.raw, 0, SEEK_SET)
        let line = ((try? errors.readAll(limit: 4096)) ?? []).prefix { $0 != UInt8(ascii: "\n") }
        return concat("systemd-run: ", line.isEmpty ? "failed" : String(decoding: line, as: UTF8.self))
    }
}

/// A number that nobody else has, in 16 hexadecimal digits.
private func randomNumber() -> String {
    var number: UInt64 = 0
    withUnsafeMutableBytes(of: &number) { _ = getrandom($0.baseAddress!, $0.count, 0) }
    var digits: [UInt8] = []
    for _ in 0..<16 {
        let digit = UInt8(number & 15)
        digits.append(digit + (digit < 10 ? 48 : 87))
        number >>= 4
    }
    return String(decoding: digits, as: UTF8.self)
}
