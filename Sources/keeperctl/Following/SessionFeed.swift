import CSystem
import KeeperShared

/// Makes stream events of one session: of its output, line by line, and of its states.
final class SessionFeed: EventTail {
    /// Tells it from other feeds.
    let number: UInt64
    /// The random name of the session, once it is known.
    private(set) var instance: String?
    private let request: StreamRequest
    private let sink: StreamSink
    private let names: SessionNames
    private let directory: FileDescriptor
    /// Whether the session began while it was followed: all of its states are told then.
    private let isFresh: Bool
    private let states = SessionStates()
    /// Nil before it is known that the session is wanted, and when all is told.
    private var output: OutputEvents?
    private var keeper: ProcessHandle?
    private var keeperIsGone = false
    /// The keeper as the session's status describes it.
    private var owner: ProcessIdentity?
    /// Whether its PID means here what it means there.
    private var ownerIsHere = false
    /// When to look for a keeper that can't be waited for.
    private var nextLook = Int64.max
    private var isThrough = false

    /// How much is read before other sessions get their turn.
    private static let chunksPerTurn = 16
    private static let interval: Int64 = .seconds(1)

    init(
        _ names: SessionNames, in directory: borrowing FileDescriptor, folder: consuming FileDescriptor,
        isFresh: Bool, _ request: StreamRequest, _ sink: StreamSink
    ) throws(SystemError) {
        self.names = names
        self.directory = try directory.duplicate()
        self.isFresh = isFresh
        self.request = request
        self.sink = sink
        number = sink.nextNumber()
        super.init(names.id, folder: folder)
    }

    override var isFinished: Bool { isThrough }

    override var deadline: Int64 { isThrough ? Int64.max : min(nextLook, output?.deadline ?? Int64.max) }

    override func receive(_ line: UnsafeBufferPointer<UInt8>) { states.take(line) }

    /// The keeper has ended.
    func keeperHasEnded() {
        keeperIsGone = true
        keeper = nil
        nextLook = Int64.max
        hasChanged = true
    }

    /// Tells figures of the session, if it is being told of.
    func tell(_ type: StaticString, _ data: [UInt8]) throws(FollowFailure) {
        try output?.tell(type, Timestamp.now().nanoseconds, data)
    }

    override func turn() throws(FollowFailure) -> Bool {
        hasChanged = false
        if isThrough { return false }
        do throws(FollowFailure) {
            return try step()
        } catch {
            // Of many sessions the others go on.
            guard case .journal(let reason) = error else { throw error }
            try tellError("unreadable", reason.text)
            close()
            return false
        }
    }

    private func step() throws(FollowFailure) -> Bool {
        readEvents()
        if output == nil {
            try begin()
            guard output != nil else {
                isThrough = isOver || keeperIsGone || !request.follows
                return false
            }
        }
        if monotonicNow() >= nextLook { findKeeper() }
        // Asked before reading: what came before the end is then read for certain.
        let isAtEnd = keeperIsGone || isOver || states.isOver || !request.follows
        for _ in 0..<SessionFeed.chunksPerTurn {
            guard let output else { return false }
            if try output.copyChunk(in: folder) {
                try sink.flushIfFull()
                continue
            }
            try output.release(until: monotonicNow(), in: folder)
            if isAtEnd { try output.finish(request.follows ? states.ends : nil, in: folder) }
            while let change = states.next(until: Int64.max) { try tell(change) }
            if isAtEnd {
                try tell(lastChange())
                close()
            }
            return false
        }
        return true
    }

    private func tell(_ change: SessionStates.Change) throws(FollowFailure) {
        try output?.tell("status", change.time, change.data)
    }

    /// - Parameter code: for programs.
    private func tellError(_ code: StaticString, _ message: String) throws(FollowFailure) {
        sink.hasFailed = true
        try tell("error", errorData(code, message))
    }

    // MARK: The session's life

    /// Starts to tell of the session, if it is known and wanted by now.
    private func begin() throws(FollowFailure) {
        if instance != nil && !states.hasNewLabels || isStarting && states.instance == nil { return }
        states.hasNewLabels = false
        let status = readStatus()
        guard let instance = status?.instance ?? states.instance else { return }
        self.instance = instance
        if !request.chooses(status) { return }
        var starts: [FollowedStream] = []
        for name in request.streams { starts.append(FollowedStream(name, to: sink.output)) }
        let isRight: Bool
        do throws(SystemError) {
            var place = StreamEventLines.Place(stdout: 0, stderr: 0)
            isRight = try request.place(starts, of: id, instance, isFresh: isFresh, in: folder, &place)
            output = try OutputEvents(
                StreamEventLines(id, instance: instance), starts, place, follows: request.follows, states,
                sink,
                in: folder)
        } catch {
            throw .journal(error)
        }
        if !isRight { try tellError("otherSession", "\(LogRange.otherSession)") }
        if let status {
            owner = status.keeper.identity
            ownerIsHere = equalUTF8(status.keeper.pidNamespace, pidNamespace())
        }
        findKeeper()
        if isFresh { return }
        // What was before is for those who ask for events.
        guard let present = states.present ?? status.map({ SessionFeed.change(of: $0) }) else { return }
        states.begin(with: present)
        // The end comes behind all else.
        if request.follows && !present.state.isFinal { try tell(present) }
    }

    private func readStatus() -> SessionStatus? {
        guard let bytes = try? folder.contents(of: SessionNames.status) else { return nil }
        return SessionStatus(bytes: bytes)
    }

    private static func change(of status: SessionStatus) -> SessionStates.Change {
        SessionStates.Change(
            status.state, status.exit?.end, status.exit?.at.nanoseconds ?? Timestamp.now().nanoseconds)
    }

    /// Looks for the keeper by its lock, and then for a descriptor that tells of its end.
    private func findKeeper() {
        nextLook = Int64.max
        // Without a status there is only the sidecar's removal to wait for.
        guard let owner, !keeperIsGone, !states.isOver else { return }
        switch try? SidecarState.read(names.sidecar, in: directory) {
        case .some(.live(let pid)):
            // The id has a new owner, and this folder is of the session before.
            if pid != owner.pid { return keeperHasEnded() }
            if !request.follows { return }
            // PIDs of another namespace mean nothing here; its lock does, and is looked at again and again.
            if ownerIsHere { keeper = ProcessHandle.open(pid: pid, startTime: owner.startTime) }
            switch keeper {
            case .some(let process):
                if (try? sink.keepers.add(process.descriptor, .input, token: number)) != nil { return }
            case .none: break
            }
            keeper = nil
            nextLook = monotonicNow() + SessionFeed.interval
        case .none: nextLook = monotonicNow() + SessionFeed.interval
        case .some: keeperHasEnded()
        }
    }

    /// What to tell when all else is told.
    private func lastChange() -> SessionStates.Change {
        let told = states.present
        if let told, told.state.isFinal { return told }
        // A full disk may have taken the status and not the event.
        let present = readStatus().map { SessionFeed.change(of: $0) } ?? told
        let isGone = keeperIsGone || isOver
        if let present, present.state.isFinal || !isGone { return present }
        // With its files gone it has removed them at its end.
        let isLost = (try? folder.metadata(of: SessionNames.status)) != nil
        return SessionStates.Change(isLost ? .lost : .exited, nil, Timestamp.now().nanoseconds)
    }

    private func close() {
        isThrough = true
        output = nil
        keeper = nil
        closeEvents()
    }
}

/// What an error event says.
///
/// - Parameter code: for programs.
func errorData(_ code: StaticString, _ message: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("code", text: code)
    json.member("message", message)
    json.endObject()
    return json.bytes
}
