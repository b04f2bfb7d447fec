import CSystem
import KeeperShared

/// Makes stream events of sessions of a directory, in one process and with one inotify instance.
class StreamFeed: SessionRoster {
    final let sink: StreamSink
    private final let request: StreamRequest

    init(
        _ directory: borrowing FileDescriptor, _ ids: [SessionID], _ request: StreamRequest
    ) throws(SystemError) {
        self.request = request
        sink = try StreamSink()
        try super.init(directory, ids)
    }

    /// Tells of the session in a folder.
    ///
    /// - Parameter inTurn: whether to wait until all is told of those that were added before.
    final func add(
        _ names: SessionNames, _ folder: consuming FileDescriptor, isOver: Bool, inTurn: Bool = false
    ) throws(SystemError) {
        let feed = try SessionFeed(names, in: directory, folder: folder, isFresh: false, request, sink)
        feed.isOver = isOver
        let last = tails.last
        add(feed)
        if inTurn { feed.predecessor = last }
    }

    override func flush() throws(FollowFailure) { try sink.flush() }

    override func prepare(_ set: PollSet) { sink.keepers.join(set) }

    override func takeReady(_ set: PollSet) throws(SystemError) {
        let tails = tails
        try sink.keepers.wait(timeout: 0) { number, _ in
            for tail in tails {
                let feed = unsafeDowncast(tail, to: SessionFeed.self)
                if feed.number == number { feed.keeperHasEnded() }
            }
        }
    }

    override func failed(_ id: SessionID, _ error: SystemError) {
        sink.hasFailed = true
        printError(concat(id.string, ": ", error.text))
    }
}
