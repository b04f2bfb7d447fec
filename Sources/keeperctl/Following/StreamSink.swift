import CSystem
import KeeperShared

/// Where stream events go, and what all sessions use on the way there.
final class StreamSink {
    /// Bytes that were read last, before they are events.
    var scratch = PageBuffer()
    /// Whether an event tells of an error.
    var hasFailed = false
    let output: FollowedOutput

    private static let enough = 256 << 10
    /// What a single long line may have needed is given back.
    private static let most = 8 << 20

    /// Bytes of output that become events at a time.
    let chunk: Int

    init() throws(SystemError) {
        output = try FollowedOutput(STDOUT_FILENO, patient: true)
        chunk = 64 << 10
    }

    /// Events stay until their reader takes them, and no more are made while there are so many.
    init(window: Int) {
        output = FollowedOutput()
        self.window = window
        chunk = window / 4
    }

    private var window = Int.max

    /// What ends following when nobody reads it any more.
    var targets: [OutputTarget] { output.target.map { [$0] } ?? [] }

    var isFull: Bool { output.waiting.count >= window }

    func flushIfFull() throws(FollowFailure) {
        if output.waiting.count >= StreamSink.enough { try flush() }
    }

    /// Writes all that waits, however long its reader takes.
    func flush() throws(FollowFailure) {
        while !(try output.flush()) {
            // Another process has made the reader's pipe one that doesn't wait.
            let set = PollSet()
            output.target?.waitForRoom(in: set)
            do throws(SystemError) { try set.wait() } catch { throw .output(error) }
        }
        if output.waiting.capacity > StreamSink.most { output.waiting = PageBuffer() }
        if scratch.capacity > StreamSink.most { scratch = PageBuffer() }
    }

    /// Keeps no memory while nothing waits: for one of many who are mostly at rest.
    func giveBack() {
        if !output.isEmpty { return }
        output.waiting = PageBuffer()
        scratch = PageBuffer()
    }
}
