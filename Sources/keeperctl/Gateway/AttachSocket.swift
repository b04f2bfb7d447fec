import CSystem
import KeeperShared

/// A WebSocket as a session's terminal, or as its pipes: binary frames are bytes both ways, text frames change the size.
final class AttachSocket: WebSocketHandler, HubFollower {
    var connection: GatewayConnection?
    let roster: SessionRoster
    private let gateway: Gateway
    private let id: SessionID
    private let mayWrite: Bool
    private let shown: FollowedOutput
    private let screen: AttachedScreen?
    private var input: AttachInput?
    private var session: FollowedSession
    /// A size that is being told, and the one that is to be told after it.
    private var resizing: CommandRun?
    private var wantedSize: TerminalSize?
    private var isOver = false

    let figuresInterval: Int64? = nil
    var figuresDue = Int64.max
    var isWoken = false
    let hasRoom = false

    /// What waits for a slow client, in bytes.
    private static let window = 64 << 10
    /// What is typed ahead at most.
    private static let typedAhead = 64 << 10

    /// - Parameter size: of the client's terminal, if it says so; the session's gets it.
    init(
        _ id: SessionID, _ size: TerminalSize?, _ right: Right, _ gateway: Gateway
    ) throws(HTTPFailure) {
        self.gateway = gateway
        self.id = id
        mayWrite = right == .control
        shown = FollowedOutput(window: AttachSocket.window)
        let hub = gateway.hub
        do throws(CommandFailure) {
            roster = try SessionRoster(
                "attach to", hub.directory, [id], AttachPurpose(), changes: hub.changes)
        } catch {
            throw HTTPFailure(503, error.text)
        }
        roster.watchAdded()
        do throws(SystemError) {
            let folder = try hub.directory.openDirectory(SessionNames(id).folder)
            let reader: any SessionReader
            if let own = SessionStatus.screenSize(in: folder) {
                let screen = AttachedScreen(own, size, shown)
                self.screen = screen
                reader = screen
            } else {
                screen = nil
                var streams: [FollowedStream] = []
                for name in [StreamName.stdout, .stderr] {
                    let stream = FollowedStream(name, to: shown)
                    stream.position = try JournalReader(name).journalEnd(in: folder)
                    streams.append(stream)
                }
                reader = LogReader(try OutputCopier(streams, follows: true, in: folder) { _, _ in })
            }
            session = try FollowedSession(id, folder, reader, isOver: false)
        } catch {
            if error.code == ENOENT {
                throw HTTPFailure(404, concat("no session ", quoted(id.string)), code: "noSession")
            }
            throw HTTPFailure(503, error.text)
        }
        wantedSize = mayWrite && screen != nil ? size : nil
    }

    // MARK: WebSocketHandler

    var limit: Int { gateway.options.longestBody }
    var isReady: Bool { (input?.backlog ?? 0) < AttachSocket.typedAhead }

    func begin() {
        roster.add(session)
        gateway.hub.join(self)
        if mayWrite {
            input = AttachInput(id, isTerminal: screen != nil, gateway) { [self] in connection?.wake() }
        }
        tellSize()
    }

    func endReceiving() { input?.flush() }

    func end() {
        isOver = true
        gateway.hub.leave(self)
        input?.flush()
        input?.end()
        input = nil
    }

    func receive(_ message: WebSocketMessage, _ bytes: UnsafeRawBufferPointer) throws(WebSocketClose) {
        if !mayWrite { throw .notAllowed }
        if case .binary = message {
            input?.take(bytes)
            return
        }
        guard let size = (try? JSONValue.parse(Array(bytes)))?["resize"],
            let columns = size["cols"]?.intValue,
            let rows = size["rows"]?.intValue, columns <= 1 << 20, rows <= 1 << 20,
            let wanted = TerminalSize(columns: Int(columns), rows: Int(rows))
        else { throw .broken("a text is {\"resize\":{\"cols\",\"rows\"}}") }
        if screen == nil { return }
        wantedSize = wanted
        tellSize()
    }

    func wake() { connection?.wake() }

