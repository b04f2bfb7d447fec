import KeeperShared
import keeperctl

/// Renders manual pages of section 1 as mdoc(7): of a program, and of each of its commands.
struct ManPage {
    /// The day of the last change that users can see.
    static let date = "November 20, 2026"

    private let program: ProgramSpec
    private var page = MdocText()

    /// The pages of a program by file name.
    static func all(of program: ProgramSpec) -> [(name: String, text: String)] {
        var pages: [(name: String, text: String)] = []
        pages.append(("\(program.name).1", ManPage(program).programPage()))
        for command in program.commands {
            pages.append(("\(program.name)-\(command.name).1", ManPage(program).commandPage(command)))
        }
        return pages
    }

    private init(_ program: ProgramSpec) { self.program = program }

    private consuming func programPage() -> String {
        header(names: [program.name], summary: program.summary)
        if let root = program.root {
            synopsis(of: root)
            page.macro("Sh", "DESCRIPTION")
            describe(root)
            options("General", program.globalOptions)
        } else {
            page.macro("Sh", "SYNOPSIS")
            page.macro("Nm", program.name)
            for option in program.globalOptions where option.takesValue { synopsis(of: option) }
            page.macro("Ar", "COMMAND")
            page.macro("Op", "Ar", "ARGUMENT ...")
            page.macro("Sh", "DESCRIPTION")
            page.paragraphs(ManPageFacts.overview)
            commandList()
            page.macro("Ss", "Options of every command")
            page.text("They may also stand in front of the command.")
            optionList(program.globalOptions)
            page.macro("Ss", "Values")
            page.paragraphs(ManPageFacts.values)
        }
        footer(environment: ManPageFacts.environment, statuses: program.exitStatuses, program.root?.examples)
        seeAlso(
            program.root == nil ? [("keeper", 1), ("keeper-sessions", 5)] : [("keeperctl", 1)] + formats)
        return page.result
    }

    private consuming func commandPage(_ command: CommandSpec) -> String {
        let names = ([command.name] + command.aliases).map { "\(program.name)-\($0)" }
        header(names: names, summary: command.summary)
        synopsis(of: command)
        page.macro("Sh", "DESCRIPTION")
        describe(command)
        if command.name == "gateway" { interface() }
        page.macro("Pp")
        page.text("Options of every command are in")
        page.macro("Xr", program.name, "1", ".")
        footer(environment: [], statuses: command.exitStatuses, command.examples)
        seeAlso([(program.name, 1)] + formats)
        return page.result
    }

    private var formats: [(String, Int)] { [("keeper-sessions", 5)] }

    // MARK: Sections

    private mutating func header(names: [String], summary: String) {
        page.comment("Rendered from the table of commands: don't edit.")
        page.line(".Dd \(ManPage.date)")
        page.macro("Dt", names[0].uppercased(), "1")
        page.macro("Os")
        page.macro("Sh", "NAME")
        for name in names.dropLast() { page.macro("Nm", name, ",") }
        page.macro("Nm", names[names.count - 1])
        page.macro("Nd", lowercasedFirst(summary))
    }

    private mutating func synopsis(of command: CommandSpec) {
        page.macro("Sh", "SYNOPSIS")
        page.macro("Nm", program.invocation(of: command))
        for option in command.groups.filter({ !$0.isHidden }).flatMap(\.options) { synopsis(of: option) }
        for operand in command.operands {
            let alternative = operand.unless.map { ["|", "Fl", "-" + $0] } ?? []
            switch operand.count {
            case .one: page.macro("Ar", [operand.name] + alternative)
            case .oneOrMore: page.macro("Ar", [operand.name + " ..."] + alternative)
            case .optional: page.macro("Op", "Ar", operand.name)
            case .any: page.macro("Op", "Ar", operand.name + " ...")
            }
        }
        switch command.trailing {
        case .none: break
        case .optional: page.macro("Op", "Fl", "-", "Ar", "COMMAND ...")
        case .required:
            page.macro("Fl", "-")
            page.macro("Ar", "COMMAND ...")
        }
    }

