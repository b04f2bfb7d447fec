import CSystem
import KeeperShared

// Names as the bytes they are: files in a user's trees need not be named in UTF-8.
extension FileDescriptor {
    /// Opens a name below this directory.
    borrowing func open(bytes name: [UInt8], _ flags: Int32) throws(SystemError) -> FileDescriptor {
        let number = raw
        let result = withName(name) { csys_openat(number, $0, flags | O_CLOEXEC, 0) }
        if result < 0 { throw SystemError("open", "", csys_errno()) }
        return FileDescriptor(adopting: result)
    }

    /// Opens a directory at a path below this one, following no link on the way; this one when the path is empty.
    borrowing func openBelow(bytes path: [UInt8]) throws(SystemError) -> FileDescriptor {
        let number = raw
        let result = withName(path.isEmpty ? [UInt8(ascii: ".")] : path) { csys_open_below(number, $0) }
        if result < 0 { throw SystemError("open", "", csys_errno()) }
        return FileDescriptor(adopting: result)
    }

    /// What is at a name, not following a link; nil when nothing is, or nothing can be known.
    borrowing func metadata(bytes name: [UInt8]) -> FileMetadata? {
        let number = raw
        var record = stat()
        if withName(name, { fstatat(number, $0, &record, AT_SYMLINK_NOFOLLOW) }) < 0 { return nil }
        return FileMetadata(record)
    }

    /// Where a symbolic link points; empty when there is none.
    borrowing func link(bytes name: [UInt8]) -> [UInt8] {
        let number = raw
        return [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { space, count in
            let target = UnsafeMutableRawPointer(space.baseAddress!).assumingMemoryBound(to: CChar.self)
            let size = space.count
            count = max(0, Int(withName(name) { Int32(readlinkat(number, $0, target, size)) }))
        }
    }
}

/// Opens what a path leads to, only to be a place to start from; nil when it leads nowhere.
func openPath(_ path: [UInt8]) -> FileDescriptor? {
    let result = withName(path) { csys_openat(AT_FDCWD, $0, O_PATH | O_CLOEXEC, 0) }
    return result < 0 ? nil : FileDescriptor(adopting: result)
}

/// What a path leads to, links followed; nil when it leads nowhere.
func fileMetadata(_ path: [UInt8]) -> FileMetadata? {
    var record = stat()
    return withName(path) { stat($0, &record) } < 0 ? nil : FileMetadata(record)
}

/// The working directory, as the kernel knows it.
func currentDirectory() -> [UInt8] {
    var space = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&space, space.count) != nil else { return [] }
    return space.withUnsafeBytes { Array($0.prefix { $0 != 0 }) }
}

/// Calls `body` with the bytes as a C string.
@inline(never) func withName(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
    let terminated = name + [0]
    return terminated.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
}
