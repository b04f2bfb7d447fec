import CSystem
import KeeperShared

/// Standard output or standard error, and what is on its way there. Several followers may share one.
final class FollowedOutput {
    /// Nil for what its owner takes from ``waiting``.
    let target: OutputTarget?
    /// Read and not written yet.
    var waiting = PageBuffer()

    /// - Parameter patient: whether a write may wait for a slow reader.
    init(_ number: Int32, patient: Bool) throws(SystemError) {
        target = try OutputTarget(number, waiting: patient)
    }

    /// For an owner who takes what waits.
    ///
    /// - Parameter window: bytes beyond which there is no room for now.
    init(window: Int = Int.max) {
        target = nil
        self.window = window
    }

    private var window = Int.max

    var isEmpty: Bool { waiting.isEmpty }

    /// Writes what waits.
    ///
    /// - Returns: false when the target has no room for now.
    func flush() throws(FollowFailure) -> Bool {
        do throws(SystemError) {
            guard let target else { return waiting.count < window }
            while !waiting.isEmpty {
                guard let count = try target.write(waiting.bytes) else { return false }
                waiting.removeFirst(count)
            }
            return true
        } catch {
            throw error.code == EPIPE ? .readerGone : .output(error)
        }
    }
}
