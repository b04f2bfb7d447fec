import CSystem
import KeeperShared

/// Standard input, output and error as those of a session, from now on: for programs, and for sessions without a
/// terminal.
final class PipeView {
    private let what: String
    private let follower: Follower
    private let outputs: [FollowedOutput]
    private var input: InputClient?
    /// Why lines were not delivered, and when that is said unless the session's end explains it.
    private var refusal: String?
    private var refusalDue = Int64.max
    /// Where the streams ended when the last line was delivered: what is to be shown before the end.
    private var ends: [(StreamName, Int)] = []
    private var isLeaving = false

    init(
        _ names: SessionNames, in directory: borrowing SessionsDirectory, isReadOnly: Bool
    ) throws(CommandFailure) {
        let what = concat("attach to ", names.id.string)
        self.what = what
        (follower, outputs) = try attempt(
            what,
            try followBoth(names, in: directory, fromNow: true) { printError(gapText(what, $0, $1)) })
        follower.endsWithReaders = true
        if isReadOnly { return }
        // Before anything is read from here, so that no line is lost.
        let socket = try connectInput(names, in: directory, attempts: 3, deadline: nil)
        let source = try attempt(what, try FileDescriptor.duplicate(ofNumber: STDIN_FILENO))
        input = InputClient(socket: socket, source: source)
    }

    /// Stays until the session ends, or until all lines are delivered and what came until then is shown.
    ///
    /// - Returns: the exit status; nil when the session has ended.
    func run() throws(CommandFailure) -> Int32? {
        let set = PollSet()
        do throws(FollowFailure) {
            try follower.turn(set)
            while !follower.isDone, refusalDue == Int64.max || monotonicNow() < refusalDue {
                if isLeaving, isShown { return ExitStatus.done }
                set.clear()
                follower.prepare(set)
                input?.prepare(set)
                if refusal != nil { set.limit(deadline: refusalDue) }
                try reading(try set.wait())
                try follower.turn(set)
                try reading(try turnInput(set))
            }
        } catch {
            return try error.status(what)
        }
        if let refusal, !follower.isDone { throw CommandFailure(ExitStatus.failed, refusal) }
        return nil
    }

    /// How the session ended; nil when that can't be known.
    var end: ProcessEnd? { follower.watch.status?.end }

    private func turnInput(_ set: PollSet) throws(SystemError) {
        guard let input else { return }
        try input.turn(set)
        guard let outcome = input.outcome else { return }
        self.input = nil
        switch outcome {
        case .delivered:
            isLeaving = true
            for stream in [StreamName.stdout, .stderr] {
                ends.append((stream, try JournalReader(stream).journalEnd(in: follower.watch.folder)))
            }
        case .refused(let error):
            refusal = concat(what, ": ", error.message)
            // A session that has ended says so in a moment, and shows the last of it.
            refusalDue = monotonicNow() + (error.code == InputRefusal.childAway ? .seconds(2) : 0)
        case .unknown: break
        }
    }

    private var isShown: Bool {
        for (stream, end) in ends where (follower.position(of: stream) ?? end) < end { return false }
        return outputs[0].isEmpty && outputs[1].isEmpty
    }
}

/// Copies both streams of a session to standard output and standard error, as they come.
///
/// - Parameter fromNow: leaves out what is there already.
/// - Parameter limit: the position to stop at in each; 0 copies nothing and only waits for the end.
@inline(never) func followBoth(
    _ names: SessionNames, in directory: borrowing SessionsDirectory, fromNow: Bool, limit: Int = Int.max,
    gap: @escaping (StreamName, JournalGap) -> Void
) throws(SystemError) -> (Follower, [FollowedOutput]) {
    let watch = try SessionWatch(names, in: directory.descriptor)
    let outputs = [
        try FollowedOutput(STDOUT_FILENO, patient: false), try FollowedOutput(STDERR_FILENO, patient: false),
    ]
    let streams = [FollowedStream(.stdout, to: outputs[0]), FollowedStream(.stderr, to: outputs[1])]
    for stream in streams { stream.limit = limit }
    if fromNow {
        for stream in streams {
            stream.position = try JournalReader(stream.name).journalEnd(in: watch.folder)
        }
    }
    return (try Follower(watch, streams, gap: gap), outputs)
}
