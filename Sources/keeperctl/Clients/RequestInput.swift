import CSystem
import KeeperShared

/// The lines of standard input, as they come.
final class RequestInput {
    private let file: FileDescriptor
    private var buffer = LineBuffer()
    private var hasEnded = false

    init(_ file: consuming FileDescriptor) { self.file = file }

    /// Whether everything was handed out.
    private(set) var isAtEnd = false

    /// Adds what it waits for to a turn.
    func prepare(_ set: PollSet) { if !hasEnded { set.add(file, .input) } }

    /// Reads once if the last wait says that there is something.
    func fill(_ set: PollSet) throws(CommandFailure) {
        if hasEnded || set.readiness(of: file).isEmpty { return }
        do throws(SystemError) {
            let count = try file.read(into: try buffer.room(for: LineBuffer.chunk))
            buffer.grow(by: count)
            hasEnded = count == 0
        } catch {
            // Another process that has the pipe was faster.
            if error.code != EAGAIN { throw CommandFailure("read standard input", error) }
        }
    }

    /// The next line; at the end also one that has no end of its own. nil when there is none for now.
    func next() -> [UInt8]? {
        if let line = buffer.next("standard input") { return ownedBytes(line) }
        if !hasEnded || isAtEnd { return nil }
        isAtEnd = true
        return ownedBytes(buffer.rest)
    }
}
