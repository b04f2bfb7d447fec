import CSystem
import KeeperShared

/// Both directions of a talk with a session: lines to its stdin, and the lines that its stdout gives from then on.
final class Exchange {
    let names: SessionNames
    /// What is being done, for messages: `call to calc`.
    let what: String
    let directory: SessionsDirectory
    /// Made by ``listen(from:)``.
    private(set) var lines: JournalLines?
    /// What sends; nil once its outcome is known.
    private(set) var client: InputClient?
    /// All that was sent so far is in the child's stdin pipe.
    private(set) var isDelivered = false
    let set = PollSet()
    /// Why something that was sent is not delivered.
    private var refusal: InputRefusal?
    let watch: SessionWatch
    /// The child that is talked with; nil while there is none, between two of them and while one is being ended: what
    /// is sent then is for the next.
    private(set) var child: ProcessIdentity?

    /// Looks at a session that must be live.
    init(
        _ id: SessionID, in directory: consuming SessionsDirectory, _ verb: String
    ) throws(CommandFailure) {
        names = SessionNames(id)
        what = concat(verb, " ", id.string)
        switch try idOwner(of: names, in: directory.descriptor) {
        case .nobody, .dead:
            // Only for the wording: a folder that can't be looked at is as good as none.
            guard (try? directory.descriptor.metadata(of: names.folder)).flatMap({ $0 }) != nil else {
                throw .noSession(id, in: directory.path)
            }
            throw .sessionOver(id)
        case .foreign, .unsettled:
            throw Exchange.failure(
                ExitStatus.failed, what,
                ": its keeper is a foreign one, which keeps no output to read answers from")
        case .keeper: break
        }
        let what = what
        watch = try attempt(what, try SessionWatch(names, in: directory.descriptor))
        let segments = try attempt(what, try segmentBases(of: .stdout, in: watch.folder))
        if watch.isOver {
            // The folder may still be that of the session before.
            throw Exchange.failure(
                ExitStatus.noSession, what, ": the session is only starting, or has just ended")
        }
        if segments.isEmpty {
            throw Exchange.failure(
                ExitStatus.failed, what, ": the session keeps no output to read answers from")
        }
        self.directory = directory
        noteChild()
    }

    @inline(never)
    private static func failure(_ status: Int32, _ what: String, _ text: StaticString) -> CommandFailure {
        CommandFailure(status, concat(what, "\(text)"))
    }

    /// A failure of what is being done here.
    func failure(_ status: Int32, _ text: StaticString) -> CommandFailure {
        Exchange.failure(status, what, text)
    }

    /// Looks at the session anew: it may have become another child's since.
    func refresh() throws(CommandFailure) {
        try attempt(what, try watch.look())
        noteChild()
        if watch.isOver { throw .sessionOver(names.id) }
    }

    /// The session's own word.
    var status: SessionStatus? { watch.status }

    // MARK: Sending and receiving

    /// Begins to read stdout at a position, or with what comes from now on.
    func listen(from position: Int? = nil) throws(CommandFailure) {
        let start =
            if let position { position } else {
                try attempt(what, try JournalReader(.stdout).journalEnd(in: watch.folder))
            }
        lines = JournalLines(watch, from: start, what)
    }

    /// Connects, for lines that ``client`` is given.
    func connect(deadline: Int64?) throws(CommandFailure) {
        isDelivered = false
        let socket = try connectInput(names, in: directory, attempts: 3, deadline: deadline, what)
        client = InputClient(socket: socket, source: nil)
    }

    /// Sends these lines on a connection that stays open.
    func pass(_ bytes: [UInt8]) throws(CommandFailure) {
        try attempt(what, try client?.send(bytes))
    }

    /// Sends these lines, and nothing else.
    func send(_ bytes: [UInt8], deadline: Int64?) throws(CommandFailure) {
        try connect(deadline: deadline)
        try pass(bytes)
        client?.finish()
        settle()
    }

    /// The next line of the answer; nil when there is none for now. Valid until the next call.
    func next() throws(CommandFailure) -> Bytes? {
        try attempt(what, try lines?.next())
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
        settle()
    }

    private func settle() {
        guard let outcome = client?.outcome else { return }
        client = nil
        switch outcome {
        case .delivered: isDelivered = true
        case .refused(let refusal): self.refusal = refusal
        // The keeper is gone. What its child had to say all the same is in the journal, and the watch tells the end.
        case .unknown: break
        }
    }

    // MARK: The end

    private func noteChild() {
        child = nil
        guard let status = watch.status, status.state != .backoff, status.state != .stopping else { return }
        child = status.child?.identity
    }

    /// Whether the child that was talked with has ended, or has no ear: asked after ``next()`` had no more, no answer
    /// will come.
    var isOver: Bool {
        if refusal != nil { return true }
        // The end may be faster than the receipt, which tells whether the child had the line.
        if let client, client.isThrough { return false }
        if watch.isOver { return true }
        guard let child, let status = watch.status else { return false }
        guard let now = status.child?.identity else { return true }
        return status.state == .backoff || now.pid != child.pid || now.startTime != child.startTime
    }

    /// The failure of a client that waited for more from the child.
    func endFailure(_ exitStatus: Int32) -> CommandFailure {
        if let refusal {
            var status = exitStatus
            if refusal.code == InputRefusal.busy { status = ExitStatus.conflict }
            if refusal.code == InputRefusal.tooLong { status = ExitStatus.failed }
            return CommandFailure(status, concat(what, ": ", refusal.message))
        }
        if !isDelivered {
            return failure(
                ExitStatus.outcomeUnknown,
                ": the session ended before it acknowledged the line, which may be delivered or not")
        }
        var how = ""
        switch watch.status?.exit?.end {
        case .exited(let code): how = concat(" with status ", String(code))
        case .signalled(let signal): how = concat(" by SIG", signalName(signal))
        case .unknown, .none: break
        }
        return CommandFailure(exitStatus, concat(what, ": the child ended", how, " before it was done"))
    }
}
