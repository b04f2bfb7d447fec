import KeeperShared

/// Copies what a followed session writes, as it is or with its name and time before each line.
final class LogReader: SessionReader {
    private let copier: OutputCopier
    private let states = SessionStates()

    init(_ copier: OutputCopier) { self.copier = copier }

    var isThrough: Bool { copier.isDone }
    var ordersEvents: Bool { false }

    func receive(_ event: Bytes) { states.take(event) }

    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        try copier.copy(isOver: session.isOver || states.isOver, in: folder)
        states.forgetWaiting()
        return copier.hasMore
    }

    func rest() { copier.rest() }
}
