import KeeperShared

/// A command of `keeperctl`: what it is called, takes and means (its specification), and what it does.
///
/// Each is a constant in a file of its own in `Commands/`; the list of them is ``allCommands``.
struct Command: Sendable {
    /// Returns the exit status.
    typealias Body = @Sendable (Context) throws(CommandFailure) -> Int32

    let entry: CommandEntry
    let run: Body

    init(
        _ name: String, aliases: [String] = [], isHidden: Bool = false, run: @escaping Body,
        _ makeSpec: @escaping @Sendable (CommandName) -> CommandSpec
    ) {
        entry = CommandEntry(CommandName(name, aliases: aliases), isHidden: isHidden, makeSpec)
        self.run = run
    }
}
