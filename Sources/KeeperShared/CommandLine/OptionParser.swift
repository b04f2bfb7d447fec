/// What a command line asks for.
package enum CommandLineRequest: Sendable {
    /// To run a command.
    case run(ParsedArguments)
    /// To show the help of a command, or without one of the whole program.
    case help(CommandSpec?)
    /// To print the version.
    case version
}

/// Understands the arguments (without the program's name) by the program's table.
package func parseCommandLine(
    _ arguments: [Argument], for program: ProgramSpec
) throws(UsageError) -> CommandLineRequest {
    var parser = OptionParser(program: program, arguments: arguments)
    return try parser.parse()
}

/// One pass over the arguments. Options may stand before and after operands (as in GNU programs), `--`
/// ends them, and for a command that takes a child's command all after `--` belongs to the child.
struct OptionParser {
    private let program: ProgramSpec
    private let arguments: [Argument]
    private var next = 0
    private var command: CommandSpec?
    private var given: [ParsedArguments.Given] = []
    private var operands: [Argument] = []
    private var trailing: [Argument] = []
    private var sawTerminator = false
    /// Set when an option or command answers the line all by itself: the rest is not looked at.
    private var answer: CommandLineRequest?

    init(program: ProgramSpec, arguments: [Argument]) {
        self.program = program
        self.arguments = arguments
        command = program.root
    }

    mutating func parse() throws(UsageError) -> CommandLineRequest {
        while answer == nil, next < arguments.count {
            let argument = arguments[next]
            next += 1
            if sawTerminator || argument.bytes.first != dash || argument.bytes.count == 1 {
                try takeWord(argument)
            } else if argument.bytes[1] != dash {
                try takeShortOptions(argument)
            } else if argument.bytes.count == 2 {
                takeTerminator()
            } else {
                try takeLongOption(argument)
            }
        }
        if let answer { return answer }
        guard let command else {
            throw error(.missingCommand, "missing command")
        }
        try checkOperands(of: command)
        try checkConflicts(of: command)
        return .run(
            ParsedArguments(
                command: command, globalOptions: program.globalOptions, given: given, operands: operands,
                trailing: trailing))
    }

    // MARK: Words

    private mutating func takeTerminator() {
        sawTerminator = true
        guard let command else { return }
        if case .none = command.trailing { return }
        trailing = Array(arguments[next...])
        next = arguments.count
    }

    private mutating func takeWord(_ word: Argument) throws(UsageError) {
        guard let command else {
            self.command = program.command(called: word.bytes)
            if self.command == nil { throw unknownCommand(word) }
            // `keeperctl -- spawn x -- cat`: the first terminator ended the global options only.
            sawTerminator = false
            return
        }
        guard let operand = operandSpec(at: operands.count, of: command) else {
            let what = concat("unexpected operand ", quoted(word.bytes))
            if case .none = command.trailing { throw error(.unexpectedOperand, what) }
            throw error(.unexpectedOperand, concat(what, ": COMMAND goes after '--'"))
        }
        if case .command = operand.kind, program.command(called: word.bytes) == nil {
            throw unknownCommand(word)
        }
        if let objection = operand.kind.objection(to: word) {
            throw error(.invalidOperand, concat(operand.name, ": ", quoted(word.bytes), " ", objection))
        }
        operands.append(word)
    }

    private func operandSpec(at index: Int, of command: CommandSpec) -> OperandSpec? {
        if index < command.operands.count { return command.operands[index] }
        guard let last = command.operands.last, last.repeats else { return nil }
        return last
    }

    // MARK: Options

    private mutating func takeLongOption(_ argument: Argument) throws(UsageError) {
        let body = argument.bytes.dropFirst(2)
        let sign = body.firstIndex(of: UInt8(ascii: "="))
        let name = Array(body[..<(sign ?? body.endIndex)])
        guard let option = command?.option(long: name) ?? program.globalOptions.named(long: name) else {
            throw unknownOption(Argument(bytes: Array("--".utf8) + name), name)
        }
        guard option.takesValue else {
            guard let sign else { return try record(option, nil) }
            let value = quoted(Array(body[(sign + 1)...]))
            throw error(
                .unexpectedValue, concat("option '--", option.long, "' takes no value, but was given ", value)
            )
        }
        if let sign {
            try record(option, Argument(bytes: Array(body[(sign + 1)...])))
        } else {
            try record(option, try nextValue(for: option, called: concat("--", option.long)))
        }
    }

    private mutating func takeShortOptions(_ argument: Argument) throws(UsageError) {
        let bytes = argument.bytes
        for index in 1..<bytes.count {
            let letter = bytes[index]
            guard let option = command?.option(short: letter) ?? program.globalOptions.named(short: letter)
            else {
                // `-json` is one mistake, not an unknown letter.
                let whole = index == 1 && bytes.count > 2
                throw unknownOption(
                    whole ? argument : Argument(bytes: [dash, letter]), whole ? Array(bytes[1...]) : [])
            }
            if !option.takesValue {
                try record(option, nil)
                continue
            }
            if index + 1 < bytes.count {
                return try record(option, Argument(bytes: Array(bytes[(index + 1)...])))
            }
            let name = String(decoding: [dash, letter], as: UTF8.self)
            return try record(option, try nextValue(for: option, called: name))
        }
    }

