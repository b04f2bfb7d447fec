import KeeperShared

/// What is to become stream events, for all sessions alike.
struct StreamRequest {
    /// One, or both with stdout first.
    let streams: [StreamName]
    /// Whether to go on with what comes.
    let follows: Bool
    let places: any StreamPlaces
    /// Chooses lines of one session; nil for all.
    var selection: () -> LineSelection? = { nil }
}

/// Which sessions are told of, and from where.
protocol StreamPlaces: AnyObject {
    /// Whether a session is wanted.
    ///
    /// - Parameter status: nil when it can't be read.
    func chooses(_ status: SessionStatus?) -> Bool

    /// Sets where a session's streams start and stop; they are at 0 before.
    ///
    /// - Parameter isFresh: whether the session began while it was followed.
    /// - Parameter place: where both streams are then, read or not.
    /// - Returns: false when reading was to go on in another session under the id, which is gone.
    func place(
        _ streams: [FollowedStream], of id: SessionID, _ instance: String, isFresh: Bool,
        in folder: borrowing FileDescriptor, _ place: inout StreamEventLines.Place
    ) throws(SystemError) -> Bool
}
