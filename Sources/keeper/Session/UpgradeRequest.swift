import CSystem
import KeeperShared

/// A client wants this keeper to go on as another binary.
final class UpgradeRequest {
    let reply: Reply
    let path: String
    /// Opened once: the helper checks what is executed later.
    let binary: FileDescriptor
    /// The process of the new binary that reads the state; nil before it is started.
    private var helper: ProcessHandle?
    /// What the helper says.
    private var answers: FileDescriptor?
    fileprivate var isChecked: Bool { helper != nil }
    fileprivate var end: ProcessEnd?

    init(reply: Reply, path: String) throws(SystemError) {
        self.reply = reply
        self.path = path
        // Opening a named pipe must not wait for its writer.
        binary = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK)
    }

    deinit {
        // It may have ended by itself; the loop reaps it in either case.
        if end == nil { helper.use { try? $0.signal(SIGKILL) } }
    }

    /// The helper, until it is reaped.
    var helperPID: pid_t? { end == nil ? helper.use { $0.pid } : nil }

    /// What the helper process says when it understands the state.
    static let consent = "keeper can take over"

    /// This process's arguments for the next binary: the same, and where the state is.
    static func arguments(state: Int32, failure: String?) -> ArgumentList {
        var list = ArgumentList(["keeper", "--take-over=\(state)"])
        if let failure { list.append("--take-over-failure=\(failure)") }
        var index: Int32 = 1
        // Those of the upgrade before come first.
        while let argument = csys_argv(index), hasName(argument, "--take-over") { index += 1 }
        while let argument = csys_argv(index) {
            list.append(borrowing: UnsafeMutablePointer(mutating: argument))
            index += 1
        }
        return list
    }

    /// Lets a process of the new binary read a state.
    fileprivate func startHelper(_ memory: borrowing FileDescriptor) throws(SystemError) {
        let pipe = try makePipe()
        helper = try ArgumentList(["keeper", "--check-state"]).withPointer { arguments throws(SystemError) in
            var process = SpawnRequest(
                file: arguments[0]!, arguments: arguments, environment: csys_environ(), mask: 0o077)
            process.descriptors = (memory.raw, pipe.writing.raw, pipe.writing.raw, binary.raw)
            process.executesExtra = true
            return try spawn(process)
        }
        let reading = pipe.takeReading()
        try reading.setNonBlocking()
        answers = consume reading
    }

    /// Whether the helper has said that the new binary can take over.
    ///
    /// - Throws: what it said instead.
    fileprivate func checkAnswer() throws(ControlError) {
        let bytes = [UInt8](unsafeUninitializedCapacity: 512) { space, count in
            let buffer = UnsafeMutableRawBufferPointer(space)
            // Without an answer its end says what there is to say.
            answers.use { count = (try? $0.read(into: buffer)) ?? 0 }
        }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let text = String(decoding: line.map { $0 < 32 ? 32 : $0 }, as: UTF8.self)
        guard let end else { return }
        if end == .exited(0), text.utf8.starts(with: UpgradeRequest.consent.utf8) { return }
        throw .refused("\(path) can't take over: \(text.isEmpty ? end.text : text)")
    }
}

// Going on as another binary, in the same process. The state goes into a sealed file in memory; the new binary is
// opened once, a helper process of that descriptor says whether it understands the state, and then the same
// descriptor is executed. Everything that is open stays open. Meanwhile the session goes on.
extension Session {
    /// Notes the request: each step is done between two turns of the loop, when nothing is half-way.
    func requestUpgrade(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        var path: String?
        if let given = parameters["path"] {
            guard let text = given.stringValue, text.utf8.first == UInt8(ascii: "/") else {
                throw .invalidParameters("path must be an absolute path")
            }
            path = text
        }
        try checkUpgradable()
        if upgrade != nil { throw .failed(SystemError("upgrade", "another one is under way", EALREADY)) }
        do throws(SystemError) {
            upgrade = try UpgradeRequest(reply: reply, path: path ?? Session.ownPath())
        } catch {
            throw .failed(error)
        }
    }

    private func checkUpgradable() throws(ControlError) {
        switch recorder.status.state {
        case .starting, .running, .paused, .backoff: break
        case .stopping, .exited, .failed, .stuck, .lost:
            throw .wrongState(recorder.status.state, wanted: "starting, running, paused or backoff")
        }
    }

