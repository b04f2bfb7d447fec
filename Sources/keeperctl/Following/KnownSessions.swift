import KeeperShared

/// What is known of each id, in the order of the ids.
final class KnownSessions {
    /// An id with its folder, as they were at the last look.
    final class Entry {
        let id: SessionID
        /// None without a folder.
        var folder = FolderIdentity()
        /// The one that was there before.
        var previous = FolderIdentity()
        var isOver = false
        /// Those that are followed, in the order in which they came.
        var sessions: [FollowedSession] = []

        init(_ id: SessionID) { self.id = id }
    }

    /// How many sessions are followed.
    var count = 0
    /// Empty for all.
    private let wanted: [SessionID]
    private var entries: [Entry] = []

    init(_ wanted: [SessionID]) { self.wanted = wanted }

    var ids: [SessionID] { entries.map { $0.id } }

    func wants(_ id: SessionID) -> Bool { wanted.isEmpty || wanted.contains { $0 == id } }

    /// What is known of an id; nil when it is unknown and none is to be made.
    func entry(of id: SessionID, makes: Bool = false) -> Entry? {
        let place = place(of: id)
        if place < entries.count, entries[place].id == id { return entries[place] }
        if !makes { return nil }
        let entry = Entry(id)
        entries.insert(entry, at: place)
        return entry
    }

    func forEach(_ body: (FollowedSession) -> Void) {
        for entry in entries { for session in entry.sessions { body(session) } }
    }

    /// Forgets a session.
    func remove(_ session: FollowedSession) {
        guard let entry = entry(of: session.id) else { return }
        let before = entry.sessions.count
        entry.sessions.removeAll { $0 === session }
        count -= before - entry.sessions.count
        dropIfEmpty(entry)
    }

    /// Forgets an id that has neither a folder nor sessions that are followed.
    func dropIfEmpty(_ entry: Entry) {
        if !entry.folder.isNone || !entry.sessions.isEmpty { return }
        let place = place(of: entry.id)
        guard place < entries.count, entries[place] === entry else { return }
        entries.remove(at: place)
    }

    private func place(of id: SessionID) -> Int {
        firstIndex(in: entries.count) { entries[$0].id < id }
    }
}