    private mutating func synopsis(of option: OptionSpec) {
        let name = option.short.map { String(Unicode.Scalar($0)) } ?? "-" + option.long
        let value = option.takesValue ? ["Ar", option.placeholder] : []
        let more = option.repeatable ? ["..."] : []
        page.macro("Op", ["Fl", name] + value + more)
    }

    private mutating func describe(_ command: CommandSpec) {
        page.paragraphs(command.description.isEmpty ? [command.summary + "."] : command.description)
        for group in command.groups where !group.isHidden { options(group.title, group.options) }
    }

    private mutating func options(_ title: String, _ options: [OptionSpec]) {
        page.macro("Ss", title)
        optionList(options)
    }

    private mutating func optionList(_ options: [OptionSpec]) {
        page.list(options) { page, option in
            let long = ["Fl", "-" + option.long] + (option.takesValue ? ["Ar", option.placeholder] : [])
            if let short = option.short {
                page.macro("It", ["Fl", String(Unicode.Scalar(short)), ","] + long)
            } else {
                page.macro("It", long)
            }
            page.text(option.help + ".")
            if option.repeatable { page.text("May be repeated.") }
            switch option.defaultValue {
            case .none: break
            case .value(let text), .described(let text): page.text("Default: \(text).")
            }
            if !option.excludes.isEmpty {
                let others = option.excludes.map { "--" + $0 }.joined(separator: ", ")
                page.text("Can't be given together with \(others).")
            }
        }
    }

    /// The gateway's routes.
    private mutating func interface() {
        page.macro("Ss", "Interface")
        page.paragraphs(ManPageFacts.interface)
        page.list(DocumentedRoute.all) { page, route in
            page.macro("It", "Li", route.request)
            page.text(route.summary + ".")
            if let method = route.method {
                page.text("Method")
                page.macro("Cm", method, ".")
            }
            if !route.isForReading { page.text("Not with the token that is good for looking.") }
            page.text("Status " + route.result + ".")
            if route.fields.isEmpty { return }
            page.list(route.fields) { page, field in
                page.macro("It", "Cm", field.name)
                page.text(field.help + (field.isRequired ? " (required)." : "."))
            }
        }
    }

    private mutating func commandList() {
        page.macro("Ss", "Commands")
        page.list(program.commands) { page, command in
            let aliases = command.aliases.flatMap { [",", "Cm", $0] }
            page.macro("It", ["Xr", "\(program.name)-\(command.name)", "1"] + aliases)
            page.text(command.summary + ".")
        }
    }

    private mutating func footer(
        environment: [(String, String)], statuses: [ExitStatusSpec], _ examples: [ExampleSpec]?
    ) {
        if !environment.isEmpty {
            page.macro("Sh", "ENVIRONMENT")
            page.list(environment) { page, variable in
                page.macro("It", "Ev", variable.0)
                page.text(variable.1)
            }
            page.macro("Sh", "FILES")
            page.list(ManPageFacts.files) { page, file in
                page.macro("It", "Pa", file.0)
                page.text(file.1)
            }
            page.macro("Pp")
            page.text("All files and their formats are in")
            page.macro("Xr", "keeper-sessions", "5", ".")
        }
        let statuses = statuses.isEmpty ? ManPageFacts.leastStatuses : statuses
        page.macro("Sh", "EXIT STATUS")
        page.list(statuses) { page, status in
            page.macro("It", "Li", status.status)
            page.text(status.meaning)
        }
        page.macro("Sh", "EXAMPLES")
        for (index, example) in (examples ?? ManPageFacts.examples).enumerated() {
            if index > 0 { page.macro("Pp") }
            page.text(example.meaning)
            page.literal([example.line])
        }
    }

    private mutating func seeAlso(_ pages: [(String, Int)]) {
        page.macro("Sh", "SEE ALSO")
        // By section, then by name, as is the custom.
        let sorted = pages.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
        for (index, entry) in sorted.enumerated() {
            let comma = index + 1 < sorted.count ? [","] : []
            page.macro("Xr", ["\(entry.0)", String(entry.1)] + comma)
        }
    }

    private func lowercasedFirst(_ text: String) -> String {
        guard let first = text.first else { return text }
        return first.lowercased() + text.dropFirst()
    }
}