    /// Takes the next step, once the child's end, if it has just ended, is dealt with.
    func continueUpgrade() {
        guard let request = upgrade else { return }
        do throws(ControlError) {
            try checkUpgradable()
            if child == nil, !life.isSettled { return }
            if !request.isChecked { return try startHelper(request) }
            // What waits for the service manager would be lost.
            if request.end == nil || !recorder.manager.queue.isEmpty { return }
            try request.checkAnswer()
            try execute(request)
        } catch {
            refuseUpgrade(error)
        }
    }

    /// The helper, or the service manager, has had its time.
    func upgradeIsLate() {
        guard let request = upgrade else { return }
        // The child's end comes first; after that the upgrade goes on, or is refused.
        if request.end != nil, childPID == nil, !life.isSettled {
            return deadlines.set(.upgrade, in: .seconds(3))
        }
        refuseUpgrade(
            .refused(
                request.end == nil
                    ? "\(request.path) can't take over: it did not answer in 3s"
                    : "the service manager takes no messages"))
    }

    /// A process has ended; perhaps the helper.
    func upgradeHelperEnded(_ pid: pid_t, _ end: ProcessEnd) {
        if pid == upgrade?.helperPID { upgrade?.end = end }
    }

    /// This binary goes on.
    private func refuseUpgrade(_ error: ControlError) {
        guard let request = upgrade else { return }
        upgrade = nil
        deadlines.clear(.upgrade)
        log.line("not upgraded: \(error.message)")
        control.answer(request.reply, error)
    }

    /// - Throws: why this binary goes on.
    private func execute(_ request: UpgradeRequest) throws(ControlError) {
        deadlines.clear(.upgrade)
        let own: FileDescriptor
        do throws(SystemError) { own = try FileDescriptor.open("/proc/self/exe", O_RDONLY) } catch {
            throw .failed(error)
        }
        var state = save()
        state.binary = own.raw
        state.request = request.reply
        var descriptors: [Int32] = []
        let memory = try store(&state, &descriptors)
        log.line("going on as \(request.path)")
        // Only these cross over; everything else is closed by exec.
        setClosedOnExec(false, descriptors + [memory.raw])
        UpgradeRequest.arguments(state: memory.raw, failure: nil).withPointer {
            csys_execute(request.binary.raw, $0, csys_environ())
        }
        let code = csys_errno()
        setClosedOnExec(true, descriptors + [memory.raw])
        throw .failed(SystemError("exec", request.path, code))
    }

    /// Where this binary was found, also when another file has its place now.
    private static func ownPath() -> String {
        let link = Array((processLink("self/exe") ?? "").utf8)
        let mark: StaticString = " (deleted)"
        let rest = link.count - mark.utf8CodeUnitCount
        let isMarked = rest >= 0 && memcmp(Array(link[rest...]), mark.utf8Start, mark.utf8CodeUnitCount) == 0
        return String(decoding: isMarked ? link[..<rest] : link[...], as: UTF8.self)
    }

    private func store(
        _ state: inout SavedState, _ descriptors: inout [Int32]
    ) throws(ControlError) -> FileDescriptor {
        var coder = StateCoder()
        state.code(&coder)
        do throws(SystemError) {
            let memory = FileDescriptor(
                owning: try systemCall("memfd_create") { csys_memfd("keeper-state") })
            try memory.writeAll(coder.bytes, "the state")
            let number = memory.raw
            try systemCall("seal") { csys_seal(number) }
            descriptors = coder.descriptors
            return memory
        } catch {
            throw .failed(error)
        }
    }

    /// Lets a process of the new binary read the state as it is now. It has three seconds.
    private func startHelper(_ request: UpgradeRequest) throws(ControlError) {
        var state = save()
        var descriptors: [Int32] = []
        let memory = try store(&state, &descriptors)
        do throws(SystemError) { try request.startHelper(memory) } catch {
            throw .failed(SystemError("exec", request.path, error.code))
        }
        deadlines.set(.upgrade, in: .seconds(3))
    }
}

func setClosedOnExec(_ isClosed: Bool, _ descriptors: [Int32]) {
    for number in descriptors { _ = csys_fcntl(number, F_SETFD, isClosed ? Int(FD_CLOEXEC) : 0) }
}
