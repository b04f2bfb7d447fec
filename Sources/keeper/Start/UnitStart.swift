import CSystem
import KeeperShared

/// Starts another keeper, in a unit of its own, in place of this one: through systemd-run.
struct UnitStart {
    let manager: UnitManager
    let settings: Settings
    let properties: [String]

    enum Outcome {
        /// Another keeper has the session, or has said why not.
        case started
        /// Nothing was started, and why.
        case refused(String)
    }

    /// The most starts under way at a time, of all that use a directory: a manager does one thing after the other, and
    /// its other clients would wait for all of them.
    private static let slots: Int64 = 4

    func start(_ report: SpawnReport) throws(SystemError) -> Outcome {
        let opened: SessionsDirectory?
        do throws(SessionsDirectoryError) {
            opened = try SessionsDirectory.open(path: settings.sessionsPath, create: true)
        } catch {
            return .refused(error.text)
        }
        guard let opened else { return .refused("the sessions directory vanished") }
        let directory = opened.takeDescriptor()
        let slot = try directory.open(SessionNames.lock, O_RDWR | O_CREAT)
        try take(slot)
        var outcome = try attempt(suffix: "", report, in: directory)
        if case .refused = outcome {
            // The name may be taken: by a unit whose session is over and that is being cleared away, or by a session
            // of the same id in another directory.
            outcome = try attempt(suffix: concat("-", hexadecimal(randomNumber())), report, in: directory)
        }
        _ = consume slot
        return outcome
    }

    /// Waits for its turn; the kernel keeps the queue.
    private func take(_ slot: borrowing FileDescriptor) throws(SystemError) {
        // After the bytes that stand for ids.
        let first: Int64 = 1 << 62
        let number = slot.raw
        for offset in first..<(first + UnitStart.slots)
        where csys_lock(number, Int16(F_WRLCK), off_t(offset), 1, 0) == 0 { return }
        let offset = off_t(first + Int64(getpid()) % UnitStart.slots)
        try systemCall("lock", SessionNames.lock) { csys_lock(number, Int16(F_WRLCK), offset, 1, 1) }
    }

