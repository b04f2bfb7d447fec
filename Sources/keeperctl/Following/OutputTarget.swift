import CSystem
import KeeperShared

/// Standard output or standard error as the end of a stream of bytes.
final class OutputTarget {
    private enum Kind {
        /// Writing waits until all is written, or doesn't because its owner said so.
        case plain
        /// A pipe or a terminal, opened once more so that only this program's writes don't wait.
        case ownDescription
        case socket
        /// A write of no more than a pipe takes whole, once there is room.
        case small
    }

    private let descriptor: FileDescriptor
    private let kind: Kind

    /// - Parameter waiting: whether a write may wait for a slow reader. If not, the file's flags stay as they are:
    ///   others may share them.
    init(_ number: Int32, waiting: Bool) throws(SystemError) {
        // Opened once more below, a file that the caller gave for reading would take what is written.
        if csys_fcntl(number, F_GETFL, 0) & (O_WRONLY | O_RDWR) == O_RDONLY {
            throw SystemError("write", "output", EBADF)
        }
        let given = try FileDescriptor.duplicate(ofNumber: number)
        let type = try given.metadata().mode & UInt32(S_IFMT)
        if waiting || type == UInt32(S_IFREG) || type == UInt32(S_IFBLK) {
            kind = .plain
        } else if type == UInt32(S_IFSOCK) {
            kind = .socket
        } else if let own = OutputTarget.reopened(number) {
            kind = .ownDescription
            descriptor = own
            return
        } else {
            kind = .small
        }
        descriptor = given
    }

    /// Nil for what can't be opened once more: it is written to in small pieces.
    private static func reopened(_ number: Int32) -> FileDescriptor? {
        try? FileDescriptor.open(concat("/proc/self/fd/", String(number)), O_WRONLY | O_NONBLOCK | O_NOCTTY)
    }

    /// Writes once; nil when there is no room for now.
    func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
        var part = bytes
        switch kind {
        case .plain, .ownDescription: break
        case .socket: return try descriptor.send(bytes, waiting: false)
        case .small:
            if !descriptor.hasRoom() { return nil }
            part = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, Int(PIPE_BUF))])
        }
        do throws(SystemError) {
            return try descriptor.write(part)
        } catch {
            if error.code == EAGAIN { return nil }
            throw error
        }
    }

    func waitForRoom(in set: PollSet) { set.add(descriptor, .output) }

    func waitForHangUp(in set: PollSet) { set.add(descriptor, []) }

    /// Whether the reader has gone, as the last wait found out.
    func readerHasGone(in set: PollSet) -> Bool { set.readiness(of: descriptor).contains(.error) }
}