    /// The argument after an option. One that is itself an option of this command, or `--`, means that
    /// the value was forgotten: `--cwd -- cat` must not run in the directory `--`.
    private mutating func nextValue(
        for option: OptionSpec, called name: String
    ) throws(UsageError) -> Argument {
        let what = concat("option '", name, "' needs a value, ", option.placeholder)
        guard next < arguments.count else { throw error(.missingValue, what) }
        let value = arguments[next]
        if value.bytes.starts(with: "--".utf8) {
            let word = Array(value.bytes.dropFirst(2).prefix { $0 != UInt8(ascii: "=") })
            if word.isEmpty || command?.option(long: word) != nil
                || program.globalOptions.named(long: word) != nil
            {
                let text = quoted(value.bytes)
                throw error(
                    .missingValue,
                    concat(what, ", but ", text, " follows (write --", option.long, "=… if it is the value)"))
            }
        }
        next += 1
        return value
    }

    private mutating func record(_ option: OptionSpec, _ value: Argument?) throws(UsageError) {
        if equalUTF8(option.long, "help") {
            answer = .help(program.root == nil ? command : nil)
            return
        }
        if equalUTF8(option.long, "version") {
            answer = .version
            return
        }
        if !option.repeatable, isGiven(option.long) {
            throw error(
                .repeatedOption, concat("option '--", option.long, "' is given twice, but counts once"))
        }
        if let value, let objection = option.kind.objection(to: value) {
            throw error(
                .invalidValue, concat("option '--", option.long, "': ", quoted(value.bytes), " ", objection))
        }
        given.append(.init(name: option.long, value: value ?? Argument("")))
    }

    // MARK: The line as a whole

    private func isGiven(_ name: String) -> Bool {
        given.contains { equalUTF8($0.name, name) }
    }

    private func checkOperands(of command: CommandSpec) throws(UsageError) {
        for (index, operand) in command.operands.enumerated() {
            if let flag = operand.unless, isGiven(flag) {
                if index >= operands.count { continue }
                throw error(
                    .conflictingOptions,
                    concat(operand.name, " and option '--", flag, "' can't be given together: choose one"))
            }
            if index >= operands.count, operand.isRequired {
                let instead = operand.unless.map { concat(" (or '--", $0, "')") } ?? ""
                throw error(.missingOperand, concat("missing ", operand.name, instead))
            }
        }
        switch command.trailing {
        case .none: return
        case .optional: if !sawTerminator || !trailing.isEmpty { return }
        case .required: if !trailing.isEmpty { return }
        }
        throw error(.missingOperand, "missing COMMAND after '--'")
    }

    private func checkConflicts(of command: CommandSpec) throws(UsageError) {
        for first in given {
            guard let option = command.option(long: Array(first.name.utf8)) else { continue }
            for other in option.excludes where isGiven(other) {
                throw error(
                    .conflictingOptions,
                    concat(
                        "options '--", first.name, "' and '--", other, "' can't be given together: choose one"
                    ))
            }
        }
    }

    // MARK: Errors

    private func error(_ kind: UsageError.Kind, _ text: String) -> UsageError {
        UsageError(kind, concat(text, "; see '", program.invocation(of: command), " --help'"))
    }

    private func unknownCommand(_ word: Argument) -> UsageError {
        var names: [String] = []
        for entry in program.entries where !entry.isHidden { names += [entry.name.name] + entry.name.aliases }
        let suggestion = didYouMean(Suggestion.closest(to: word.bytes, among: names))
        return UsageError(
            .unknownCommand,
            concat("unknown command ", quoted(word.bytes), suggestion, "; see '", program.name, " --help'"))
    }

    /// - Parameter name: the name without dashes to compare with, empty for a single letter.
    private func unknownOption(_ option: Argument, _ name: [UInt8]) -> UsageError {
        let what = concat("unknown option ", quoted(option.bytes))
        if command == nil,
            program.commands.contains(where: {
                $0.option(long: name) != nil
                    || option.bytes.count == 2 && $0.option(short: option.bytes[1]) != nil
            })
        {
            return error(.unknownOption, concat(what, " before the command: a command's options go after it"))
        }
        var names: [String] = []
        let groups = (command?.groups ?? []) + [OptionGroup("", program.globalOptions)]
        for group in groups where !group.isHidden {
            for option in group.options { names.append(option.long) }
        }
        if let suggestion = Suggestion.closest(to: name, among: names) {
            return error(.unknownOption, concat(what, didYouMean(concat("--", suggestion))))
        }
        guard let command else { return error(.unknownOption, what) }
        if case .none = command.trailing {
            // `write ID -5`: the line itself begins with a dash.
            guard let last = command.operands.last, case .string = last.kind else {
                return error(.unknownOption, what)
            }
            return error(
                .unknownOption, concat(what, " (a ", last.name, " that starts with '-' goes after '--')"))
        }
        return error(.unknownOption, concat(what, " (options of COMMAND go after '--')"))
    }
}

private let dash = UInt8(ascii: "-")
