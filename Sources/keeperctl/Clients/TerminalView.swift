import CSystem
import KeeperShared

/// Why a terminal no longer shows a session.
enum ViewEnd {
    case detached
    /// With how it ended, if that is known.
    case sessionOver(ProcessEnd?)
    /// A signal came, or the terminal is gone.
    case ended(Int32)
}

/// What a terminal is to show, and how.
struct ViewRequest {
    let names: SessionNames
    var keys: DetachKeys
    var isReadOnly = false
    /// All that the session has written instead of the last screenful.
    var fromStart = false
}

/// The user's terminal as a session's: what is typed goes in, what the session writes is shown.
final class TerminalView {
    private let request: ViewRequest
    private var keys: DetachKeys
    private let directory: FileDescriptor
    private let watch: SessionWatch
    private var terminal: TerminalGuard
    private var reader = JournalReader(.stdout)
    private var filter = TerminalFilter()
    private var noted = -1
    /// Where what is typed goes; nil when nothing does.
    private var input: FileDescriptor?
    private var typed: [UInt8] = []
    private var resizing: ControlClient?
    /// When the terminal's true size is told to a program that was made to draw everything again.
    private var sizeDue: Int64?
    private var returns = 0

    /// What is read at once.
    private static let chunk = 32 << 10
    /// A terminal that is so far behind is shown the present instead.
    private static let backlog = 4 << 20
    /// More than a user types: keys are not read while as much as this waits.
    private static let typedAhead = 64 << 10

    /// - Parameter input: where what is typed goes; nil when nothing does.
    init(
        _ request: ViewRequest, _ directory: consuming FileDescriptor, _ watch: SessionWatch,
        _ terminal: consuming TerminalGuard, input: consuming FileDescriptor?
    ) {
        self.request = request
        keys = request.keys
        self.directory = directory
        self.watch = watch
        self.terminal = terminal
        self.input = input
    }

    /// Shows the session until one of them has enough.
    func run() throws(SystemError) -> ViewEnd {
        try arrive()
        let set = PollSet()
        while true {
            set.clear()
            let hasMore = try show()
            if watch.isOver, !hasMore, terminal.isCaughtUp { return .sessionOver(watch.status?.end) }
            terminal.prepare(set)
            if hasMore { set.limit(milliseconds: 0) } else { watch.prepare(set) }
            if let sizeDue { set.limit(deadline: sizeDue) }
            input.use { set.add($0, typed.isEmpty ? .input : [.input, .output]) }
            try set.wait()
            try watch.turn(set)
            terminal.flush()
            if let end = try takeSignals() { return end }
            if typed.count < TerminalView.typedAhead, let end = takeKeys() { return end }
            sendTyped(set)
            if let due = sizeDue, monotonicNow() >= due { tellSize() }
        }
    }

    // MARK: What is shown

    /// Shows what the session's terminal shows now, or what comes near to it.
    private func arrive() throws(SystemError) {
        if request.fromStart, returns == 0 {
            reader = JournalReader(.stdout)
            return tellSize()
        }
        let tail = try ScreenTail(in: watch.folder, SessionStatus.screenSize(in: watch.folder))
        reader = JournalReader(.stdout, from: tail.end)
        // It may show what came before.
        var bytes = filter.undo
        filter = tail.filter
        if let screen = filter.screen {
            bytes += ScreenPainter(screen, terminal.size, modes: filter.redo).bytes
        }
        filter.screen = nil
        show(bytes + filter.unfinished)
        tellSize(redrawing: filter.isOtherScreen)
    }

    /// Goes on with what the session has written since.
    ///
    /// - Returns: whether there is more, and room for it.
    private func show() throws(SystemError) -> Bool {
        guard terminal.isCaughtUp else { return false }
        var bytes: [UInt8] = []
        let count = try ScreenTail.read(reader, TerminalView.chunk, in: watch.folder, into: &bytes)
        if count == 0 { return false }
        if count > TerminalView.backlog, !request.fromStart, !watch.isOver {
            try arrive()
            return true
        }
        var shown: [UInt8] = []
        bytes.withUnsafeBytes { filter.feed($0, .live, into: &shown) }
        show(shown)
        return terminal.isCaughtUp
    }

    private func show(_ bytes: [UInt8]) {
        if filter.changes != noted {
            noted = filter.changes
            // Before it is needed.
            terminal.setUndo(filter.undo)
        }
        terminal.write(bytes)
    }

    // MARK: What comes from the user

    private func takeSignals() throws(SystemError) -> ViewEnd? {
        while let event = try terminal.nextEvent() {
            switch event {
            case .end(let signal): return .ended(signal)
            case .redraw:
                if returns == terminal.returns {
                    tellSize()
                } else {
                    returns = terminal.returns
                    try arrive()
                }
            }
        }
        return nil
    }

    private func takeKeys() -> ViewEnd? {
        guard let bytes = terminal.read() else { return .ended(SIGHUP) }
        if bytes.isEmpty { return nil }
        if keys.feed(bytes, into: &typed) { return .detached }
        return nil
    }

    private func sendTyped(_ set: PollSet) {
        var isOpen = true
        switch input {
        case .none: typed.removeAll()
        case .some(let socket):
            if !set.readiness(of: socket).isDisjoint(with: [.input, .hangUp, .error]) {
                // The keeper takes no more: the session is ending.
                isOpen = false
            }
            while isOpen, !typed.isEmpty {
                let count = typed.withUnsafeBytes { bytes -> Int? in
                    do throws(SystemError) { return try socket.send(bytes, waiting: false) } catch {
                        return -1
                    }
                }
                guard let count else { break }
                if count < 0 { isOpen = false } else { typed.removeFirst(count) }
            }
        }
        if !isOpen { input = nil }
    }

    // MARK: The size

    /// Gives the session's terminal the size of this one.
    ///
    /// - Parameter redrawing: by way of another size, so that its program draws everything again.
    private func tellSize(redrawing: Bool = false) {
        sizeDue = nil
        if request.isReadOnly || watch.isOver { return }
        let (columns, allRows) = terminal.size
        var rows = allRows
        if redrawing, rows > 1 {
            rows -= 1
            // Time for the program to see it: two changes in a row would be none.
            sizeDue = monotonicNow() + .milliseconds(100)
        }
        guard let parameters = TerminalSize(columns: columns, rows: rows)?.parameters else { return }
        // A keeper that is gone or stopped is told of no size; the next change tries again.
        if let client = resizing, (try? client.send("resize", parameters)) != nil { return client.discard() }
        resizing = try? ControlClient(request.names.id, in: directory, "resize", parameters: parameters)
    }
}
