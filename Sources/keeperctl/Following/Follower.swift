import CSystem
import KeeperShared

/// Why a follower can't go on.
enum FollowFailure: Error {
    /// The reader of what is written has gone.
    case readerGone
    case output(SystemError)
    case journal(SystemError)

    /// The exit status of a command that ends for this.
    @inline(never)
    func status(_ what: String) throws(CommandFailure) -> Int32 {
        switch self {
        // As quiet as `cat` when its reader leaves.
        case .readerGone: return 128 + SIGPIPE
        case .output(let error): throw CommandFailure("write output", error)
        case .journal(let error): throw CommandFailure(what, error)
        }
    }
}

/// Reading a journal, or what else is in a session's files.
func reading<Result: ~Copyable>(
    _ body: @autoclosure () throws(SystemError) -> Result
) throws(FollowFailure) -> Result {
    do throws(SystemError) { return try body() } catch { throw .journal(error) }
}

/// One stream on its way from the journal to standard output or standard error.
final class FollowedStream {
    let name: StreamName
    /// Where to start.
    var position = 0
    /// Where to stop at the latest.
    var limit = Int.max
    let output: FollowedOutput

    init(_ name: StreamName, to output: FollowedOutput) {
        self.name = name
        self.output = output
    }

    /// What reads streams together.
    ///
    /// - Parameter follows: whether to go on with what comes; otherwise what is there now is read.
    static func merge(
        _ streams: [FollowedStream], follows: Bool, in folder: borrowing FileDescriptor
    ) throws(SystemError) -> JournalMerge {
        var readers: [JournalReader] = []
        for stream in streams {
            let reader = JournalReader(stream.name, from: stream.position, indexed: streams.count > 1)
            reader.limit = stream.limit
            if !follows, stream.limit == Int.max { reader.limit = try reader.journalEnd(in: folder) }
            readers.append(reader)
        }
        return JournalMerge(readers)
    }
}

/// Copies a session's journals as long as the session lives.
///
/// Part of a loop that may have other parts: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``.
final class Follower {
    let watch: SessionWatch
    private let copier: OutputCopier
    /// Ends as soon as a reader has gone, not with the next write.
    var endsWithReaders = false

    /// - Parameter streams: one, or both with stdout first.
    /// - Parameter gap: told of bytes that the journal no longer holds.
    init(
        _ watch: SessionWatch, _ streams: [FollowedStream], gap: @escaping (StreamName, JournalGap) -> Void
    ) throws(SystemError) {
        copier = try OutputCopier(streams, follows: true, in: watch.folder, gap: gap)
        self.watch = watch
    }

    /// Everything is copied, and no more will come.
    var isDone: Bool { copier.isDone }

    /// The position up to which a stream is copied; nil for one that is not followed.
    func position(of stream: StreamName) -> Int? { copier.position(of: stream) }

    /// Adds what the follower waits for to a turn.
    func prepare(_ set: PollSet) {
        if isDone { return }
        var isBlocked = false
        for output in copier.outputs where !output.isEmpty {
            output.target?.waitForRoom(in: set)
            isBlocked = true
        }
        if isBlocked { return }
        if copier.hasMore { return set.limit(milliseconds: 0) }
        watch.prepare(set)
        if endsWithReaders {
            for output in copier.outputs { output.target?.waitForHangUp(in: set) }
        }
    }

    /// Copies what there is, as far as the targets take it.
    func turn(_ set: PollSet) throws(FollowFailure) {
        if isDone { return }
        do throws(SystemError) { try watch.turn(set) } catch { throw .journal(error) }
        if endsWithReaders {
            for output in copier.outputs
            where output.isEmpty && output.target?.readerHasGone(in: set) ?? false {
                throw .readerGone
            }
        }
        try copier.copy(isOver: watch.isOver, in: watch.folder)
    }
}
