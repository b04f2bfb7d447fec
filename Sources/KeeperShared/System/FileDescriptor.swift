import CSystem

// Public, as are all noncopyable types with a deinit: Embedded Swift 6.3 can't see the deinit of others from
// another module (swiftlang/swift#87303).
/// A descriptor with one owner: it is closed when its owner ends.
public struct FileDescriptor: ~Copyable {
    package private(set) var raw: Int32

    /// Takes ownership of a descriptor that nothing else closes.
    package init(owning raw: Int32) { self.raw = raw }

    /// The same; nil for -1.
    package init?(owningIfOpen raw: Int32) {
        if raw < 0 { return nil }
        self.raw = raw
    }

    // Never retried: on Linux the number is free even when close is interrupted.
    deinit { if raw >= 0 { _ = close(raw) } }

    /// Gives the descriptor up without closing it.
    package consuming func release() -> Int32 {
        let number = raw
        raw = -1
        return number
    }

    /// Whether the descriptor is closed when this process executes another program.
    package borrowing func setClosedOnExec(_ isClosed: Bool) {
        _ = csys_fcntl(raw, F_SETFD, isClosed ? Int(FD_CLOEXEC) : 0)
    }

    /// A second descriptor for the same open file, close-on-exec.
    package borrowing func duplicate() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("dup") { csys_fcntl(raw, F_DUPFD_CLOEXEC, 3) })
    }

    /// A second descriptor for one that this process was started with.
    package static func duplicate(ofNumber number: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("dup") { csys_fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// Makes standard error a second name for this file.
    package borrowing func becomeStandardError() { dup2(raw, 2) }

    /// Makes standard input and output further names for this file.
    package borrowing func becomeStandardInputAndOutput() {
        dup2(raw, 0)
        dup2(raw, 1)
    }

    /// Adds `O_NONBLOCK` to the flags that are there.
    package borrowing func setNonBlocking() throws(SystemError) {
        let flags = try systemCall("fcntl") { csys_fcntl(raw, F_GETFL, 0) }
        if flags & O_NONBLOCK == 0 {
            try systemCall("fcntl") { csys_fcntl(raw, F_SETFL, Int(flags | O_NONBLOCK)) }
        }
    }

    /// Asks for a pipe of this many bytes; false when the user's share of pipe pages is used up.
    package borrowing func setPipeSize(_ bytes: Int) -> Bool { csys_fcntl(raw, F_SETPIPE_SZ, bytes) >= 0 }

    /// Reads once. 0 is end-of-file.
    package borrowing func read(
        into buffer: UnsafeMutableRawBufferPointer, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> Int {
        try systemCall("read", subject()) { CSystem.read(raw, buffer.baseAddress, buffer.count) }
    }

    /// Reads once at an offset in bytes. 0 is end-of-file.
    package borrowing func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> Int {
        try systemCall("pread", subject()) { pread(raw, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// Reads once, at an offset in bytes or where the file stands: at most `count` bytes, none at end-of-file.
    package borrowing func read(
        upTo count: Int, at offset: Int? = nil, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { space, filled in
            let space = UnsafeMutableRawBufferPointer(space)
            do throws(SystemError) {
                if let offset {
                    filled = try read(into: space, at: offset, subject())
                } else {
                    filled = try read(into: space, subject())
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The last bytes of a file, at most `count`.
    package borrowing func readLast(_ count: Int) throws(SystemError) -> [UInt8] {
        let size = try metadata().size
        return try read(upTo: min(size, count), at: max(0, size - count))
    }

    /// Writes once, perhaps less than all of it.
    package borrowing func write(
        _ bytes: UnsafeRawBufferPointer, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> Int {
        while let code = Faults.next("write", subject()) {
            // As the kernel's own is.
            if code == EINTR { continue }
            if code != 0 { throw SystemError("write", subject(), code) }
            return try systemCall("write", subject()) {
                CSystem.write(raw, bytes.baseAddress, min(1, bytes.count))
            }
        }
        return try systemCall("write", subject()) { CSystem.write(raw, bytes.baseAddress, bytes.count) }
    }

    /// Writes everything, waiting where the descriptor makes one wait.
    package borrowing func writeAll(
        _ bytes: UnsafeRawBufferPointer, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = try write(rest, subject())
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    package borrowing func writeAll(
        _ bytes: [UInt8], _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) {
        try bytes.bytes { buffer throws(SystemError) in try writeAll(buffer, subject()) }
    }

    /// The whole of a file that is read from where it stands, up to `limit` bytes.
    package borrowing func readAll(
        limit: Int = 64 << 20, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < limit {
            let want = min(all.isEmpty ? 4096 : all.count, limit - all.count)
            let chunk = try read(upTo: want, subject())
            if chunk.isEmpty { break }
            all += chunk
        }
        return all
    }

    package borrowing func metadata() throws(SystemError) -> FileMetadata {
        var record = stat()
        try systemCall("fstat") { fstat(raw, &record) }
        return FileMetadata(record)
    }
}

/// What `stat` tells that somebody here asks for.
package struct FileMetadata {
    package let device: UInt
    package let inode: UInt
    package let mode: UInt32
    package let owner: UInt32
    package let size: Int
    /// Seconds since 1970.
    package let modified: Int
    /// The same moment in nanoseconds, as fine as the file system keeps it.
    package let modifiedTime: Int64
    /// Names that it has; a folder that was removed has none.
    package let links: Int

    /// A file of which only the identity is known.
    package init(device: UInt, inode: UInt) {
        self.device = device
        self.inode = inode
        mode = 0
        owner = 0
        size = 0
        modified = 0
        modifiedTime = 0
        links = 1
    }

    package init(_ record: stat) {
        device = UInt(record.st_dev)
        inode = UInt(record.st_ino)
        links = Int(record.st_nlink)
        mode = record.st_mode
        owner = record.st_uid
        size = Int(record.st_size)
        modified = Int(record.st_mtim.tv_sec)
        modifiedTime = .seconds(Int64(record.st_mtim.tv_sec)) &+ Int64(record.st_mtim.tv_nsec)
    }

    package var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    package var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    package var isLink: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFLNK) }
    package var isSocket: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) }

    /// Whether both are the same file.
    package func isSameFile(as other: FileMetadata) -> Bool {
        device == other.device && inode == other.inode
    }
}

extension Optional where Wrapped: ~Copyable {
    /// Runs `body` on what is there, if it is: a borrowed noncopyable optional can't be bound by `if let`.
    ///
    /// - Returns: what `body` returns; nil without anything.
    @discardableResult
    @inline(__always)
    package borrowing func use<Result, Failure: Error>(
        _ body: (borrowing Wrapped) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        switch self {
        case .some(let wrapped): try body(wrapped)
        case .none: nil
        }
    }
}

extension Optional where Wrapped == FileDescriptor {
    /// The number of the descriptor; -1 without one.
    package var raw: Int32 { use { $0.raw } ?? -1 }
}

extension Array where Element == UInt8 {
    /// Runs `body` on the bytes in place. Unlike `withUnsafeBytes` it passes typed errors on.
    @inline(__always)
    package func bytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { buffer throws(Failure) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}