    func fill() throws(WebSocketClose) -> Bool {
        guard let connection else { return false }
        isWoken = false
        var hasMore = false
        if shown.isEmpty, roster.hasNews || roster.deadline <= monotonicNow() {
            do throws(FollowFailure) { hasMore = try roster.turn() } catch { throw .trouble }
            gateway.hub.noteDeadline()
        }
        if !shown.isEmpty {
            connection.sendFrame(opcode: 2, shown.waiting.bytes)
            shown.waiting.removeFirst(shown.waiting.count)
        }
        if session.reader.isThrough, shown.isEmpty {
            connection.closeWebSocket(WebSocketClose(code: 1000, reason: "the session is over"))
            return false
        }
        if !roster.hasOpen { shown.waiting = PageBuffer() }
        return hasMore
    }

    // MARK: The size

    /// One after the other; of those in between only the last one counts.
    private func tellSize() {
        guard resizing == nil, !isOver, let size = wantedSize else { return }
        wantedSize = nil
        guard
            let run = try? gateway.starter.start(
                CommandLine(["resize", "--", id.string, size.text], .nothing))
        else { return }
        resizing = run
        run.observer = { [self] run in
            if !run.isOver { return }
            run.observer = nil
            resizing = nil
            tellSize()
        }
    }
}

/// Follows one session that was added, and looks for no other.
private final class AttachPurpose: FollowPurpose {
    func flush(_ roster: SessionRoster) -> Bool { !roster.isEmpty }
}

/// What a session's terminal shows, and then what its program writes.
private final class AttachedScreen: SessionReader {
    private let size: (columns: Int, rows: Int)
    private let client: TerminalSize?
    private let output: FollowedOutput
    private var reader: JournalReader?
    private var position = -1
    private var filter = TerminalFilter()
    private let states = SessionStates()
    private(set) var isThrough = false

    private static let chunk = 16 << 10
    /// A client that is so far behind is shown the present instead.
    private static let backlog = 1 << 20

    init(_ size: (columns: Int, rows: Int), _ client: TerminalSize?, _ output: FollowedOutput) {
        self.size = size
        self.client = client
        self.output = output
    }

    var deadline: Int64 { Int64.max }
    var ordersEvents: Bool { false }

    func receive(_ event: UnsafeBufferPointer<UInt8>) { states.take(event) }

    func read(_ session: FollowedSession, in folder: borrowing FileDescriptor) throws(FollowFailure) -> Bool {
        states.forgetWaiting()
        let isAtEnd = session.isOver || states.isOver
        do throws(SystemError) {
            if position < 0 {
                try paint(in: folder)
                return true
            }
            let journal = reader ?? JournalReader(.stdout, from: position)
            reader = journal
            var bytes: [UInt8] = []
            let count = try ScreenTail.read(journal, AttachedScreen.chunk, in: folder, into: &bytes)
            position = journal.position
            if count > AttachedScreen.backlog, !isAtEnd {
                try paint(in: folder)
                return true
            }
            if count == 0 {
                isThrough = isAtEnd
                return false
            }
            var shown: [UInt8] = []
            bytes.withUnsafeBytes { filter.feed($0, .live, into: &shown) }
            try append(shown)
            return true
        } catch {
            throw .journal(error)
        }
    }

    /// Shows the screen as it is now.
    private func paint(in folder: borrowing FileDescriptor) throws(SystemError) {
        let tail = try ScreenTail(in: folder, SessionStatus.screenSize(in: folder) ?? size)
        var bytes = filter.undo
        filter = tail.filter
        position = tail.end
        reader = nil
        if let screen = filter.screen {
            let size = client.map { (columns: $0.columns, rows: $0.rows) } ?? self.size
            bytes += ScreenPainter(screen, size, modes: filter.redo).bytes
        }
        filter.screen = nil
        try append(bytes + filter.unfinished)
    }

    private func append(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.bytes { part throws(SystemError) in try output.waiting.append(part) }
    }

    func rest() { reader = nil }

    func giveUp(_ reason: SystemError) { isThrough = true }
}