    private func attempt(
        suffix: String, _ report: SpawnReport, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Outcome {
        let number = hexadecimal(randomNumber())
        let name = SessionNames.startFile(number)
        let socket = settings.reportDescriptor == nil ? "" : SessionNames.startSocket(number)
        do throws(SystemError) {
            let file = try directory.open(name, O_WRONLY | O_CREAT | O_EXCL)
            try file.writeAll(
                StartFile.describeSelf(
                    arguments: ownArguments(), socket: socket,
                    errors: socket.isEmpty ? SessionNames(settings.id).launchLog : ""), name)
            let path = concat("/proc/self/fd/", String(directory.raw), "/")
            let listener = socket.isEmpty ? nil : try FileDescriptor.listening(at: concat(path, socket))
            let errors = FileDescriptor(
                owning: try systemCall("memfd_create") { memfd_create("systemd-run", UInt32(MFD_CLOEXEC)) })
            let folder = processLink(concat("self/fd/", String(directory.raw))) ?? ""
            let runner = try run(
                unit: UnitManager.unitName(settings.id.string, suffix: suffix),
                file: concat(folder, "/", name),
                errors: errors)
            // What can't be removed is removed by 'prune', some minutes later.
            try wait(for: runner, report, listener) { try? directory.remove(socket) }
            if !socket.isEmpty { try? directory.remove(socket) }
            if end(of: runner) == .exited(0) { return .started }
            // The file's name is the claim: without it no keeper can start, and one that has taken it has the pipe.
            return unlinkat(directory.raw, name, 0) == 0 ? .refused(firstLine(errors)) : .started
        } catch {
            // The same holds for these.
            try? directory.remove(name)
            if !socket.isEmpty { try? directory.remove(socket) }
            throw error
        }
    }

    /// This process's arguments, less what only matters to it.
    private func ownArguments() -> [UnsafeMutablePointer<CChar>] {
        var kept: [UnsafeMutablePointer<CChar>] = []
        var isOptions = true
        for index in 0..<Int(csys_argc()) {
            guard let argument = csys_arguments()[index] else { continue }
            if isOptions {
                if strcmp(argument, "--") == 0 { isOptions = false }
                if isForUnit(argument) { continue }
            }
            kept.append(argument)
        }
        return kept
    }

    private func isForUnit(_ argument: UnsafePointer<CChar>) -> Bool {
        hasName(argument, "--isolate=") || hasName(argument, "--memory-max=")
            || hasName(argument, "--cpu-quota=") || hasName(argument, "--tasks-max=")
            || hasName(argument, "--property=") || hasName(argument, "--handover-fd=")
    }

    private func run(
        unit: String, file: String, errors: borrowing FileDescriptor
    ) throws(SystemError) -> ProcessHandle {
        var words = [
            "systemd-run", manager.isUsers ? "--user" : "--system", "--quiet", "--collect",
            "--slice=keeper.slice",
            "--service-type=notify", "--property=TimeoutStartSec=infinity",
            // The keeper decides what becomes of a command that ran out of memory.
            "--property=OOMPolicy=continue",
            // The command gets a control group of its own below the unit's.
            "--property=Delegate=yes", concat("--unit=", unit),
            concat("--description=Session ", settings.id.string),
        ]
        switch settings.leftovers {
        // Told to end, the keeper ends the others itself, in order.
        case .end: words.append("--property=KillMode=mixed")
        case .leave: words.append("--property=KillMode=process")
        }
        // Nobody waits for the session: it is enough that the manager knows of it.
        if settings.reportDescriptor == nil { words.append("--no-block") }
        for property in properties { words.append(concat("--property=", property)) }
        words += ["--", withoutVariables(processLink("self/exe") ?? "keeper"), "\(StartFile.option)"]
        words.append(withoutVariables(file))
        // For systemd-run alone: the session's environment is in the file by now.
        setenv("XDG_RUNTIME_DIR", manager.runtimeDirectory, 0)
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        return try ArgumentList(words).withPointer { words throws(SystemError) in
            var request = SpawnRequest(
                file: words[0]!, arguments: words, environment: UnsafePointer(csys_environ()!), mask: 0o077)
            request.descriptors = (null.raw, null.raw, errors.raw, -1)
            return try spawn(request)
        }
    }

    /// A service manager takes `$` for the beginning of a variable's name.
    private func withoutVariables(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            bytes.append(byte)
            if byte == UInt8(ascii: "$") { bytes.append(byte) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Gives the new keeper the report pipe, and waits until the manager has done what it could.
    private func wait(
        for runner: borrowing ProcessHandle, _ report: SpawnReport, _ listener: borrowing FileDescriptor?,
        removeSocket: () -> Void
    ) throws(SystemError) {
        let set = PollSet()
        while !runner.hasEnded() {
            set.clear()
            set.add(runner.descriptor, .input)
            listener.use { set.add($0, .input) }
            try set.wait()
            try listener.use { listener throws(SystemError) in
                if let connection = try listener.accept(), connection.peerUser() == geteuid() {
                    // First: once it has the pipe the session may be ready, and its starter goes on.
                    removeSocket()
                    report.share(over: connection)
                }
            }
        }
    }

    private func end(of runner: borrowing ProcessHandle) -> ProcessEnd {
        var record = csys_ended()
        while csys_waitid(P_PID, id_t(runner.pid), WEXITED, &record) < 0, csys_errno() == EINTR {}
        return ProcessEnd(record)
    }

    /// What it wrote first; it only explains a failure that is told in any case.
    private func firstLine(_ errors: borrowing FileDescriptor) -> String {
        lseek(errors.raw, 0, SEEK_SET)
        let line = ((try? errors.readAll(limit: 4096)) ?? []).prefix { $0 != UInt8(ascii: "\n") }
        return concat("systemd-run: ", line.isEmpty ? "failed" : String(decoding: line, as: UTF8.self))
    }
}
