import CSystem

/// Held while the names of one id are changed: by the process that starts, reaps or prunes it.
///
/// One byte of `.lock` an id, by a hash: two ids on one byte merely wait for each other.
package struct IDLock: ~Copyable {
    private let file: FileDescriptor

    /// Takes the lock, waiting for at most this many nanoseconds.
    ///
    /// - Returns: nil when somebody else has held it all that time.
    package static func take(
        _ id: SessionID, in directory: borrowing FileDescriptor, timeout: Int64 = .seconds(10)
    ) throws(SystemError) -> IDLock? {
        let file = try directory.open(SessionNames.lock, O_RDWR | O_CREAT)
        let number = file.raw
        let offset = byte(of: id)
        let deadline = monotonicNow() + timeout
        var wait: Int64 = .milliseconds(1)
        while csys_lock(number, Int16(F_WRLCK), off_t(offset), 1, 0) < 0 {
            let code = csys_errno()
            if code != EAGAIN && code != EACCES && code != EINTR {
                throw SystemError("lock", SessionNames.lock, code)
            }
            if monotonicNow() >= deadline { return nil }
            // No lock call has a time limit of its own.
            pause(nanoseconds: wait)
            wait = min(wait * 2, .milliseconds(20))
        }
        return IDLock(file: file)
    }

    /// Lets others go on.
    package consuming func release() {}

    /// FNV-1a, cut to a positive offset.
    private static func byte(of id: SessionID) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in id.string.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(hash >> 2)
    }
}
