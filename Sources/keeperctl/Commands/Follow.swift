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
