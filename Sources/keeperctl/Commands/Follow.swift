import CSystem
import KeeperShared

/// `follow`: tells what sessions write and how they are, as stream events, until nobody reads it.
func runFollow(_ context: Context) throws(CommandFailure) -> Int32 {
    let request = try FollowRequest(context)
    let directory = try context.makeDirectory()
    _ = raiseDescriptorLimit()
    let feed: FollowFeed
    do throws(SystemError) {
        feed = try FollowFeed(directory.descriptor, request)
        try feed.begin()
    } catch {
        throw CommandFailure("follow", error)
    }
    for id in request.ids where !feed.knows(id) {
        printError(concat("no session ", quoted(id.string), " yet; waiting for it"))
    }
    do throws(FollowFailure) {
        try feed.follow(feed.sink.output.target)
        return ExitStatus.done
    } catch {
        return try error.status("follow")
    }
}

/// What is to be followed, and from where.
private final class FollowRequest: StreamRequest {
    /// Where somebody was in a session.
    struct Resumption {
        let id: SessionID
        let cursor: Cursor
    }

    /// Empty for all.
    let ids: [SessionID]
    /// Between figures, in ns; nil for none.
    let metricsInterval: Int64?
    private(set) var resumptions: [Resumption] = []
    private var succeeded: [SessionID] = []
    private var labels: [ListChoice.WantedLabel] = []
    private var startsNow = false

    init(_ context: Context) throws(CommandFailure) {
        let arguments = context.arguments
        ids = try context.sessionIDs()
        metricsInterval = arguments.duration("metrics")
        for label in arguments.values("label") { labels.append(ListChoice.WantedLabel(label.bytes[...])) }
        super.init([.stdout, .stderr], follows: true)
        if (ids.isEmpty ? 0 : 1) + (arguments.flag("all") ? 1 : 0) + (labels.isEmpty ? 0 : 1) != 1 {
            throw CommandFailure(
                ExitStatus.badUsage, "follow takes either IDs or --all or --label NAME=VALUE, one kind of them")
        }
        if let metricsInterval, metricsInterval < .milliseconds(100) {
            throw CommandFailure(ExitStatus.badUsage, "--metrics takes 100ms or more")
        }
        for from in arguments.values("from") { try add(from) }
    }

    /// `oldest`, `now`, `CURSOR` or `ID=CURSOR`.
    private func add(_ from: Argument) throws(CommandFailure) {
        if from.equals("oldest") { return }
        if from.equals("now") {
            startsNow = true
            return
        }
        let sign = from.bytes.firstIndex(of: UInt8(ascii: "="))
        guard let cursor = Cursor(Array(from.bytes[(sign.map { $0 + 1 } ?? 0)...])) else {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat(
                    "--from ", quoted(from.bytes),
                    " is neither 'oldest' nor 'now' nor a cursor INSTANCE:STDOUT:STDERR or ID=CURSOR"))
        }
        let id: SessionID
        if let sign {
            do throws(SessionIDError) {
                id = try SessionID(bytes: Array(from.bytes[..<sign]))
            } catch {
                throw CommandFailure(
                    ExitStatus.badUsage, concat("--from ", quoted(from.bytes), ": its ID: ", error.message))
            }
        } else {
            guard ids.count == 1 else {
                throw CommandFailure(
                    ExitStatus.badUsage, "--from CURSOR is a place in one session: give ID=CURSOR for each of several")
            }
            id = ids[0]
        }
        if !ids.isEmpty && !ids.contains(where: { $0 == id }) {
            throw CommandFailure(
                ExitStatus.badUsage, concat("--from names ", quoted(id.string), ", which is not to be followed"))
        }
        resumptions.append(Resumption(id: id, cursor: cursor))
    }

    func cursor(of id: SessionID) -> Cursor? {
        for resumption in resumptions where resumption.id == id { return resumption.cursor }
        return nil
    }

    /// The cursor is of the session before the present one, which is new to whoever reads on.
    func noteSuccessor(of id: SessionID) { succeeded.append(id) }

    func hasSuccessor(_ id: SessionID) -> Bool { succeeded.contains { $0 == id } }

    override func chooses(_ status: SessionStatus?) -> Bool {
        for wanted in labels {
            var hasLabel = false
            for label in status?.labels ?? [] {
                if label.name.utf8.elementsEqual(wanted.name)
                    && (wanted.value.map { label.value.utf8.elementsEqual($0) } ?? true)
                {
                    hasLabel = true
                }
            }
            if !hasLabel { return false }
        }
        return true
    }

    override func place(
        _ streams: [FollowedStream], of id: SessionID, _ instance: String, isFresh: Bool,
        in folder: borrowing FileDescriptor, _ place: inout StreamEventLines.Place
    ) throws(SystemError) -> Bool {
        if isFresh { return true }
        var isRight = true
        if let cursor = cursor(of: id) {
            isRight = equalUTF8(cursor.instance, instance)
            if isRight {
                for stream in streams { stream.position = cursor.position(of: stream.name) }
            }
        } else if startsNow {
            for stream in streams {
                stream.position = try JournalReader(stream.name).journalEnd(in: folder)
            }
        }
        for stream in streams { place.set(stream.name, stream.position) }
        return isRight
    }
}

