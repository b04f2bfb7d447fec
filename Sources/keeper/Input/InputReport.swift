import KeeperShared

/// What the router tells the session, which acts on it at once.
enum InputReport {
    /// Part of a line, or several lines, went into the child's stdin.
    case delivered
    case completed(LineCompletion, InputError?)
    /// A writer left in the middle of a line; its bytes are not forwarded.
    case dropped(bytes: Int)
    /// A writer's lines are refused, after those that were delivered.
    case refused(InputError, delivered: Int)
    case closingStdin
    /// Requests to close stdin are done, or why they can't be.
    case closed([Reply], failure: StaticString?)
    /// Stdin takes no more: the child has closed it, or is ending.
    case stdinFailed
    /// Stdin is full and can't be watched: it is to be tried again.
    case cannotWatchStdin(SystemError)
}

/// What follows when a line of the keeper's own is delivered, or can't be.
enum LineCompletion {
    /// The answer to it makes the child ready.
    case armMatch
    /// A request for it is answered; with a key, a later request of the same key is not delivered again.
    case reply(Reply, key: [UInt8]?)
}
