import CSystem
import KeeperShared

/// The followed sessions that have changed or have files open; those that were read last come last.
///
/// Only so many have files open at the same time.
final class ActiveSessions {
    private var sessions: [FollowedSession] = []
    /// How many may have files open.
    private let most = max(
        2, min(ActiveSessions.usuallyOpen, raiseDescriptorLimit() / ActiveSessions.descriptorsEach))

    /// What a session needs at most while it is read: its folder, events, and for each stream a segment and two indexes.
    private static let descriptorsEach = 8
    /// Reading a few hundred files again costs less than the time in which they would be needed.
    private static let usuallyOpen = 64
    /// How long the files of a session stay open that is at rest, in ns.
    private static let restTime: Int64 = .seconds(1)

    /// Whether another one had better be at rest until it is read.
    var isFull: Bool { sessions.count > most }

    /// Lets a session be read in the next turn.
    func wake(_ session: FollowedSession) {
        session.hasChanged = true
        if session.isActive { return }
        session.isActive = true
        sessions.append(session)
    }

    /// Reads those that have changed, each as soon as the one before it under its id is read to its end.
    ///
    /// - Parameter hasRoom: whether what is read next finds room.
    /// - Parameter report: told of those that can't be read.
    /// - Returns: whether there is more that can be read at once.
    func read(
        _ now: Int64, in directory: borrowing FileDescriptor, while hasRoom: () -> Bool,
        report: (FollowedSession, SystemError) -> Void
    ) throws(FollowFailure) -> Bool {
        var hasMore = false
        var isBlocked = false
        var hasFinished = false
        var index = 0
        var open = openCount
        while index < sessions.count {
            if !hasRoom() {
                hasMore = true
                break
            }
            let session = sessions[index]
            index += 1
            if !session.hasChanged && session.reader.deadline > now { continue }
            if let before = session.predecessor {
                isBlocked = isBlocked || !before.isThrough
                if !before.isThrough { continue }
                session.predecessor = nil
            }
            if !session.isOpen { open += 1 }
            if try read(session, in: directory, report) {
                session.hasChanged = true
                hasMore = true
            }
            hasFinished = hasFinished || session.isThrough
            if open > most {
                session.rest()
                open -= 1
            }
        }
        return hasMore || (hasFinished && isBlocked)
    }

    private var openCount: Int {
        var count = 0
        for session in sessions where session.isOpen { count += 1 }
        return count
    }

    private func read(
        _ session: FollowedSession, in directory: borrowing FileDescriptor,
        _ report: (FollowedSession, SystemError) -> Void
    ) throws(FollowFailure) -> Bool {
        do throws(FollowFailure) {
            return try session.read(in: directory)
        } catch {
            // Of many sessions the others go on.
            guard case .journal(let reason) = error else { throw error }
            if reason.code == EMFILE || reason.code == ENFILE, restAll(but: session) { return true }
            try session.giveUp(reason)
            report(session, reason)
            return false
        }
    }

    /// - Returns: whether any had files open.
    private func restAll(but session: FollowedSession) -> Bool {
        var hasOpen = false
        for other in sessions where other !== session && other.isOpen {
            other.rest()
            hasOpen = true
        }
        return hasOpen
    }

    /// Closes what is at rest.
    ///
    /// - Parameter forget: whether one that is through is no longer followed.
    func settle(_ now: Int64, forget: (FollowedSession) -> Bool) {
        var open = openCount
        let before = sessions
        sessions = []
        var last: [FollowedSession] = []
        for session in before {
            if session.isThrough {
                session.rest()
                if forget(session) { continue }
            }
            if !session.hasChanged {
                let isDue = session.readAt + ActiveSessions.restTime <= monotonicNow()
                if session.isOpen && (isDue || open > most) {
                    session.rest()
                    open -= 1
                }
                if !session.isOpen && session.reader.deadline == Int64.max {
                    session.isActive = false
                    continue
                }
            }
            if session.readAt < now { sessions.append(session) } else { last.append(session) }
        }
        sessions += last
    }

    /// When there is something to do at the latest, on the monotonic clock.
    var deadline: Int64 {
        var first = Int64.max
        for session in sessions {
            first = min(first, session.reader.deadline)
            if session.isOpen && !session.hasChanged {
                first = min(first, session.readAt + ActiveSessions.restTime)
            }
        }
        return first
    }

    var hasOpen: Bool { sessions.contains { $0.isOpen } }
    var hasChanged: Bool { sessions.contains { $0.hasChanged } }
}
