import CSystem
import KeeperShared

/// `ls --watch`: the table, again and again, on a screen of its own when there is a terminal.
///
/// The directory tells of starts and ends; what else changes (states, ages, sizes) is looked at each second.
func watchList(_ choice: ListChoice, _ context: Context) throws(CommandFailure) -> Int32 {
    let signals = try attempt(
        "watch", try SignalReader([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH]))
    let target = try attempt("watch", try OutputTarget(STDOUT_FILENO, waiting: true))
    return try attempt("watch", try watchList(choice, context, signals, target))
}

private let shortest: Int64 = .milliseconds(100)
private let longest: Int64 = .seconds(1)

private func watchList(
    _ choice: ListChoice, _ context: Context, _ signals: borrowing SignalReader, _ target: OutputTarget
) throws(SystemError) -> Int32 {
    let isScreen = isatty(STDOUT_FILENO) == 1
    var last: [UInt8]?
    var watch: FolderWatch?
    var isWatching = false
    let set = PollSet()
    context.output.isHeld = true
    if isScreen { enterScreen() }
    defer { if isScreen { leaveScreen() } }
    while true {
        let frame: [UInt8]
        do throws(CommandFailure) {
            if let directory = try context.openDirectory() {
                // Without it the table is only made anew each second.
                if !isWatching {
                    watch = try? FolderWatch(
                        directory.descriptor, events: FolderWatch.writes | UInt32(IN_DELETE))
                }
                isWatching = true
                let list = try choice.list(directory)
                write(list, choice, directory.path, isScreen, to: context.output)
            } else {
                context.output.write(concat(choice.emptyText(try context.directoryPath()), "\n"))
            }
            frame = context.output.take()
        } catch {
            frame = Array(concat(error.text, "\n").utf8)
        }
        if last == nil || last! != frame { draw(frame, isScreen) }
        last = frame

        // Not more often than ten times a second, whatever happens.
        let drawn = monotonicNow()
        var hasChanged = false
        while monotonicNow() < drawn + (hasChanged ? shortest : longest) {
            set.clear()
            set.add(signals.descriptor, .input)
            target.waitForHangUp(in: set)
            if let watch, !hasChanged { set.add(watch.descriptor, .input) }
            set.limit(deadline: drawn + (hasChanged ? shortest : longest))
            try set.wait()
            if target.readerHasGone(in: set) { return 128 + SIGPIPE }
            while let signal = signals.next() {
                switch signal {
                case SIGWINCH: break
                case SIGTSTP:
                    if isScreen { leaveScreen() }
                    kill(getpid(), SIGSTOP)
                    if isScreen { enterScreen() }
                case SIGCONT: break
                default: return 128 + signal
                }
                last = nil
                hasChanged = true
            }
            if let watch, !hasChanged, !set.readiness(of: watch.descriptor).isEmpty {
                watch.drain { _ in }
                hasChanged = true
            }
        }
    }
}

private func write(
    _ list: SessionList, _ choice: ListChoice, _ path: String, _ isScreen: Bool, to output: StandardOutput
) {
    if list.isEmpty { return output.write(concat(choice.emptyText(path), "\n")) }
    var rows = Int.max
    // The cursor stands in the last one.
    if isScreen, let size = terminalSize() { rows = max(2, size.rows - 1) }
    list.writeLongTable(to: output, width: choice.isCut || isScreen ? outputWidth() : Int.max, rows: rows)
}

/// On a screen over what was there, without clearing it first: that would flicker.
private func draw(_ frame: [UInt8], _ isScreen: Bool) {
    if !isScreen { return writeStandard(STDOUT_FILENO, frame + [UInt8(ascii: "\n")]) }
    var bytes = Array("\u{1B}[H".utf8)
    for byte in frame {
        if byte == UInt8(ascii: "\n") { bytes.append(literal: "\u{1B}[K") }
        bytes.append(byte)
    }
    bytes.append(literal: "\u{1B}[J")
    writeStandard(STDOUT_FILENO, bytes)
}

/// The other screen, no cursor, and no going on in the next line.
private func enterScreen() {
    writeStandard(STDOUT_FILENO, Array("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J".utf8))
}

private func leaveScreen() {
    writeStandard(STDOUT_FILENO, Array("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l".utf8))
}
