import KeeperShared

/// What sessions are followed for.
protocol FollowPurpose: AnyObject {
    /// What reads a session; nil when nobody wants that.
    ///
    /// - Parameter isFresh: whether the session began while it was followed.
    func reader(of id: SessionID, isOver: Bool, isFresh: Bool) throws(SystemError) -> (any SessionReader)?
    /// A session can't be read.
    func report(_ id: SessionID, _ error: SystemError)
    /// All have had their turn: passes on what they read.
    ///
    /// - Returns: false when nothing more is wanted.
    func flush(_ roster: SessionRoster) throws(FollowFailure) -> Bool
    /// Adds what else is waited for to a turn.
    func prepare(_ set: PollSet)
}
