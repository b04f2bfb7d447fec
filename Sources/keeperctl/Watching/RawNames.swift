import CSystem
import KeeperShared

// Names as the bytes they are: files in a user's trees need not be named in UTF-8.
extension FileDescriptor {
    /// Opens a name below this directory.
    borrowing func open(bytes name: [UInt8], _ flags: Int32) throws(SystemError) -> FileDescriptor {
        let number = raw
        let result = withCName(name) { csys_openat(number, $0, flags | O_CLOEXEC, 0) }
        if result < 0 { throw SystemError("open", "", csys_errno()) }
        return FileDescriptor(owning: result)
    }

    /// Opens a directory at a path below this one, following no link on the way; this one when the path is empty.
    borrowing func openBelow(bytes path: [UInt8]) throws(SystemError) -> FileDescriptor {
        let number = raw
        let result = withCName(path.isEmpty ? [UInt8(ascii: ".")] : path) { csys_open_below(number, $0) }
        if result < 0 { throw SystemError("open", "", csys_errno()) }
        return FileDescriptor(owning: result)
    }

    /// What is at a name, not following a link; nil when nothing is, or nothing can be known.
    borrowing func metadata(bytes name: [UInt8]) -> FileMetadata? {
        let number = raw
        var record = stat()
        if withCName(name, { fstatat(number, $0, &record, AT_SYMLINK_NOFOLLOW) }) < 0 { return nil }
        return FileMetadata(record)
    }

    /// Where a symbolic link points; empty when there is none.
    borrowing func link(bytes name: [UInt8]) -> [UInt8] {
        let number = raw
        return [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { space, count in
            let target = UnsafeMutableRawPointer(space.baseAddress!).assumingMemoryBound(to: CChar.self)
            let size = space.count
            count = max(0, Int(withCName(name) { Int32(readlinkat(number, $0, target, size)) }))
        }
    }
}

/// Opens what a path leads to, only to be a place to start from; nil when it leads nowhere.
func openPath(_ path: [UInt8]) -> FileDescriptor? {
    let result = withCName(path) { csys_openat(AT_FDCWD, $0, O_PATH | O_CLOEXEC, 0) }
    return result < 0 ? nil : FileDescriptor(owning: result)
}

/// What a path leads to, links followed; nil when it leads nowhere.
func fileMetadata(_ path: [UInt8]) -> FileMetadata? {
    var record = stat()
    return withCName(path) { stat($0, &record) } < 0 ? nil : FileMetadata(record)
}

/// A path, and a name below it; the path itself when the name is empty.
@inline(never) func joinedPath(_ path: [UInt8], _ name: [UInt8]) -> [UInt8] {
    if name.isEmpty || path.isEmpty { return path + name }
    var joined = path
    if joined.last != UInt8(ascii: "/") { joined.append(UInt8(ascii: "/")) }
    joined += name
    return joined
}

/// A path from the root of the file system.
func absolutePath(_ path: [UInt8]) -> [UInt8] {
    if path.first == UInt8(ascii: "/") { return path }
    let here = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { space, count in
        let text = UnsafeMutableRawPointer(space.baseAddress!).assumingMemoryBound(to: CChar.self)
        count = getcwd(text, space.count) == nil ? 0 : strlen(text)
    }
    return joinedPath(here, path)
}

/// An absolute path without what says nothing: empty names, `.`, and names that `..` follows.
func plainPath(_ path: [UInt8]) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    var plain: [UInt8] = []
    var start = 0
    while start < path.count {
        var end = start
        while end < path.count, path[end] != slash { end += 1 }
        let count = end - start
        let isDot = count > 0 && path[start] == UInt8(ascii: ".")
        if count == 2, isDot, path[start + 1] == UInt8(ascii: ".") {
            while let last = plain.popLast(), last != slash {}
        } else if count > 0, !(count == 1 && isDot) {
            plain.append(slash)
            plain += path[start..<end]
        }
        start = end + 1
    }
    return plain.isEmpty ? [slash] : plain
}

/// Calls `body` with the bytes as a C string.
@inline(never) func withCName(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
    let terminated = name + [0]
    return terminated.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
}
