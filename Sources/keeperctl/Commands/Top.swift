import CSystem
import KeeperShared

let topCommand = Command("top", run: runTop) {
    CommandSpec(
        $0, summary: "Watch all sessions in the terminal, and stop or peek into them",
        description: [
            "MEM is the memory of all processes of a session, IN/S what the command itself reads, OUT/S what "
                + "it writes to stdout and stderr, in bytes each second.",
            "Keys: n, c, m, i, o and a sort by name, processor, memory, input, output and age, once more the "
                + "other way round; up and down select; p shows the newest output of the selected session; "
                + "s stops it, after a question; q quits.",
        ], examples: [ExampleSpec("keeperctl top", "Shows all sessions until q is pressed.")],
        exitStatuses: [Shared.done, ExitStatusSpec("2", "There is no terminal.")])
}

/// A live table of all sessions.
func runTop(_ context: Context) throws(CommandFailure) -> Int32 {
    guard TerminalGuard.isAvailable else {
        throw CommandFailure(
            ExitStatus.badUsage, "top needs a terminal; 'keeperctl stats' prints the same without one")
    }
    guard let directory = try context.openDirectory() else {
        printError(concat("no sessions in ", try context.directoryPath()))
        return ExitStatus.done
    }
    return try attempt("top", try Top(directory).run())
}

private final class Top {
    private enum Mode {
        case table
        /// Whether to stop it.
        case asking(SessionID)
        case peeking(SessionID)
    }

    private var terminal: TerminalGuard
    private let directory: FileDescriptor
    private let sampler: SessionSampler
    private var table = TopTable()
    private var mode = Mode.table
    private var message = ""
    private var result: Int32?

    private static let interval: Int64 = .seconds(1)

    init(_ directory: borrowing SessionsDirectory) throws(SystemError) {
        self.directory = try directory.descriptor.duplicate()
        sampler = try SessionSampler(directory.descriptor, [])
        // Last: from here on there is something to restore.
        terminal = try TerminalGuard(fullScreen: true)
    }

    /// - Returns: the exit status.
    func run() throws(SystemError) -> Int32 {
        let set = PollSet()
        var next: Int64 = 0
        while true {
            var isChanged = false
            if monotonicNow() >= next {
                // Short until there are rates to show.
                next = monotonicNow() + (next == 0 ? Top.interval / 4 : Top.interval)
                try sampler.sample()
                table.update(sampler.sessions)
                isChanged = true
            }
            while let event = try terminal.nextEvent() {
                isChanged = true
                if case .end(let signal) = event { return 128 + signal }
            }
            guard let typed = terminal.read() else { return 128 + SIGHUP }
            for key in pressedKeys(in: typed) {
                isChanged = true
                press(key)
                if let result { return result }
            }
            terminal.flush()
            if isChanged && terminal.isCaughtUp { draw() }
            set.clear()
            terminal.prepare(set)
            set.limit(deadline: next)
            try set.wait()
        }
    }

    // MARK: Keys

    private func press(_ key: UInt8) {
        message = ""
        switch mode {
        case .peeking: mode = .table
        case .asking(let id):
            mode = .table
            if key == UInt8(ascii: "y") { stop(id) }
        case .table:
            switch key {
            case UInt8(ascii: "k"): table.moveSelection(-1)
            case UInt8(ascii: "j"): table.moveSelection(1)
            // Control-C, which is no signal in raw mode.
            case UInt8(ascii: "q"), 3: result = ExitStatus.done
            // Control-Z likewise.
            case 26: kill(getpid(), SIGTSTP)
            case UInt8(ascii: "s"): if let session = table.selected { mode = .asking(session.id) }
            case UInt8(ascii: "p"): if let session = table.selected { mode = .peeking(session.id) }
            default: table.sort(by: key)
            }
        }
    }

    /// Asks the keeper to end its session; the table shows how it goes on.
    private func stop(_ id: SessionID) {
        message = concat("stopping ", id.string)
        do throws(ControlFailure) {
            _ = try ControlClient(id, in: directory, "stop")
        } catch {
            message = error.commandFailure(id).text
        }
    }

    // MARK: The screen

    private func draw() {
        let size = terminal.size
        var screen = Screen(rows: size.rows)
        switch mode {
        case .peeking(let id): peek(id, size, &screen)
        case .table:
            table.draw(on: &screen, size)
            let help = "n c m i o a: sort   up down: select   p: peek   s: stop   q: quit"
            screen.lastLine(message.isEmpty ? help : message)
        case .asking(let id):
            table.draw(on: &screen, size)
            screen.lastLine(concat("stop ", id.string, "? (y/n)"))
        }
        terminal.write(screen.finish())
    }

    private func peek(_ id: SessionID, _ size: (columns: Int, rows: Int), _ screen: inout Screen) {
        screen.line(concat(id.string, ": its newest output"), .bold)
        let wanted = max(0, size.rows - 2)
        var newest = newestOutput(of: id, .stdout)
        if newest.isEmpty { newest = newestOutput(of: id, .stderr) }
        if newest.last == UInt8(ascii: "\n") { newest.removeLast() }
        for line in newest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).suffix(
            wanted)
        {
            screen.line(plainText(line, limit: size.columns * 4))
        }
        screen.lastLine("any key: back")
    }

    /// The last bytes of a stream, enough for a screen.
    private func newestOutput(of id: SessionID, _ stream: StreamName) -> [UInt8] {
        var bytes: [UInt8] = []
        do throws(SystemError) {
            let folder = try directory.openDirectory(SessionNames(id).folder)
            let size = 64 << 10
            let start = max(0, try JournalReader(stream).journalEnd(in: folder) - size)
            let reader = JournalReader(stream, from: start)
            while bytes.count < size {
                if try ScreenTail.read(reader, size, in: folder, into: &bytes) == 0 { break }
            }
        } catch {
            // Shown as it is: the session may have gone, or its files be rotated, at this very moment.
        }
        return bytes
    }
}

/// Output as text that moves no cursor: without escape sequences, tabs as blanks, other control characters and
/// what is not UTF-8 as `\xNN`.
func plainText(_ line: ArraySlice<UInt8>, limit: Int) -> String {
    var plain: [UInt8] = []
    var index = line.startIndex
    while index < line.endIndex, plain.count < limit {
        let byte = line[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\t"): repeat { plain.append(32) } while plain.count % 8 != 0
        case UInt8(ascii: "\r"): break
        case 0x1B:
            guard index < line.endIndex else { break }
            let kind = line[index]
            index += 1
            if kind == UInt8(ascii: "[") {
                while index < line.endIndex, line[index] < 0x40 { index += 1 }
                index = min(index + 1, line.endIndex)
            } else if kind == UInt8(ascii: "]") {
                // A title or a link, up to BEL or ESC \.
                while index < line.endIndex, line[index] != 7, line[index] != 0x1B { index += 1 }
                if index < line.endIndex, line[index] == 7 { index += 1 }
            }
        default: plain.append(byte)
        }
    }
    let text = quoted(plain, limit: limit)
    return String(decoding: Array(text.utf8.dropFirst().dropLast()), as: UTF8.self)
}
