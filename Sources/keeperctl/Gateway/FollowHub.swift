import CSystem
import KeeperShared

/// What tells all who follow sessions through the gateway that there is something new: one inotify instance for them all.
final class FollowHub: GatewayPart {
    var isScheduled = false
    let changes = RosterChanges()
    let directory: FileDescriptor
    private let loop: GatewayLoop
    private var token: UInt64 = 0
    private var isWatching = false
    private var followers: [any HubFollower] = []
    /// What measures the sessions, while anybody wants figures.
    private var figures: CommandRun?
    private var measured = PageBuffer()
    /// When to try again to measure.
    private var figuresRetry = Int64.max
    private let start: (CommandLine) throws(HTTPFailure) -> CommandRun

    /// Before what has failed is tried again, in ns.
    private static let pause: Int64 = .seconds(1)

    /// - Parameter start: starts a command of this program.
    init(
        _ loop: GatewayLoop, _ directory: consuming FileDescriptor,
        start: @escaping (CommandLine) throws(HTTPFailure) -> CommandRun
    ) {
        self.loop = loop
        self.directory = directory
        self.start = start
    }

    /// Tells a follower of news, from now until ``leave(_:)``; its roster has joined the changes.
    func join(_ follower: any HubFollower) {
        followers.append(follower)
        settleFigures()
        if isWatching { return noteDeadline() }
        isWatching = true
        changes.withDescriptor { descriptor in
            // Without it changes are looked for again and again.
            token = (try? loop.add(self, descriptor, .input)) ?? 0
        }
        loop.watchTime(of: self)
    }

    /// After the last one nothing is watched any more.
    func leave(_ follower: any HubFollower) {
        followers.removeAll { $0 === follower }
        settleFigures()
    }

    // MARK: Figures

    /// One process measures for all, and none when nobody asks: to look at thousands of sessions takes seconds.
    private func settleFigures() {
        let isWanted = followers.contains { $0.figuresInterval != nil }
        figuresRetry = Int64.max
        if isWanted == (figures != nil) { return }
        if !isWanted {
            figures?.end()
            figures = nil
            return
        }
        var line = CommandLine(["stats", "--json"], .events(asEventStream: false))
        line.endsWithReader = true
        guard let run = try? start(line) else {
            figuresRetry = monotonicNow() + FollowHub.pause
            return noteDeadline()
        }
        figures = run
        run.observer = { [self] in take($0) }
    }

    private func take(_ run: CommandRun) {
        let isOver = (try? run.fill(&measured, limit: 1 << 20)) ?? true
        while let end = lineFeed(in: measured.bytes, from: 0) {
            tell(UnsafeRawBufferPointer(rebasing: measured.bytes[..<end]))
            measured.removeFirst(end + 1)
        }
        if isOver, figures === run {
            run.observer = nil
            figures = nil
            measured = PageBuffer()
            figuresRetry = monotonicNow() + FollowHub.pause
            noteDeadline()
        }
    }

    private func tell(_ line: UnsafeRawBufferPointer) {
        let bytes = line.bindMemory(to: UInt8.self)
        let now = monotonicNow()
        guard let text = jsonBytes("sessionId", of: bytes), let id = try? SessionID(bytes: text) else {
            // The sums end a round.
            for follower in followers { follower.figuresTold(at: now) }
            return
        }
        var members = JSONMembers(bytes)
        var json: [UInt8] = []
        while members.next() {
            if isJSONString(members.name, "sessionId") || isJSONString(members.name, "state")
                || isJSONString(members.name, "time")
            {
                continue
            }
            json.append(json.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            json += Array(members.name) + [UInt8(ascii: ":")] + Array(members.value)
        }
        json.append(UInt8(ascii: "}"))
        for follower in followers where follower.wantsFigures(at: now) {
            for session in follower.roster.sessions(of: id) where follower.hasRoom {
                // Without memory for it a figure is left out.
                try? (session.reader as? SessionFeed)?.tell("metrics", json)
            }
            wake(follower)
        }
    }

    var deadline: Int64 {
        var first = followers.isEmpty ? Int64.max : min(changes.deadline, figuresRetry)
        // One that was woken is due when its client has room, which no clock tells.
        for follower in followers where !follower.isWoken { first = min(first, follower.deadline) }
        return first
    }

    private func wake(_ follower: any HubFollower) {
        follower.isWoken = true
        follower.wake()
    }

    /// A roster's deadline may have become earlier.
    func noteDeadline() { loop.noteDeadline(deadline) }

    func ready(_ readiness: Readiness) { take(isReadable: true) }

    func turn() { take(isReadable: false) }

    private func take(isReadable: Bool) {
        changes.take(isReadable: isReadable, in: directory)
        let now = monotonicNow()
        if figuresRetry <= now { settleFigures() }
        for follower in followers where !follower.isWoken {
            if follower.roster.hasNews || follower.deadline <= now { wake(follower) }
        }
        noteDeadline()
    }
}

/// One who follows sessions through the hub.
protocol HubFollower: AnyObject {
    var roster: SessionRoster { get }
    /// When it has something to do at the latest, on the monotonic clock.
    var deadline: Int64 { get }
    /// There is something to read.
    func wake()
    /// Whether it has not read since it was woken.
    var isWoken: Bool { get set }
    /// Whether it has room for figures: those that a slow reader misses are lost.
    var hasRoom: Bool { get }
    /// How often it wants figures, in ns; nil for never.
    var figuresInterval: Int64? { get }
    /// When it wants the next ones.
    var figuresDue: Int64 { get set }
}

extension HubFollower {
    var deadline: Int64 { roster.deadline }

    func wantsFigures(at now: Int64) -> Bool { figuresInterval != nil && figuresDue <= now }

    /// A round is complete.
    func figuresTold(at now: Int64) {
        // A little early is better than a round late.
        if let figuresInterval, figuresDue <= now { figuresDue = now + figuresInterval - .milliseconds(100) }
    }
}

/// The machine's name, for people who have several.
func hostName() -> String {
    let bytes = (try? FileDescriptor.open("/proc/sys/kernel/hostname", O_RDONLY).readAll(limit: 256)) ?? []
    return String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)
}
