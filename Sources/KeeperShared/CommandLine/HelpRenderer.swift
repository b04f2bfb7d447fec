/// Renders the help of a program and of its commands as plain text.
package struct HelpRenderer {
    private let program: ProgramSpec
    private let width: Int
    private var output: [UInt8] = []

    /// The help of a command, or without one of the whole program: UTF-8, ending in a line feed.
    /// - Parameter width: columns to wrap at; less than 40 counts as 40, more than 100 as 100.
    package static func render(_ command: CommandSpec?, of program: ProgramSpec, width: Int = 80) -> [UInt8] {
        var renderer = HelpRenderer(program: program, width: min(max(width, 40), 100))
        if let command = command ?? program.root {
            renderer.renderCommand(command)
        } else {
            renderer.renderProgram()
        }
        return renderer.output
    }

    private mutating func renderProgram() {
        paragraph(concat(program.summary, "."))
        heading("Usage")
        entry(concat("  ", program.name, " [OPTION…] COMMAND …"))
        heading("Commands")
        var rows: [(String, String)] = []
        for command in program.commands {
            rows.append((([command.name] + command.aliases).joined(separator: ", "), command.summary))
        }
        table(rows)
        optionTable(OptionGroup("Options", program.globalOptions))
        exitStatusTable(program.exitStatuses)
        append("\n")
        paragraph(concat("'", program.name, " help COMMAND' shows a command's options and examples."))
    }

    private mutating func renderCommand(_ command: CommandSpec) {
        paragraph(concat(command.summary, "."))
        heading("Usage")
        let hasOptions = command.groups.contains { !$0.isHidden }
        let operands = command.operandUsage
        entry(
            concat(
                "  ", program.invocation(of: command), hasOptions ? " [OPTION…]" : "",
                operands.isEmpty ? "" : " ", operands))
        if !command.aliases.isEmpty {
            entry(concat("  Also called: ", command.aliases.joined(separator: ", ")))
        }
        for description in command.description {
            append("\n")
            paragraph(description)
        }
        for group in command.groups { optionTable(group) }
        optionTable(
            OptionGroup(program.root == nil ? "Options of every command" : "General", program.globalOptions))
        heading("Examples")
        for example in command.examples {
            entry(concat("  ", example.line))
            wrap(example.meaning, indent: 6, from: 0)
        }
        exitStatusTable(command.exitStatuses)
    }

    // MARK: Parts

    private mutating func optionTable(_ group: OptionGroup) {
        if group.isHidden || group.options.isEmpty { return }
        var rows: [(String, String)] = []
        for option in group.options {
            rows.append((HelpRenderer.names(of: option), HelpRenderer.explanation(of: option)))
        }
        heading(group.title)
        table(rows)
    }

    private mutating func exitStatusTable(_ statuses: [ExitStatusSpec]) {
        guard !statuses.isEmpty else { return }
        heading("Exit status")
        var rows: [(String, String)] = []
        for status in statuses { rows.append((status.status, status.meaning)) }
        table(rows)
    }

    /// `-q, --quiet` or `    --timeout DURATION`.
    private static func names(of option: OptionSpec) -> String {
        let letter = option.short.map { concat("-", String(decoding: [$0], as: UTF8.self), ", ") }
        return concat(letter ?? "    ", "--", option.long, option.takesValue ? " " : "", option.placeholder)
    }

    private static func explanation(of option: OptionSpec) -> String {
        let repetition = option.repeatable ? "; may be repeated" : ""
        switch option.defaultValue {
        case .none: return concat(option.help, repetition)
        case .value(let value), .described(let value):
            return concat(option.help, " (default: ", value, ")", repetition)
        }
    }

    // MARK: Layout

    private mutating func heading(_ title: String) {
        append("\n")
        append(title)
        append(":\n")
    }

    /// A line that is never wrapped: something to copy.
    private mutating func entry(_ line: String) {
        append(line)
        append("\n")
    }

    private mutating func append(_ text: String) { output.append(contentsOf: text.utf8) }

    private mutating func paragraph(_ words: String) { wrap(words, indent: 0, from: 0) }

    /// Two columns; the second begins at the same place in every row, below the first where that is too long.
    private mutating func table(_ rows: [(String, String)]) {
        let widest = width / 2 - 4
        var column = 0
        for (name, _) in rows {
            let size = columns(name)
            if size <= widest { column = max(column, size) }
        }
        for (name, meaning) in rows {
            let line = concat("  ", name)
            append(line)
            if columns(name) > column {
                append("\n")
                wrap(meaning, indent: column + 4, from: 0)
            } else {
                wrap(meaning, indent: column + 4, from: columns(line))
            }
        }
    }

    /// Appends words, broken at spaces, each line indented; the first line already has `start` columns.
    private mutating func wrap(_ words: String, indent: Int, from start: Int) {
        var used = start
        var lineIsEmpty = true
        // Bytes, not characters: breaking text at graphemes would bring Unicode's tables along.
        for word in Array(words.utf8).split(separator: UInt8(ascii: " ")) {
            let size = columns(word)
            if !lineIsEmpty, used + 1 + size > width {
                append("\n")
                (used, lineIsEmpty) = (0, true)
            }
            let gap = lineIsEmpty ? max(indent - used, 0) : 1
            for _ in 0..<gap { output.append(UInt8(ascii: " ")) }
            output.append(contentsOf: word)
            used += gap + size
            lineIsEmpty = false
        }
        append("\n")
    }

    private func columns(_ text: String) -> Int { columns(Array(text.utf8)[...]) }

    /// Columns of text whose characters are all one column wide: UTF-8 continuation bytes have none.
    private func columns(_ text: ArraySlice<UInt8>) -> Int {
        var count = 0
        for byte in text where byte & 0xC0 != 0x80 { count += 1 }
        return count
    }
}
