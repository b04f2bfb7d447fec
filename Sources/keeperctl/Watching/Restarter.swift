import CSystem
import KeeperShared

/// Restarts sessions when their files change.
///
/// Part of a loop: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``.
final class Restarter {
    private final class Session {
        /// nil as long as it has not been started.
        var id: SessionID?
        var roots: [WatchedRoot] = []
        var quiet: QuietTime
        /// What has changed last, as it is shown.
        var changed: [UInt8] = []
        /// A restart under way.
        var request: ControlClient?

        init(_ id: SessionID?, _ quiet: QuietTime) {
            self.id = id
            self.quiet = quiet
        }
    }

    private let context: Context
    private let filter: TreeFilter
    private let quiet: QuietTime
    let tree: TreeWatch
    private var sessions: [Session] = []
    /// How many there were.
    private(set) var restarts = 0
    /// Told of each restart, by what it was caused, and why it failed if it did.
    private let report: (SessionID, [UInt8], CommandFailure?) -> Void

    /// - Parameter debounce: how long changes must rest, in ns.
    init(
        _ context: Context, filter: TreeFilter, debounce: Int64,
        report: @escaping (SessionID, [UInt8], CommandFailure?) -> Void
    ) throws(CommandFailure) {
        self.context = context
        self.filter = filter
        self.report = report
        quiet = QuietTime(debounce)
        let directory = try context.makeDirectory()
        // If it can't be told from others, changes in it restart sessions like all others.
        tree = try TreeWatch(hidden: try? directory.descriptor.metadata())
    }

    /// Restarts a session when what is at a path changes.
    ///
    /// - Parameter id: nil for one that is not started yet.
    /// - Returns: whether it is watched for already.
    /// - Throws: when nothing is there, or it can't be watched.
    func watch(_ path: [UInt8], for id: SessionID?) throws(CommandFailure) -> Bool {
        let root = WatchedRoot(path, filter)
        try tree.add(root)
        for session in sessions {
            let isSame =
                if let known = session.id, let id { known == id } else { session.id == nil && id == nil }
            if !isSame { continue }
            session.roots.append(root)
            return true
        }
        let session = Session(id, quiet)
        session.roots.append(root)
        sessions.append(session)
        return false
    }

    /// What can't be watched from now on is only said.
    ///
    /// - Parameter id: what was started.
    func begin(for id: SessionID? = nil) {
        tree.begin()
        if let id {
            for session in sessions { session.id = id }
        }
    }

    func prepare(_ set: PollSet) {
        tree.prepare(set)
        for session in sessions {
            if let request = session.request {
                request.prepare(set)
            } else if let deadline = session.quiet.deadline {
                set.limit(deadline: deadline)
            }
        }
    }

    func turn(_ set: PollSet) {
        tree.turn(set)
        let now = monotonicNow()
        for session in sessions {
            for root in session.roots {
                guard let news = root.takeNews() else { continue }
                session.changed = root.displayName(of: news)
                session.quiet.note(now)
            }
            // What changes during a restart is for the next.
            if let request = session.request {
                finish(session, request, set)
            } else if session.quiet.isOver(now) {
                restart(session)
            }
        }
    }

    private func restart(_ session: Session) {
        guard let id = session.id else { return }
        var isThere = false
        for root in session.roots where root.isDirty {
            if root.isPresent {
                isThere = true
            } else {
                // It would only fail without its files.
                printError(
                    concat(
                        id.string, ": ", quoted(root.name),
                        " is gone; restarted when it is there again"))
            }
        }
        if !isThere { return }
        for root in session.roots where root.isPresent { root.settle() }
        do throws(CommandFailure) {
            session.request = try ControlClient.ask(id, in: try context.makeDirectory(), "restart")
        } catch {
            report(id, session.changed, error)
        }
    }

    private func finish(_ session: Session, _ request: ControlClient, _ set: PollSet) {
        guard let id = session.id else { return }
        do throws(ControlFailure) {
            if try request.turn(set) == nil { return }
            restarts += 1
            report(id, session.changed, nil)
        } catch {
            report(id, session.changed, error.commandFailure(id))
        }
        session.request = nil
    }
}
