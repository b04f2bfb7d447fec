/// An operand of a command, such as `ID` or `[LINE…]`.
package final class OperandSpec: Sendable {
    /// How often the operand may be given. Only the last operand of a command may be given repeatedly.
    package enum Count: Sendable {
        case one, optional, any, oneOrMore
    }

    package let name: String
    package let kind: ValueKind
    package let count: Count
    /// The long name of a flag that takes this operand's place.
    package let unless: String?

    package init(_ name: String, _ kind: ValueKind, _ count: Count = .one, unless: String? = nil) {
        self.name = name
        self.kind = kind
        self.count = count
        self.unless = unless
    }

    /// How the synopsis shows it.
    package var usage: String {
        switch count {
        case .one: name
        case .optional: concat("[", name, "]")
        case .any: concat("[", name, "…]")
        case .oneOrMore: concat(name, "…")
        }
    }

    var isRequired: Bool {
        switch count {
        case .one, .oneOrMore: true
        case .optional, .any: false
        }
    }

    package var repeats: Bool {
        switch count {
        case .any, .oneOrMore: true
        case .one, .optional: false
        }
    }
}

/// Whether a command takes the command of a child after `--`.
package enum TrailingCommand: Sendable {
    case none, optional, required
}

/// A command line to try, and what it does.
package struct ExampleSpec: Sendable {
    package let line: String
    package let meaning: String

    package init(_ line: String, _ meaning: String) {
        self.line = line
        self.meaning = meaning
    }
}

/// An exit status, or a family of them, and what it means.
package struct ExitStatusSpec: Sendable {
    package let status: String
    package let meaning: String

    package init(_ status: String, _ meaning: String) {
        self.status = status
        self.meaning = meaning
    }
}

/// What a command is called.
package struct CommandName: Sendable {
    package let name: String
    /// Other names for the same command.
    package let aliases: [String]

    package init(_ name: String, aliases: [String] = []) {
        self.name = name
        self.aliases = aliases
    }

    package func matches(_ text: [UInt8]) -> Bool {
        sameText(text, name) || aliases.contains { sameText(text, $0) }
    }
}

/// A command in the list of its program. Its specification is made when it is asked for: those of all commands
/// would take longer than most commands do.
package struct CommandEntry: Sendable {
    package let name: CommandName
    /// Neither shown nor suggested.
    package let isHidden: Bool
    private let makeSpec: @Sendable (CommandName) -> CommandSpec

    package init(
        _ name: CommandName, isHidden: Bool = false,
        _ makeSpec: @escaping @Sendable (CommandName) -> CommandSpec
    ) {
        self.isHidden = isHidden
        self.name = name
        self.makeSpec = makeSpec
    }

    package var spec: CommandSpec { makeSpec(name) }
}

/// One command, or a program that has none: the source of its parsing, help, man page and completion.
package final class CommandSpec: Sendable {
    package let name: String
    /// Other names for the same command.
    package let aliases: [String]
    /// One phrase for the list of commands, without a full stop.
    package let summary: String
    /// Paragraphs for the command's own help.
    package let description: [String]
    package let operands: [OperandSpec]
    package let trailing: TrailingCommand
    package let groups: [OptionGroup]
    package let examples: [ExampleSpec]
    package let exitStatuses: [ExitStatusSpec]

    package init(
        _ name: CommandName, summary: String, description: [String] = [],
        operands: [OperandSpec] = [], trailing: TrailingCommand = .none, groups: [OptionGroup] = [],
        examples: [ExampleSpec], exitStatuses: [ExitStatusSpec] = []
    ) {
        self.name = name.name
        aliases = name.aliases
        self.summary = summary
        self.description = description
        self.operands = operands
        self.trailing = trailing
        self.groups = groups
        self.examples = examples
        self.exitStatuses = exitStatuses
    }

    /// The operands as the synopsis shows them: `ID [LINE…]`, `[ID] -- COMMAND…`.
    package var operandUsage: String {
        var words = operands.map { (operand: OperandSpec) -> String in
            if let flag = operand.unless { concat(operand.usage, " | --", flag) } else { operand.usage }
        }
        switch trailing {
        case .none: break
        case .optional: words.append("[-- COMMAND…]")
        case .required: words.append("-- COMMAND…")
        }
        return words.joined(separator: " ")
    }
}

/// A program: either commands behind one name, or a single command, its `root`.
package final class ProgramSpec: Sendable {
    package let name: String
    package let summary: String
    /// Options that are accepted before the command and after it. The parser itself answers `help` and
    /// `version` among them.
    package let globalOptions: [OptionSpec]
    package let entries: [CommandEntry]
    package let root: CommandSpec?
    package let exitStatuses: [ExitStatusSpec]

    /// A program of commands.
    package init(
        _ name: String, summary: String, globalOptions: [OptionSpec], entries: [CommandEntry],
        exitStatuses: [ExitStatusSpec] = []
    ) {
        self.name = name
        self.summary = summary
        self.globalOptions = globalOptions
        self.entries = entries
        root = nil
        self.exitStatuses = exitStatuses
    }

    /// A program that is itself the command.
    package init(root: CommandSpec, globalOptions: [OptionSpec]) {
        name = root.name
        summary = root.summary
        self.globalOptions = globalOptions
        entries = []
        self.root = root
        exitStatuses = root.exitStatuses
    }

    /// The specifications of all commands that are shown, made for this call.
    package var commands: [CommandSpec] { entries.filter { !$0.isHidden }.map { $0.spec } }

    /// The specification of the command of this name or alias.
    package func command(called text: [UInt8]) -> CommandSpec? {
        entries.first { $0.name.matches(text) }?.spec
    }

    /// How a user calls the command: `keeperctl spawn`, or `keeper` for the root.
    package func invocation(of command: CommandSpec?) -> String {
        guard let command, root == nil else { return name }
        return concat(name, " ", command.name)
    }
}
