import CSystem

/// Where sessions that remove their files leave their folders while somebody follows sessions: a follower finds there
/// what it has not read yet.
///
/// The directory `.removed` in the sessions directory, with a folder `ID.NUMBER` for each. Followers make it, hold a
/// shared lock (flock) on it and remove each folder ``patience`` after it came. A keeper that finds it without a lock
/// removes it: nobody follows any more.
package enum RemovedFolders {
    package static let place = ".removed"
    /// How long a folder stays for other followers, in ns.
    package static let patience: Int64 = .seconds(5)
    /// When a keeper removes what slow followers have left, in ns.
    private static let longest: Int64 = .seconds(60)

    /// Removes the folder of an ended session, by way of the place where followers look.
    package static func remove(_ names: SessionNames, in directory: borrowing FileDescriptor) {
        do throws(SystemError) {
            if try move(names, in: directory) { return }
        } catch {
            // Mostly there is no such place; what can't be moved is removed.
        }
        // Nobody is left to be told: 'prune' removes what is there all the same.
        try? directory.removeTree(names.folder)
    }

    /// - Returns: false when nobody follows.
    private static func move(
        _ names: SessionNames, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        let place = try directory.openDirectory(place)
        if try clear(place, in: directory) { return false }
        let now = monotonicNow()
        for name in try RemovedFolders.names(in: place) where now - moment(of: name) > longest {
            // Another keeper may be at it as well.
            try? place.removeTree(name)
        }
        try directory.rename(
            names.folder, to: concat(names.id.string, ".", String(monotonicNow())), in: place)
        // The last follower may have gone in between.
        _ = try clear(place, in: directory)
        return true
    }

    /// Begins to follow.
    ///
    /// - Returns: the place, locked; ``end(_:in:)`` gives it up, as the end of the process does.
    package static func begin(in directory: borrowing FileDescriptor) throws(SystemError) -> FileDescriptor {
        // It may be removed and made again meanwhile, or be held by one that is about to remove it.
        for _ in 0..<100 {
            do throws(SystemError) {
                try directory.makeDirectory(place)
            } catch {
                if error.code != EEXIST { throw error }
            }
            do throws(SystemError) {
                let place = try directory.openDirectory(place)
                let number = place.raw
                try systemCall("lock", RemovedFolders.place) { flock(number, LOCK_SH | LOCK_NB) }
                // Somebody may have removed it before it was locked.
                if let there = try directory.metadata(of: RemovedFolders.place),
                    there.isSameFile(as: try place.metadata())
                {
                    return place
                }
            } catch {
                if error.code != ENOENT && error.code != EWOULDBLOCK { throw error }
            }
            pause(nanoseconds: .milliseconds(10))
        }
        throw SystemError("lock", place, EAGAIN)
    }

    /// Ends following, and removes what is left if nobody else follows.
    package static func end(_ place: consuming FileDescriptor, in directory: borrowing FileDescriptor) {
        // What can't be removed now is removed by the next keeper or follower that comes by.
        if (try? clear(place, in: directory)) == true { return }
        _ = consume place
        // Another may have ended, or a folder may have come, in the same moment.
        clearUp(in: directory)
    }

    /// Removes what followers left that were killed.
    package static func clearUp(in directory: borrowing FileDescriptor) {
        // Mostly there is nothing; otherwise the next one who comes by does it.
        guard let place = try? directory.openDirectory(place) else { return }
        _ = try? clear(place, in: directory)
    }

    /// The id in the name of a folder that was left.
    package static func id(of name: UnsafeRawBufferPointer) -> SessionID? {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let id = UnsafeRawBufferPointer(rebasing: name[..<dot])
        return SessionID.isValid(id) ? SessionID(valid: id) : nil
    }

    /// When a folder was left, as ``monotonicNow()``.
    private static func moment(of name: String) -> Int64 {
        let bytes = Array(name.utf8)
        let digits = bytes.lastIndex(of: UInt8(ascii: ".")).map { Array(bytes[($0 + 1)...]) } ?? []
        return Int64(decimal(digits) ?? 0)
    }

    package static func names(in place: borrowing FileDescriptor) throws(SystemError) -> [String] {
        var names: [String] = []
        try place.forEachEntry { name, _ in names.append(name) }
        return names
    }

    /// - Returns: false when somebody follows.
    private static func clear(
        _ place: borrowing FileDescriptor, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        if flock(place.raw, LOCK_EX | LOCK_NB) < 0 { return false }
        // Another may have removed it, and a follower made a new one.
        guard let there = try directory.metadata(of: RemovedFolders.place),
            there.isSameFile(as: try place.metadata())
        else { throw SystemError("lock", RemovedFolders.place, ENOENT) }
        try directory.removeTree(RemovedFolders.place)
        return true
    }
}
