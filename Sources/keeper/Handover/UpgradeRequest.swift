import CSystem
import KeeperShared

/// Somebody wants this keeper to go on as another binary.
struct UpgradeRequest {
    let reply: Reply
    /// nil: the file that this binary was started from, as it is there now.
    let path: String?
}

// Going on as another binary, in the same process. The state goes into a sealed file in memory; the new binary is
// opened once, a helper process of that descriptor says whether it understands the state, and then the same
// descriptor is executed. Everything that is open stays open.
extension Session {
    /// Notes the request: it is done between two turns of the loop, when nothing is half-way.
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
        upgrade = UpgradeRequest(reply: reply, path: path)
    }

    private func checkUpgradable() throws(ControlError) {
        switch recorder.status.state {
        case .starting, .running, .paused, .backoff: break
        case .stopping, .exited, .failed, .stuck, .lost:
            throw .wrongState(recorder.status.state, wanted: "starting, running, paused or backoff")
        }
    }

    /// Does what was asked for, once the child's end, if it has just ended, is dealt with.
    func tryUpgrade() {
        guard let request = upgrade else { return }
        do throws(ControlError) {
            try checkUpgradable()
            if child == nil, !run.isSettled { return }
            upgrade = nil
            try execute(request)
        } catch {
            upgrade = nil
            log.line("not upgraded: \(error.message)")
            control.answer(request.reply, error)
        }
    }

    /// - Throws: why this binary goes on.
    private func execute(_ request: UpgradeRequest) throws(ControlError) {
        let path = request.path ?? Session.ownPath()
        let binary = try open(path)
        let own = try open("/proc/self/exe")
        var state = save()
        state.binary = own.raw
        state.request = SavedState.Address(request.reply)
        var descriptors: [Int32] = []
        let memory = try store(&state, &descriptors)
        try check(binary, path, memory)
        log.line("going on as \(path)")
        // Only these cross over; everything else is closed by exec.
        setClosedOnExec(false, descriptors + [memory.raw])
        let arguments = TakeOver.arguments(state: memory.raw, failure: nil)
        csys_execute(binary.raw, arguments, csys_environ())
        let code = csys_errno()
        setClosedOnExec(true, descriptors + [memory.raw])
        throw .failed(SystemError("exec", path, code))
    }

    private func open(_ path: String) throws(ControlError) -> FileDescriptor {
        do throws(SystemError) { return try FileDescriptor.open(path, O_RDONLY) } catch {
            throw .failed(error)
        }
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

    /// Lets a process of the new binary read the state. It has three seconds.
    private func check(
        _ binary: borrowing FileDescriptor, _ path: String, _ memory: borrowing FileDescriptor
    ) throws(ControlError) {
        let arguments = ChildCommand(["keeper", "--check-state"])
        defer { arguments.free() }
        var request = SpawnRequest(
            file: arguments.file, arguments: arguments.pointer, environment: csys_environ(), mask: 0o077)
        let pipe = try newPipe()
        request.descriptors = (memory.raw, pipe.writing.raw, pipe.writing.raw, binary.raw)
        request.executesExtra = true
        let handle = try start(request, path)
        let answers = pipe.takeReading()
        try? answers.setNonBlocking()
        let hasEnded = handle.waitForEnd(timeout: .seconds(3))
        if !hasEnded { try? handle.signal(SIGKILL) }
        var record = csys_ended()
        while csys_waitid(P_PID, id_t(handle.pid), WEXITED, &record) < 0, csys_errno() == EINTR {}
        let text = answer(answers)
        if hasEnded, ProcessEnd(record) == .exited(0), text.utf8.starts(with: TakeOver.consent.utf8) {
            return
        }
        let why = !hasEnded ? "it did not answer in 3s" : text.isEmpty ? ProcessEnd(record).text : text
        throw .refused("\(path) can't take over: \(why)")
    }

    private func newPipe() throws(ControlError) -> Pipe {
        do throws(SystemError) { return try makePipe() } catch { throw .failed(error) }
    }

    private func start(_ request: SpawnRequest, _ path: String) throws(ControlError) -> ProcessHandle {
        do throws(SystemError) {
            return try spawn(request)
        } catch {
            throw .failed(SystemError("exec", path, error.code))
        }
    }

    /// The first line of what the new binary said.
    private func answer(_ pipe: borrowing FileDescriptor) -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: 512) { space, count in
            count = (try? pipe.read(into: UnsafeMutableRawBufferPointer(space))) ?? 0
        }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        return String(decoding: line.map { $0 < 32 ? 32 : $0 }, as: UTF8.self)
    }
}

func setClosedOnExec(_ isClosed: Bool, _ descriptors: [Int32]) {
    for number in descriptors { _ = csys_fcntl(number, F_SETFD, isClosed ? Int(FD_CLOEXEC) : 0) }
}
