import CSystem
import KeeperShared

/// `peek`: prints the last lines of a session.
func runPeek(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionID(context.arguments.operands[0])
    let directory = try context.directory(of: id)
    let folder = try openFolder(SessionNames(id), isOfPrevious: false, in: directory)
    let follower: Follower
    do throws(SystemError) {
        follower = try lastLines(context.arguments.integer("lines") ?? 10, folder)
    } catch {
        throw CommandFailure(concat("peek ", id.string), error)
    }
    return try finish([follower])
}

/// What copies the last lines of both streams to standard output, each on a line of its own.
private func lastLines(_ count: Int, _ folder: consuming FileDescriptor) throws(SystemError) -> Follower {
    let output = try FollowedOutput(STDOUT_FILENO, patient: true)
    let streams = [FollowedStream(.stdout, to: output), FollowedStream(.stderr, to: output)]
    _ = try LogRange(lastLines: count).apply(to: streams, in: folder)
    var style = LineStyle()
    style.holdsLines = true
    style.keepsLines = true
    // What goes while it is read is of no interest: the last is what was asked for.
    return try Follower(folder: folder, streams: streams, style: style, watch: nil) { _, _ in }
}
