import CSystem
import KeeperShared

/// Where stream events go, and what all sessions use on the way there.
final class StreamSink {
    /// Bytes that were read last, before they are events.
    var scratch = PageBuffer()
    /// Whether a session could not be read.
    var hasFailed = false
    /// Tells which keepers have ended, by the numbers of their feeds.
    let keepers: Poller
    let output: FollowedOutput
    private var lastNumber: UInt64 = 0

    private static let enough = 256 << 10
    /// What a single long line may have needed is given back.
    private static let most = 8 << 20

    init() throws(SystemError) {
        output = try FollowedOutput(STDOUT_FILENO, patient: true)
        keepers = try Poller()
    }

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    func flushIfFull() throws(FollowFailure) {
        if output.waiting.count >= StreamSink.enough { try flush() }
    }

    /// Writes all that waits, however long its reader takes.
    func flush() throws(FollowFailure) {
        while !(try output.flush()) {
            // Somebody has made the reader's pipe one that doesn't wait.
            let set = PollSet()
            output.target.waitForRoom(in: set)
            do throws(SystemError) { try set.wait() } catch { throw .output(error) }
        }
        if output.waiting.capacity > StreamSink.most { output.waiting = PageBuffer() }
        if scratch.capacity > StreamSink.most { scratch = PageBuffer() }
    }
}

/// What is to become stream events, for all sessions alike.
class StreamRequest {
    /// One, or both with stdout first.
    final let streams: [StreamName]
    /// Whether to go on with what comes.
    final let follows: Bool

    init(_ streams: [StreamName], follows: Bool) {
        self.streams = streams
        self.follows = follows
    }

    /// Whether a session is wanted.
    ///
    /// - Parameter status: nil when it can't be read.
    func chooses(_ status: SessionStatus?) -> Bool { true }

    /// Sets where a session's streams start and stop; they are at 0 before.
    ///
    /// - Parameter isFresh: whether the session began while it was followed.
    /// - Parameter place: where both streams are then, read or not.
    /// - Returns: false when reading was to go on in another session under the id, which is gone.
    func place(
        _ streams: [FollowedStream], of id: SessionID, _ instance: String, isFresh: Bool,
        in folder: borrowing FileDescriptor, _ place: inout StreamEventLines.Place
    ) throws(SystemError) -> Bool { true }
}
