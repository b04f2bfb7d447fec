import CSystem
import KeeperShared

let peekCommand = Command("peek", run: runPeek) {
    CommandSpec(
        $0, summary: "Print the last lines of a session, or what its terminal shows",
        description: [
            "Prints the last lines of both streams, in the order in which they came, an unfinished one among them; "
                + "changes nothing, and waits for nothing.",
            "Of a session with a terminal (spawn --tty) it prints what the terminal shows now, as plain text: the "
                + "whole screen, without the empty lines at its end. It is made from the last MiB of output, so what a "
                + "program has not drawn again since then is missing.",
        ],
        operands: [Shared.oneSession],
        groups: [OptionGroup("Options", [PeekOptions.lines])],
        examples: [
            ExampleSpec("keeperctl peek build", "Shows how far the build is."),
            ExampleSpec("keeperctl peek editor", "Shows the screen of a session with a terminal."),
        ], exitStatuses: [Shared.done, Shared.noSession])
}

/// The options of `peek`.
enum PeekOptions {
    static let lines: Option<Int> = Option(
        "lines", short: "n", .integer(min: 1, max: 1_000_000), "N",
        help: "Print this many; of a terminal, the last of those on the screen",
        describedDefault: "10, or the screen")
}

/// `peek`: prints the last lines of a session, or what its terminal shows.
func runPeek(_ context: Context) throws(CommandFailure) -> Int32 {
    let id = try context.sessionID(context.arguments.operands[0])
    let directory = try context.directory(of: id)
    let folder = try openFolder(SessionNames(id), isOfPrevious: false, in: directory)
    let copier: OutputCopier
    do throws(SystemError) {
        if let size = SessionStatus.screenSize(in: folder) {
            // A program's own screen may be as high as it likes.
            let limit = context.arguments[PeekOptions.lines] ?? size.rows
            let screen = try ScreenTail(in: folder, size).filter.screen
            context.output.write(screen?.text(rows: limit) ?? [])
            context.output.flush()
            return ExitStatus.done
        }
        copier = try lastLines(context.arguments[PeekOptions.lines] ?? 10, folder)
    } catch {
        throw CommandFailure(concat("peek ", id.string), error)
    }
    do throws(FollowFailure) {
        while !copier.isDone { try copier.copy(isOver: true, in: folder) }
        return ExitStatus.done
    } catch {
        return try error.status("read journal")
    }
}

extension SessionStatus {
    /// How large the session's terminal is, by the status in an open folder; nil when it has none.
    static func screenSize(in folder: borrowing FileDescriptor) -> (columns: Int, rows: Int)? {
        guard let status = read(in: folder), status.isTerminal else { return nil }
        let size = status.terminalSize ?? TerminalSize.standard
        return (size.columns, size.rows)
    }
}

/// What copies the last lines of both streams to standard output, each on a line of its own.
private func lastLines(
    _ count: Int, _ folder: borrowing FileDescriptor
) throws(SystemError) -> OutputCopier {
    let output = try FollowedOutput(STDOUT_FILENO, patient: true)
    let streams = [FollowedStream(.stdout, to: output), FollowedStream(.stderr, to: output)]
    _ = try LogRange(tail: count).apply(to: streams, in: folder)
    var style = LineStyle()
    style.holdsLines = true
    style.keepsLines = true
    // What goes while it is read is of no interest: the last is what was asked for.
    return try OutputCopier(streams, style: style, follows: false, in: folder) { _, _ in }
}
