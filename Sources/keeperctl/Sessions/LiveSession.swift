import KeeperShared

/// What is to be known of a session before anything is done to it that needs its keeper.
struct LiveSession {
    let isTerminal: Bool
    let instance: String

    /// - Throws: why it is not live.
    @inline(never)
    init(_ id: SessionID, in directory: borrowing SessionsDirectory) throws(CommandFailure) {
        switch try SessionLookup(id, in: directory.descriptor) {
        case .none: throw CommandFailure.noSession(id, in: directory.path)
        case .foreign:
            throw CommandFailure(
                ExitStatus.failed,
                concat(id.string, ": its keeper is a foreign one, which has no control socket"))
        case .dead, .over: throw CommandFailure.sessionOver(id)
        case .live(_, let status):
            isTerminal = status?.isTerminal ?? false
            instance = status?.instance ?? ""
        }
    }
}

extension SessionStatus {
    /// How a session ended; nil when that can't be known.
    var end: ProcessEnd? {
        guard state.isFinal, let end = exit?.end, end != .unknown else { return nil }
        return end
    }
}
