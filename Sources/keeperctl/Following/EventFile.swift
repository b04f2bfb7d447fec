import CSystem
import KeeperShared

/// Reads the events in a session's folder, on from where it was, across the change to a new file.
struct EventFile: ~Copyable {
    private var file: FileDescriptor?
    /// Which file is being read, whether it is open or not.
    private var device: UInt = 0
    private var inode: UInt = 0
    /// The end of the last whole line that was read.
    private var offset = 0

    private static let chunk = 16 << 10
    /// A longer line is no event.
    private static let longestLine = 1 << 20

    /// Lets go of the file; reading goes on where it was.
    mutating func rest() { file = nil }

    /// Hands out the lines that are new, which may be torn. The buffer is valid only during the call.
    ///
    /// - Throws: what is not explained by a folder that is being removed.
    mutating func read(in folder: borrowing FileDescriptor, _ receive: (Bytes) -> Void) throws(SystemError) {
        do throws(SystemError) {
            if file.raw < 0 { try open(in: folder, receive) }
            while true {
                try readOn(receive)
                // Until its name is another file's, more may come to this one.
                guard let there = try folder.metadata(of: SessionNames.events), !isKnown(there) else {
                    return
                }
                try readOn(receive)
                try open(in: folder, receive)
            }
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    private func isKnown(_ there: FileMetadata) -> Bool { there.device == device && there.inode == inode }

    /// Opens the present file. If it is a new one, hands out what the one before it has that was not read.
    private mutating func open(
        in folder: borrowing FileDescriptor, _ receive: (Bytes) -> Void
    ) throws(SystemError) {
        // In this order, a change in between is noticed by ``read(in:_:)``.
        let newest = try folder.open(SessionNames.events, O_RDONLY | O_NONBLOCK)
        let there = try newest.metadata()
        if !isKnown(there) {
            try readOlder(than: there, in: folder, receive)
            device = there.device
            inode = there.inode
            offset = 0
        }
        file = consume newest
    }

    private mutating func readOlder(
        than newest: FileMetadata, in folder: borrowing FileDescriptor,
        _ receive: (Bytes) -> Void
    ) throws(SystemError) {
        do throws(SystemError) {
            let older = try folder.open(SessionNames.olderEvents, O_RDONLY | O_NONBLOCK)
            let there = try older.metadata()
            // It may just have become the older one, and is read as the newest.
            if there.isSameFile(as: newest) { return }
            if !isKnown(there) { offset = 0 }
            file = consume older
        } catch {
            // There was none before.
            if error.code == ENOENT { return }
            throw error
        }
        try readOn(receive)
    }

    /// Hands out whole lines up to the file's end. One that has no end is read again when it has.
    private mutating func readOn(_ receive: (Bytes) -> Void) throws(SystemError) {
        var bytes: [UInt8] = []
        while true {
            let chunk = try file.use { file throws(SystemError) in
                try file.read(upTo: EventFile.chunk, at: offset + bytes.count)
            }
            guard let chunk, !chunk.isEmpty else { return }
            bytes += chunk
            let used = bytes.withUnsafeBufferPointer { EventFile.split($0, receive) }
            bytes.removeFirst(used)
            offset += used
            if bytes.count > EventFile.longestLine {
                offset += bytes.count
                bytes = []
            }
        }
    }

    /// - Returns: how many bytes are whole lines.
    private static func split(_ bytes: Bytes, _ receive: (Bytes) -> Void) -> Int {
        var start = 0
        while let end = lineFeed(in: UnsafeRawBufferPointer(bytes), from: start) {
            receive(Bytes(rebasing: bytes[start..<end]))
            start = end + 1
        }
        return start
    }
}
