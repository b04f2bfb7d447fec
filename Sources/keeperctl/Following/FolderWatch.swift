import CSystem
import KeeperShared

/// Tells when files of a folder are written or replaced.
struct FolderWatch: ~Copyable {
    /// Readable when something has changed.
    let descriptor: FileDescriptor
    /// What the events of the folder that it was opened for are known by.
    let first: Int32

    /// Files are written or replaced.
    static let changes = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)

    /// Watches an open folder for changes; nil when the user's watches are used up, or can't be had for another reason.
    static func open(_ folder: borrowing FileDescriptor, deletions: Bool = false) -> FolderWatch? {
        try? make(folder, events: deletions ? changes | UInt32(IN_DELETE) : changes)
    }

    /// Watches an open folder for these events.
    static func make(_ folder: borrowing FileDescriptor, events: UInt32) throws(SystemError) -> FolderWatch {
        let watch = try make()
        let first = try watch.add(folder, events: events)
        return FolderWatch(descriptor: watch.descriptor, first: first)
    }

    /// Watches nothing yet.
    static func make() throws(SystemError) -> FolderWatch {
        if let code = Faults.next("inotify", "") { throw SystemError("inotify_init", "", code) }
        let number = try systemCall("inotify_init") { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }
        return FolderWatch(descriptor: FileDescriptor(owning: number), first: -1)
    }

    /// Watches a folder for these events, and where it is watched already for these as well.
    ///
    /// - Returns: what its events are known by: the same as before where it is watched already.
    /// - Throws: ENOSPC when the user's watches are used up.
    @inline(never) borrowing func add(
        _ folder: borrowing FileDescriptor, events: UInt32
    ) throws(SystemError) -> Int32 {
        if let code = Faults.next("inotify", "add") { throw SystemError("inotify_add_watch", "", code) }
        let path = concat("/proc/self/fd/", String(folder.raw))
        let number = descriptor.raw
        return try systemCall("inotify_add_watch") {
            inotify_add_watch(number, path, events | UInt32(IN_MASK_ADD))
        }
    }

    /// Watches a folder no longer.
    borrowing func remove(_ watch: Int32) { inotify_rm_watch(descriptor.raw, watch) }

    /// Takes what has been reported.
    ///
    /// - Returns: whether a file was renamed to `name`, as far as can be known.
    borrowing func drain(renamedTo name: StaticString) -> Bool {
        var found = false
        drain { event in
            // Some were dropped, or the folder is gone.
            if event.mask & UInt32(IN_Q_OVERFLOW | IN_IGNORED) != 0 { found = true }
            if event.mask & UInt32(IN_MOVED_TO) != 0, event.name.count == name.utf8CodeUnitCount,
                memcmp(event.name.baseAddress!, name.utf8Start, name.utf8CodeUnitCount) == 0
            {
                found = true
            }
        }
        return found
    }

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
    }

    /// Takes what has been reported, and calls `body` with each.
    ///
    /// - Parameter limit: reads no more often than this: where much happens, there may be no end to it.
    borrowing func drain(limit: Int = .max, _ body: (Event) -> Void) {
        let number = descriptor.raw
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { space in
            for _ in 0..<limit {
                let count = read(number, space.baseAddress, space.count)
                if count <= 0 { return }
                FolderWatch.parse(UnsafeRawBufferPointer(rebasing: space[..<count]), body)
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
