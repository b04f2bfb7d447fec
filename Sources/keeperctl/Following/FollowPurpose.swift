import KeeperShared

/// What sessions are followed for.
protocol FollowPurpose: AnyObject {
    /// What reads a session that was found; nil when it is not wanted.
    ///
    /// - Parameter isFresh: whether the session began while it was followed.
    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) throws(SystemError) -> (any SessionReader)?
    /// All have had their turn: passes on what they read.
    ///
    /// - Returns: false when nothing more is wanted.
    func flush(_ roster: SessionRoster) throws(FollowFailure) -> Bool
    /// Adds what else is waited for to a turn.
    func prepare(_ set: PollSet)
    /// Whether what was read waits for its reader, so that nothing more is to be read now.
    var isFull: Bool { get }
}

extension FollowPurpose {
    var isFull: Bool { false }
}

extension FollowPurpose {
    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) throws(SystemError) -> (any SessionReader)? {
        nil
    }
    func prepare(_ set: PollSet) {}
}
