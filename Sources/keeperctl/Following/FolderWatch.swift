import CSystem
import KeeperShared

/// Tells what happens in folders: an inotify instance.
final class FolderWatch {
    /// Readable when something has happened.
    let descriptor: FileDescriptor

    /// What tells that files in a folder are written or replaced.
    static let writes = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)

    /// Watches nothing yet.
    ///
    /// - Throws: EMFILE when the user's instances are used up.
    init() throws(SystemError) {
        if let code = Faults.next("inotify", "") { throw SystemError("inotify_init", "", code) }
        descriptor = FileDescriptor(
            owning: try systemCall("inotify_init") { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
    }

    /// Watches one folder.
    convenience init(_ folder: borrowing FileDescriptor, events: UInt32) throws(SystemError) {
        try self.init()
        _ = try add(folder, events: events)
    }

    /// Watches an open folder for these events, and where it is watched already for these as well.
    ///
    /// - Returns: what its events are known by: the same as before where it is watched already.
    /// - Throws: ENOSPC when the user's watches are used up.
    @inline(never) func add(
        _ folder: borrowing FileDescriptor, events: UInt32
    ) throws(SystemError) -> Int32 {
        if let code = Faults.next("inotify", "add") { throw SystemError("inotify_add_watch", "", code) }
        let path = concat("/proc/self/fd/", String(folder.raw))
        let number = inotify_add_watch(descriptor.raw, path, events | UInt32(IN_MASK_ADD))
        if number < 0 { throw SystemError("inotify_add_watch", "", csys_errno()) }
        return number
    }

    /// Watches a folder no longer.
    func remove(_ watch: Int32) { inotify_rm_watch(descriptor.raw, watch) }

    /// Something that happened in a folder.
    struct Event {
        let watch: Int32
        let mask: UInt32
        /// Of what it happened to; valid only during the call.
        let name: UnsafeRawBufferPointer

        /// Whether other events were dropped.
        var isOverflow: Bool { has(UInt32(IN_Q_OVERFLOW)) }

        /// Whether it is one of these.
        func has(_ events: UInt32) -> Bool { mask & events != 0 }

        /// Whether it happened to a file of this name.
        func isNamed(_ other: String) -> Bool { name.elementsEqual(other.utf8) }
    }

    /// Bytes of a record with the longest name.
    private static let longestRecord = 16 + 256

    /// Takes what has been reported, and calls `body` with each.
    ///
    /// - Parameter limit: reads no more often than this: where much happens, there may be no end to it.
    func drain(limit: Int = .max, _ body: (Event) -> Void) {
        let number = descriptor.raw
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { space in
            for _ in 0..<limit {
                let count = read(number, space.baseAddress, space.count)
                if count <= 0 { return }
                FolderWatch.parse(UnsafeRawBufferPointer(rebasing: space[..<count]), body)
                // Another record would have had room: what has come since then makes it readable again.
                if space.count - count > FolderWatch.longestRecord { return }
            }
        }
    }

    /// Records of inotify(7): watch, mask, cookie and the name's size, 32 bits each, and the name, padded with zeros.
    private static func parse(_ events: UnsafeRawBufferPointer, _ body: (Event) -> Void) {
        var offset = 0
        while offset + 16 <= events.count {
            let size = Int(events.load(fromByteOffset: offset + 12, as: UInt32.self))
            let name = events.baseAddress! + offset + 16
            body(
                Event(
                    watch: events.load(fromByteOffset: offset, as: Int32.self),
                    mask: events.load(fromByteOffset: offset + 4, as: UInt32.self),
                    name: UnsafeRawBufferPointer(
                        start: name, count: strnlen(name.assumingMemoryBound(to: CChar.self), size))))
            offset += 16 + size
        }
    }
}
