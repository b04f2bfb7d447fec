import CSystem
import KeeperShared
import Testing

/// A sessions directory of a test's own, with whatever files the test puts there.
final class SessionsFixture {
    let path: String
    let directory: FileDescriptor

    init() throws {
        let template = Array("/tmp/keeper-test-XXXXXX".utf8CString)
        path = try #require(
            template.withUnsafeBufferPointer { buffer -> String? in
                let copy = UnsafeMutablePointer<CChar>.allocate(capacity: buffer.count)
                defer { copy.deallocate() }
                copy.initialize(from: buffer.baseAddress!, count: buffer.count)
                return mkdtemp(copy).map { String(cString: $0) }
            })
        directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
    }

    deinit {
        if let parent = try? FileDescriptor.open("/tmp", O_RDONLY | O_DIRECTORY) {
            try? parent.removeTree(String(path.dropFirst(5)))
        }
    }

    func write(_ name: String, _ text: String) throws {
        try directory.open(name, O_WRONLY | O_CREAT | O_TRUNC).writeAll(Array(text.utf8))
    }

    func read(_ name: String) throws -> String { text(try directory.contents(of: name)) }

    func exists(_ name: String) throws -> Bool { try directory.metadata(of: name) != nil }

    func makeOld(_ name: String) {
        var times = [
            timespec(tv_sec: 1_000_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 0),
        ]
        utimensat(directory.raw, name, &times, AT_SYMLINK_NOFOLLOW)
    }

    /// A socket at a name; it is closed with what is returned.
    func listen(_ name: String) throws -> FileDescriptor {
        try FileDescriptor.listening(at: "\(path)/\(name)")
    }

    func makeDeadSocket(_ name: String) throws { _ = try listen(name) }

    /// A PID sidecar that this process holds the lock of, as a keeper does.
    func lockedSidecar(_ id: String, pid: pid_t) throws -> FileDescriptor {
        let file = try directory.open("\(id).rpc.sock.pid", O_RDWR | O_CREAT)
        try file.writeAll(Array("\(pid)\n".utf8))
        #expect(csys_lock(file.raw, Int16(F_WRLCK), 0, 0, 0) == 0)
        return file
    }

    func status(_ id: String, keeper: pid_t, state: SessionState = .running) -> SessionStatus {
        let keeper = SessionStatus.Keeper(
            identity: ProcessIdentity(pid: keeper, startTime: 1), bootID: bootID(),
            pidNamespace: pidNamespace(),
            version: "0", startedAt: Timestamp(nanoseconds: 0))
        return SessionStatus(
            sessionID: id, instance: "00000000deadbeef", state: state, keeper: keeper,
            command: [Array("sleep".utf8)], workingDirectory: Array("/".utf8), labels: [])
    }

    func write(_ status: SessionStatus, folder: String) throws {
        if try !exists(folder) { try directory.makeDirectory(folder) }
        var json = JSONWriter()
        status.write(to: &json)
        try write("\(folder)/status.json", text(json.bytes))
    }

    /// What a keeper leaves that was killed: sidecars, a dead socket and a folder.
    func makeDeadSession(_ status: SessionStatus, folder: String? = nil) throws {
        let id = status.sessionID
        try write(status, folder: folder ?? "\(id).d")
        try write("\(id).rpc.sock.pid", "\(status.keeper.identity.pid)\n")
        try write("\(id).rpc.sock.pi-pid", "\(status.child?.identity.pid ?? 1)\n")
        try makeDeadSocket("\(id).rpc.sock")
    }

    func ownership(_ id: String) throws -> Ownership {
        try Ownership.of(SessionNames(SessionID(id)), in: directory)
    }

    func reap(_ ids: String..., patience: Int64 = .seconds(10)) throws -> [Reaper.Outcome] {
        Reaper.reap(try ids.map { try SessionID($0) }, in: directory, patience: patience)
    }

    func clear(_ id: String) throws -> Reaper.Outcome {
        let id = try SessionID(id)
        guard let lock = try IDLock.take(id, in: directory) else { return .busy }
        return try Reaper.clear(SessionNames(id), in: directory, holding: lock)
    }
}

/// A process that a test starts, in a session of its own; it is killed and reaped at the end.
final class TestProcess {
    let handle: ProcessHandle

    /// Runs `sh -c script` and waits until it has said that it is set up, by closing its standard output.
    init(_ script: String = "exec >&-; exec sleep 1000", instance: String? = nil) throws {
        let arguments = cStrings(["sh", "-c", script])
        let environment = cStrings(
            ["PATH=/usr/bin:/bin"] + (instance.map { ["KEEPER_INSTANCE=\($0)"] } ?? []))
        defer { for pointer in arguments + environment { free(pointer) } }
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        var ends: [Int32] = [-1, -1]
        try #require(pipe2(&ends, O_CLOEXEC) == 0)
        let reading = FileDescriptor(owning: ends[0])
        let writing = FileDescriptor(owning: ends[1])
        var started: ProcessHandle?
        try arguments.withUnsafeBufferPointer { arguments in
            try environment.withUnsafeBufferPointer { environment in
                var request = SpawnRequest(
                    file: arguments[0]!, arguments: arguments.baseAddress!,
                    environment: environment.baseAddress!,
                    mask: 0o077)
                request.descriptors = (null.raw, ends[1], null.raw, -1)
                started = try spawn(request)
            }
        }
        handle = started!
        _ = consume writing
        _ = try reading.readAll()
    }

    deinit {
        try? handle.signal(SIGKILL)
        var record = csys_ended()
        _ = csys_waitid(P_PID, id_t(handle.pid), WEXITED, &record)
    }

    var pid: pid_t { handle.pid }
    var hasEnded: Bool { handle.hasEnded() }

    var identity: ProcessIdentity {
        ProcessIdentity(pid: pid, startTime: ProcessStat(pid: pid)?.startTime ?? 0)
    }
}

private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    var pointers: [UnsafeMutablePointer<CChar>?] = []
    for text in texts { pointers.append(strdup(text)) }
    return pointers + [nil]
}

/// A number that no process has.
func unusedPID() -> pid_t {
    var pid: pid_t = 4_000_000
    while kill(pid, 0) == 0 { pid -= 1 }
    return pid
}

extension Ownership {
    /// In words, for expectations.
    var name: String {
        switch self {
        case .nobody: "nobody"
        case .keeper: "keeper"
        case .foreign: "foreign"
        case .unsettled: "unsettled"
        case .dead: "dead"
        }
    }
}

extension Reaper.Outcome {
    /// In words, for expectations.
    var name: String {
        switch self {
        case .nothing: "nothing"
        case .reaped(let reaped): reaped.state.map { "reaped, \($0.name)" } ?? "reaped"
        case .live: "live"
        case .foreign: "foreign"
        case .busy: "busy"
        case .failed(let error): error.text
        }
    }
}
