import CSystem

/// The PID sidecar that this keeper owns: it stays locked until the process ends.
package struct OwnedSidecar: ~Copyable {
    private let file: FileDescriptor

    /// Goes on owning a sidecar that another binary of this process locked.
    package init(owning file: consuming FileDescriptor) { self.file = file }

    private init(file: consuming FileDescriptor) { self.file = file }

    /// Makes this process the keeper that the sidecar names: its lock has outlived another keeper, as a service manager
    /// holds it open.
    ///
    /// A reader finds the one PID or the other meanwhile, with line ends after it.
    package borrowing func rewrite() throws(SystemError) {
        var bytes = Array(concat(String(getpid()), "\n").utf8)
        let length = bytes.count
        let before = try file.metadata().size
        while bytes.count < min(before, 16) { bytes.append(UInt8(ascii: "\n")) }
        let number = file.raw
        try systemCall("write", "the PID sidecar") { pwrite(number, bytes, bytes.count, 0) }
        try systemCall("truncate", "the PID sidecar") { ftruncate(number, off_t(length)) }
    }

    /// Whether this is the file at the sidecar's name.
    package borrowing func isInPlace(_ names: SessionNames, in directory: borrowing FileDescriptor) -> Bool {
        // What can't be looked at is not known to be this file.
        guard let there = try? directory.metadata(of: names.sidecar), let own = try? file.metadata() else {
            return false
        }
        return there.isSameFile(as: own)
    }

    /// Frees the lock, even if another process holds the description: the session that it stood for is over.
    package borrowing func unlock() { _ = csys_lock(file.raw, Int16(F_UNLCK), 0, 0, 0) }

    /// The descriptor that holds the lock.
    package var number: Int32 { file.raw }

    /// Makes the sidecar under its dot-name, locks and fills it, and renames it into place.
    ///
    /// The caller holds the id's lock and has made sure that nobody owns the name.
    package static func make(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> OwnedSidecar {
        try directory.remove(names.newSidecar)
        let file = try directory.open(names.newSidecar, O_RDWR | O_CREAT | O_EXCL)
        let number = file.raw
        try systemCall("lock", names.sidecar) { csys_lock(number, Int16(F_WRLCK), 0, 0, 0) }
        try file.writeAll(Array("\(getpid())\n".utf8), names.sidecar)
        try directory.rename(names.newSidecar, to: names.sidecar)
        return OwnedSidecar(file: file)
    }

    /// Removes the name, if it is still this file's. The lock stays until the process ends.
    package borrowing func removeName(_ names: SessionNames, in directory: borrowing FileDescriptor) {
        // A name that stays is a dead keeper's, which the next start or 'prune' clears away.
        if isInPlace(names, in: directory) { try? directory.remove(names.sidecar) }
    }
}

/// What a PID sidecar tells about its keeper.
package enum SidecarState {
    case absent
    /// Its keeper lives: the lock is held.
    case live(pid_t)
    /// Nobody holds the lock, and no process has the PID that it says.
    case gone(pid_t)
    /// Nobody holds the lock. The PID is what it says, if anything; `age` is seconds since it was written.
    case free(pid: pid_t?, age: Int)

    /// Reads and tests the sidecar called `name`. The lock is never taken.
    package static func read(
        _ name: UnsafePointer<CChar>, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> SidecarState {
        if let code = Faults.next("open", String(cString: name)) {
            throw SystemError("open", String(cString: name), code)
        }
        let number = csys_openat(directory.raw, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0)
        if number < 0 {
            let code = csys_errno()
            if code == ENOENT { return .absent }
            throw SystemError("open", String(cString: name), code)
        }
        let file = FileDescriptor(owning: number)
        var space: (UInt64, UInt64) = (0, 0)
        let pid = withUnsafeMutableBytes(of: &space) { buffer -> pid_t? in
            let count = pread(number, buffer.baseAddress, buffer.count, 0)
            return count > 0 ? parsePID(UnsafeRawBufferPointer(rebasing: buffer[..<count])) : nil
        }
        if csys_lock_test(number, 0, 0) == 1, let pid { return .live(pid) }
        if let pid, kill(pid, 0) < 0, csys_errno() == ESRCH { return .gone(pid) }
        let age = time(nil) - (try file.metadata().modified)
        return .free(pid: pid, age: max(0, age))
    }
}