/// Follows sessions that are there, and those that come.
private final class FollowFeed: StreamFeed {
    private let request: FollowRequest
    private var sampler: SessionSampler?
    private var nextSample = Int64.max

    init(_ directory: borrowing FileDescriptor, _ request: FollowRequest) throws(SystemError) {
        self.request = request
        try super.init(directory, request.ids, request)
    }

    func begin() throws(SystemError) {
        if let interval = request.metricsInterval {
            let sampler = try SessionSampler(
                directory, ids: request.ids, [.memory, .descriptors, .transfer])
            // A share of a processor needs two looks.
            try sampler.sample()
            nextSample = monotonicNow() + interval
            self.sampler = sampler
        }
        for resumption in request.resumptions { try resume(resumption) }
        try watchDirectory()
    }

    /// Goes on in the session before the present one, if that is where somebody was.
    private func resume(_ resumption: FollowRequest.Resumption) throws(SystemError) {
        let names = SessionNames(resumption.id)
        let present = SessionStatus.read(names.folder, in: directory)
        let instance = resumption.cursor.instance
        if let present, equalUTF8(present.instance, instance) { return }
        if let before = SessionStatus.read(names.previousFolder, in: directory),
            equalUTF8(before.instance, instance)
        {
            try add(names, directory.openDirectory(names.previousFolder), isOver: true)
            request.noteSuccessor(of: names.id)
        } else if present == nil {
            let cursor = resumption.cursor
            try StreamEventLines(names.id, instance: instance).append(
                "error", time: Timestamp.now().nanoseconds, nil,
                StreamEventLines.Place(stdout: cursor.stdout, stderr: cursor.stderr),
                errorData("noSession", "the session of the cursor is gone, with its output"),
                to: &sink.output.waiting)
        }
    }

    override func makeTail(
        _ id: SessionID, _ folder: consuming FileDescriptor, isOver: Bool
    ) throws(SystemError) -> EventTail? {
        // Of all sessions those that live, and where somebody was.
        if isOver && isStarting && request.ids.isEmpty && request.cursor(of: id) == nil { return nil }
        return try SessionFeed(
            SessionNames(id), in: directory, folder: folder,
            isFresh: !isStarting || request.hasSuccessor(id), request, sink)
    }

    override func flush() throws(FollowFailure) {
        if monotonicNow() >= nextSample { try tellFigures() }
        try super.flush()
    }

    override func prepare(_ set: PollSet) {
        super.prepare(set)
        if nextSample != Int64.max { set.limit(deadline: nextSample) }
    }

    private func tellFigures() throws(FollowFailure) {
        guard let sampler, let interval = request.metricsInterval else { return }
        do throws(SystemError) { try sampler.sample() } catch { throw .journal(error) }
        nextSample = monotonicNow() + interval
        for sample in sampler.sessions {
            guard let instance = sample.instance else { continue }
            for tail in tails where tail.id == sample.id {
                let feed = unsafeDowncast(tail, to: SessionFeed.self)
                guard let own = feed.instance, equalUTF8(own, instance) else { continue }
                var json = JSONWriter()
                json.beginObject()
                appendUsage(&json, sample.cpuPermille, sample.usage)
                json.endObject()
                try feed.tell("metrics", json.bytes)
            }
        }
    }
}
