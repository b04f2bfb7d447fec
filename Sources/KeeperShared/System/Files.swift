import CSystem

// Names relative to a directory descriptor: what the sessions directory is made of.
extension FileDescriptor {
    /// Opens a path relative to the working directory.
    package static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0
    ) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("open", path) { csys_openat(AT_FDCWD, path, flags | O_CLOEXEC, mode) })
    }

    /// Opens a name below this directory; a symbolic link there is refused.
    package borrowing func open(
        _ name: String, _ flags: Int32, mode: mode_t = 0o600
    ) throws(SystemError) -> FileDescriptor {
        if let code = Faults.next("open", name) { throw SystemError("open", name, code) }
        return FileDescriptor(
            owning: try systemCall("open", name) {
                csys_openat(raw, name, flags | O_CLOEXEC | O_NOFOLLOW, mode)
            }
        )
    }

    /// Opens a directory below this one.
    package borrowing func openDirectory(_ name: String) throws(SystemError) -> FileDescriptor {
        try open(name, O_RDONLY | O_DIRECTORY)
    }

    /// The bytes of a file below this directory.
    package borrowing func contents(of name: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
        try open(name, O_RDONLY | O_NONBLOCK).readAll(limit: limit, name)
    }

    /// What is at a name, not following a link; nil when nothing is.
    package borrowing func metadata(of name: String) throws(SystemError) -> FileMetadata? {
        var record = stat()
        do throws(SystemError) {
            try systemCall("stat", name) { fstatat(raw, name, &record, AT_SYMLINK_NOFOLLOW) }
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
        return FileMetadata(record)
    }

    package borrowing func makeDirectory(_ name: String, mode: mode_t = 0o700) throws(SystemError) {
        try systemCall("mkdir", name) { mkdirat(raw, name, mode) }
    }

    package borrowing func rename(
        _ old: String, to new: String, in other: borrowing FileDescriptor, flags: UInt32 = 0
    ) throws(SystemError) {
        Faults.pause("rename")
        if let code = Faults.next("rename", new) { throw SystemError("rename", new, code) }
        let target = other.raw
        try systemCall("rename", new) {
            flags == 0 ? renameat(raw, old, target, new) : csys_renameat2(raw, old, target, new, flags)
        }
    }

    package borrowing func rename(_ old: String, to new: String) throws(SystemError) {
        try rename(old, to: new, in: self)
    }

    package borrowing func link(_ old: String, to new: String) throws(SystemError) {
        try systemCall("link", new) { linkat(raw, old, raw, new, 0) }
    }

    /// Removes a name; one that is not there is no error.
    package borrowing func remove(_ name: String) throws(SystemError) {
        Faults.pause("unlink")
        do throws(SystemError) {
            try systemCall("unlink", name) { unlinkat(raw, name, 0) }
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    /// Removes a directory below this one with all that is in it.
    ///
    /// Depth is bounded by the descriptors: what a session leaves has one level.
    package borrowing func removeTree(_ name: String) throws(SystemError) {
        let directory: FileDescriptor
        do throws(SystemError) {
            directory = try openDirectory(name)
        } catch {
            switch error.code {
            case ENOENT: return
            case ENOTDIR, ELOOP: return try remove(name)
            default: throw error
            }
        }
        var names: [(String, Bool)] = []
        try directory.forEachEntry { entry, isDirectory in names.append((entry, isDirectory)) }
        for (entry, isDirectory) in names {
            if isDirectory { try directory.removeTree(entry) } else { try directory.remove(entry) }
        }
        try systemCall("rmdir", name) { unlinkat(raw, name, AT_REMOVEDIR) }
    }

    /// Replaces a file's contents so that a reader sees the old or the new, never a part.
    package borrowing func replace(_ name: String, with bytes: [UInt8]) throws(SystemError) {
        let temporary = ".\(name).tmp"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(SystemError) {
            try file.writeAll(bytes, name)
            try rename(temporary, to: name)
        } catch {
            // A name that stays is overwritten the next time.
            try? remove(temporary)
            throw error
        }
    }

    /// Calls `body` with each name in this directory but `.` and `..`, in no order.
    package borrowing func forEachEntry(_ body: (String, _ isDirectory: Bool) -> Void) throws(SystemError) {
        try forEachRawEntry { name, count, type in
            let bytes = UnsafeBufferPointer(
                start: UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self), count: count)
            body(String(decoding: bytes, as: UTF8.self), type == UInt8(DT_DIR))
        }
    }

    /// The same without making strings: the name, its length in bytes and its `d_type`.
    ///
    /// Not inlined, as are all that take much of the stack: a loop below which it stood would keep that.
    @inline(never)
    package borrowing func forEachRawEntry(
        _ body: (UnsafePointer<CChar>, Int, UInt8) -> Void
    ) throws(SystemError) {
        // A description of its own: reading moves the position. On the stack, as the heap would keep it.
        let directory = FileDescriptor(
            owning: try systemCall("open", ".") {
                csys_openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
            })
        var buffer = InlineArray<2048, UInt64>(repeating: 0)
        let number = directory.raw
        while true {
            let count: Int
            do throws(SystemError) {
                count = try systemCall("getdents") { csys_getdents(number, &buffer, 2048 * 8) }
            } catch {
                // A directory that was removed in the meantime is empty.
                if error.code == ENOENT { return }
                throw error
            }
            if count == 0 { return }
            withUnsafeBytes(of: &buffer) { records in
                var offset = 0
                while offset < count {
                    // struct linux_dirent64: inode, offset, length, type, name (getdents(2)).
                    let length = Int(records.load(fromByteOffset: offset + 16, as: UInt16.self))
                    let type = records[offset + 18]
                    let name = (records.baseAddress! + offset + 19).assumingMemoryBound(to: CChar.self)
                    offset += length
                    let nameCount = strlen(name)
                    if name[0] == 46, nameCount == 1 || (nameCount == 2 && name[1] == 46) { continue }
                    body(name, nameCount, type)
                }
            }
        }
    }
}
