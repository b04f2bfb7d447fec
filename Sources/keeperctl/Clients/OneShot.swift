import CSystem
import KeeperShared

/// `run` with a time limit, or with all that came of the command as one object at its end.
final class OneShot {
    /// Whether the command's output is shown as it comes.
    let showsOutput: Bool
    private(set) var hasTimedOut = false
    /// What survived the end that the time limit brought.
    private var survivors: [JSONValue] = []
    private let limit: String
    private let startedAt = monotonicNow()
    private var deadline: Int64?
    private var stopping: ControlClient?
    /// The session can't be ended.
    private(set) var isStuck = false

    /// How a session is ended, and how long that may take with its leftovers.
    static let steps = "TERM:2s,KILL:2s"
    static var stop: [UInt8] { jsonObject { $0.member("steps", steps) } }
    static let patience: Int64 = .seconds(15)

    init(_ context: Context) throws(CommandFailure) {
        showsOutput = !context.arguments[Shared.json]
        deadline = context.deadline
        limit = context.arguments[Shared.timeout].map { formatDuration($0) } ?? ""
    }

    func prepare(_ set: PollSet) {
        if let deadline { set.limit(deadline: deadline) }
    }

    /// Ends the session when its time is over.
    ///
    /// - Parameter status: what the session said last.
    /// - Returns: false when its end is not worth waiting for any longer.
    func turn(
        _ id: SessionID, _ status: SessionStatus?, in directory: borrowing FileDescriptor
    ) throws(CommandFailure) -> Bool {
        if let deadline, monotonicNow() >= deadline {
            if hasTimedOut {
                throw CommandFailure(
                    ExitStatus.failed,
                    concat("session ", id.string, ": timed out, and its keeper has not ended it since"))
            }
            hasTimedOut = true
            self.deadline = deadline + OneShot.patience
            // If the keeper can't be asked now, the deadline above says so.
            stopping = try? ControlClient(id, in: directory, "stop", parameters: OneShot.stop)
        }
        guard hasTimedOut, status?.state == .stuck, let stopping else { return true }
        isStuck = true
        // Without an answer it is unknown which processes survive; the state says that some do.
        let answer = try? stopping.result(deadline: monotonicNow() + .seconds(2))
        survivors = answer?["survivors"]?.arrayValue ?? []
        return false
    }

    /// Says what came of it.
    ///
    /// - Returns: the exit status; nil for that of the command.
    func finish(
        _ names: SessionNames, _ status: SessionStatus?, in directory: borrowing FileDescriptor,
        _ output: StandardOutput, gap: @escaping (StreamName, JournalGap) -> Void
    ) throws(CommandFailure) -> Int32? {
        if !showsOutput {
            var json = JSONWriter()
            json.beginObject()
            json.member("sessionId", names.id.string)
            if let instance = status?.instance { json.member("instance", instance) }
            (status?.exit?.end ?? .unknown).write(codeKey: "exitCode", to: &json)
            json.member("timedOut", hasTimedOut)
            json.member("durationMs", Int((monotonicNow() - startedAt) / .milliseconds(1)))
            if !survivors.isEmpty {
                json.key("survivors")
                json.beginArray()
                for pid in survivors { json.integer(pid.intValue ?? 0) }
                json.endArray()
            }
            do throws(SystemError) {
                let folder = try directory.openDirectory(names.folder)
                try write(.stdout, in: folder, gap, "stdoutEncoding", "stdoutLost", to: &json)
                try write(.stderr, in: folder, gap, "stderrEncoding", "stderrLost", to: &json)
            } catch {
                throw CommandFailure(concat("session ", names.id.string), error)
            }
            json.endObject()
            json.endLine()
            output.write(json.bytes)
            output.flush()
        }
        if !hasTimedOut { return nil }
        printError(
            concat(
                "session ", names.id.string, ": timed out after ", limit,
                survivors.isEmpty ? "" : "; not all of it could be ended"))
        return ExitStatus.timedOut
    }

    @inline(never)
    private func write(
        _ name: StreamName, in folder: borrowing FileDescriptor,
        _ gap: @escaping (StreamName, JournalGap) -> Void, _ encodingKey: StaticString,
        _ lostKey: StaticString,
        to json: inout JSONWriter
    ) throws(SystemError) {
        let reader = JournalReader(name)
        // Not the reader itself: its code would be there twice.
        let merge = JournalMerge([reader])
        var content = PageBuffer()
        while let next = try merge.next(in: folder, gap: gap) {
            let space = try content.room(for: next.count)
            content.grow(
                by: try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<next.count])))
        }
        let lost = reader.position - content.count
        json.key(name.text)
        if !json.text(content.bytes) { json.member(encodingKey, text: "base64") }
        if lost > 0 { json.member(lostKey, lost) }
    }
}
