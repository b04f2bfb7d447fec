import CSystem
import KeeperShared

/// Both directions of a talk with a session: lines to its stdin, and the lines that its stdout gives from then on.
final class Exchange {
    let names: SessionNames
    /// What is being done, for messages: `call to calc`.
    let what: String
    let directory: SessionsDirectory
    let folder: FileDescriptor
    /// Made by ``listen(from:)``.
    private(set) var lines: JournalLines?
    /// What sends; nil once its outcome is known.
    private(set) var client: InputClient?
    /// All that was sent so far is in the child's stdin pipe.
    private(set) var isDelivered = false
    let set = PollSet()
    private var watch: SessionWatch
    /// The child that is talked with; nil while there is none, between two of them.
    private var child: ProcessIdentity?

    /// Looks at a session that must be live.
    init(
        _ id: SessionID, in directory: consuming SessionsDirectory, _ verb: String
    ) throws(CommandFailure) {
        names = SessionNames(id)
        what = concat(verb, " ", id.string)
        switch try SessionLookup(id, in: directory.descriptor) {
        case .none: throw .noSession(id, in: directory.path)
        case .foreign:
            throw CommandFailure(
                ExitStatus.failed,
                concat(what, ": its keeper is of other make and keeps no output to read answers from"))
        case .dead, .over: throw .sessionOver(id)
        case .live(_, .none):
            throw CommandFailure(
                ExitStatus.conflict,
                concat(what, ": it is only starting; try 'keeperctl wait --for ready ", id.string, "' first"))
        case .live: break
        }
        do throws(SystemError) {
            folder = try directory.descriptor.openDirectory(names.folder)
            watch = try SessionWatch(names, in: directory, folder: folder)
            if try segmentBases(of: .stdout, in: folder).isEmpty {
                throw SystemError("read answers", names.folder, ENODATA)
            }
        } catch {
            if error.code == ENODATA {
                throw CommandFailure(
                    ExitStatus.failed, concat(what, ": it keeps no output to read answers from"))
            }
            if error.code == ENOENT { throw .sessionOver(id) }
            throw CommandFailure(what, error)
        }
        self.directory = directory
        noteChild()
    }

    /// Looks at the session anew: it may have become another child's since.
    func refresh() throws(CommandFailure) {
        do throws(SystemError) {
            watch = try SessionWatch(names, in: directory, folder: folder)
        } catch {
            throw CommandFailure(what, error)
        }
        child = nil
        noteChild()
        if watch.isOver { throw .sessionOver(names.id) }
    }

    /// The session's own word.
    var status: SessionStatus? { watch.status }

    // MARK: Sending and receiving

    /// Where stdout's journal ends now.
    func journalEnd() throws(CommandFailure) -> Int {
        do throws(SystemError) {
            return try JournalReader(.stdout).journalEnd(in: folder)
        } catch {
            throw CommandFailure(what, error)
        }
    }

    /// Begins to read stdout at a position, or with what comes from now on.
    func listen(from position: Int? = nil) throws(CommandFailure) {
        let start: Int
        if let position { start = position } else { start = try journalEnd() }
        do throws(SystemError) {
            lines = try JournalLines(watch, folder: folder, from: start, what)
        } catch {
            throw CommandFailure(what, error)
        }
    }

    /// Connects, for lines that ``client`` is given.
    func connect(deadline: Int64?) throws(CommandFailure) -> InputClient {
        isDelivered = false
        let socket = try connectInput(names, in: directory, attempts: 3, deadline: deadline)
        let client = InputClient(socket: socket, source: nil)
        self.client = client
        return client
    }

    /// Sends these lines.
    func send(_ bytes: [UInt8], deadline: Int64?) throws(CommandFailure) {
        let client = try connect(deadline: deadline)
        do throws(SystemError) { try client.sendAll(bytes) } catch { throw CommandFailure(what, error) }
        try settle()
    }

    /// The next line of the answer; nil when there is none for now. Valid until the next call.
    func next() throws(CommandFailure) -> Bytes? {
        do throws(SystemError) { return try lines?.next() } catch { throw CommandFailure(what, error) }
    }

    /// Waits for something to happen, and takes it in. The caller has emptied ``set`` and added what it waits for.
    func wait(until deadline: Int64?) throws(CommandFailure) {
        client?.prepare(set)
        lines?.prepare(set)
        if let deadline { set.limit(deadline: deadline) }
        do throws(SystemError) {
            try set.wait()
            try client?.turn(set)
            try lines?.turn(set)
        } catch {
            throw CommandFailure(what, error)
        }
        if child == nil { noteChild() }
        try settle()
    }

    private func settle() throws(CommandFailure) {
        switch client?.outcome {
        case .none: return
        case .delivered: isDelivered = true
        case .refused(let refusal):
            throw CommandFailure(
                refusal.code == InputRefusal.busy ? ExitStatus.conflict : ExitStatus.failed,
                concat(what, ": ", refusal.message))
        // The keeper is gone. What its child had to say all the same is in the journal, and the watch tells the end.
        case .unknown: break
        }
        client = nil
    }

    // MARK: The end

    private func noteChild() {
        guard let status = watch.status, status.state != .backoff else { return }
        child = status.child?.identity
    }

    /// Whether the child that was talked with has ended: asked after ``next()`` had no more, there will be no more.
    var isOver: Bool {
        if watch.isOver { return true }
        guard let child, let status = watch.status else { return false }
        guard let now = status.child?.identity else { return true }
        return status.state == .backoff || now.pid != child.pid || now.startTime != child.startTime
    }

    /// The failure of whoever waited for more from the child.
    func endFailure(_ exitStatus: Int32) -> CommandFailure {
        guard isDelivered else {
            return CommandFailure(
                ExitStatus.outcomeUnknown,
                concat(what, ": the session ended before it acknowledged the line; it may be delivered or not"))
        }
        var how = ""
        switch watch.status?.exit?.end {
        case .exited(let code): how = concat(" with status ", String(code))
        case .signalled(let signal): how = concat(" by SIG", signalName(signal))
        case .unknown, .none: break
        }
        return CommandFailure(exitStatus, concat(what, ": the child ended", how, " without an answer"))
    }
}
