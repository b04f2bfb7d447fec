import CSystem

/// One process for good, whatever becomes of its PID.
package struct ProcessHandle: ~Copyable {
    package let pid: pid_t
    package let descriptor: FileDescriptor

    /// Takes the descriptor that came with a new child.
    package init(pid: pid_t, owning descriptor: consuming FileDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    package consuming func takeDescriptor() -> FileDescriptor { descriptor }

    /// Opens a running process; nil when none has this PID.
    package static func open(pid: pid_t) -> ProcessHandle? {
        let number = csys_pidfd_open(pid)
        return number < 0 ? nil : ProcessHandle(pid: pid, owning: FileDescriptor(owning: number))
    }

    /// Opens a process and then compares its start time, so that what is signalled is what was meant.
    package static func open(pid: pid_t, startTime: UInt64) -> ProcessHandle? {
        let number = csys_pidfd_open(pid)
        if number < 0 { return nil }
        let descriptor = FileDescriptor(owning: number)
        guard let stat = ProcessStat(pid: pid), stat.startTime == startTime else { return nil }
        return ProcessHandle(pid: pid, owning: descriptor)
    }

    /// Sends a signal. One that has ended is no error.
    package borrowing func signal(_ signal: Int32) throws(SystemError) {
        if Faults.next("kill", "\(signal)") != nil { return }
        if csys_pidfd_signal(descriptor.raw, signal) < 0 {
            let code = csys_errno()
            if code != ESRCH { throw SystemError("kill", "\(pid)", code) }
        }
    }

    /// Whether the process has ended (a zombie has).
    package borrowing func hasEnded() -> Bool {
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// Waits until the process has ended, for at most this many nanoseconds.
    package borrowing func waitForEnd(timeout: Int64) -> Bool {
        let deadline = monotonicNow() + timeout
        while true {
            let rest = max(0, deadline - monotonicNow())
            var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
            let result = poll(&entry, 1, Int32(min(rest / 1_000_000 + 1, 1 << 30)))
            if result > 0 { return true }
            if rest == 0 { return false }
        }
    }
}

/// Signals a process group; a group that is gone is no error.
package func signalGroup(_ group: pid_t, _ signal: Int32) throws(SystemError) {
    if Faults.next("kill", "\(signal)") != nil { return }
    if kill(-group, signal) < 0 {
        let code = csys_errno()
        if code != ESRCH { throw SystemError("kill", "-\(group)", code) }
    }
}

/// How a process ended.
package enum ProcessEnd: Equatable {
    case exited(Int32)
    case signalled(Int32)
    /// It ended, and nobody can know how.
    case unknown

    package init(_ record: csys_ended) {
        self = record.code == CLD_EXITED ? .exited(record.status) : .signalled(record.status)
    }

    /// What a shell would report: the code, or 128 plus the signal; 255 for unknown.
    package var shellStatus: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal): 128 + signal
        case .unknown: 255
        }
    }

    /// `exit 3`, `signal TERM`
    package var text: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signalled(let signal): "signal \(signalName(signal))"
        case .unknown: "unknown exit"
        }
    }
}

/// What a process is started with: raw pointers that outlive the call.
package struct SpawnRequest {
    package var file: UnsafePointer<CChar>
    package var arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
    package var environment: UnsafePointer<UnsafeMutablePointer<CChar>?>
    /// Raw numbers that become 0, 1, 2 and ``extraNumber``, borrowed; -1 leaves one closed.
    package var descriptors: (Int32, Int32, Int32, Int32) = (-1, -1, -1, -1)
    /// What the fourth becomes: 3 or more.
    package var extraNumber: Int32 = 3
    /// The fourth is the program that is executed, not ``file``.
    package var executesExtra = false
    /// Limits for the new process.
    package var limits: [ResourceLimit] = []
    /// A directory descriptor to start in, borrowed; -1 keeps the present one.
    package var directory: Int32 = -1
    package var mask: mode_t
    /// A control group's `cgroup.procs`, borrowed: the new process moves there before exec, if it may; -1 for none.
    package var controlGroup: Int32 = -1
    /// Sent to the new process when this one dies; 0 for none.
    package var deathSignal: Int32 = 0
    /// Whether what becomes 0 is a terminal, and the new process's own.
    package var takesTerminal = false
    /// Whether signals that are ignored stay so: for a program that sees to that itself.
    package var keepsSignals = false

    package init(
        file: UnsafePointer<CChar>, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        environment: UnsafePointer<UnsafeMutablePointer<CChar>?>, mask: mode_t
    ) {
        self.file = file
        self.arguments = arguments
        self.environment = environment
        self.mask = mask
    }
}

/// Starts a process in a session of its own and returns once exec has succeeded.
///
/// - Parameter meanwhile: is called with the new PID while the process sets itself up and executes its program, which
///   takes a few hundred microseconds. What the request points to must stay as it is.
/// - Throws: the call that failed, `exec` for what can't be executed; nothing is left then.
package func spawn(
    _ request: SpawnRequest, meanwhile: (pid_t) -> Void = { _ in }
) throws(SystemError) -> ProcessHandle {
    var record = csys_spawn()
    record.file = request.file
    record.argv = request.arguments
    record.envp = request.environment
    record.descriptors = request.descriptors
    record.directory = request.directory
    record.mask = request.mask
    record.death_signal = request.deathSignal
    record.terminal = request.takesTerminal ? 1 : 0
    record.parent = getpid()
    record.control_group = request.controlGroup
    record.extra = request.extraNumber
    record.executes_extra = request.executesExtra ? 1 : 0
    record.keeps_signals = request.keepsSignals ? 1 : 0
    let limits = request.limits.map {
        csys_limit(resource: $0.resource, soft: UInt($0.soft), hard: UInt($0.hard))
    }
    let isStarted = limits.withUnsafeBufferPointer { limits in
        record.limits = limits.baseAddress
        record.limit_count = Int32(limits.count)
        // At one address: the new process reads and writes it too.
        return withUnsafeMutablePointer(to: &record) { record in
            if csys_spawn(record) < 0 { return false }
            meanwhile(record.pointee.pid)
            csys_finish_spawn(record)
            return true
        }
    }
    if !isStarted { throw SystemError("clone", "", csys_errno()) }
    if record.error != 0 {
        let subject = String(cString: request.file)
        switch record.failed[0] {
        case CChar(bitPattern: UInt8(ascii: "e")): throw SystemError("exec", subject, record.error)
        case CChar(bitPattern: UInt8(ascii: "c")):
            throw SystemError("start in the working directory", "", record.error)
        case CChar(bitPattern: UInt8(ascii: "l")):
            throw SystemError("set the limits (--limit) of", subject, record.error)
        default: throw SystemError("set up the process", subject, record.error)
        }
    }
    return ProcessHandle(pid: record.pid, owning: FileDescriptor(owning: record.pidfd))
}
