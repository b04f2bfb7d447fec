/// A command line that was understood. Asking for an option that the command doesn't have is a mistake of the
/// program and stops a debug build.
package final class ParsedArguments: Sendable {
    /// An option as it was given.
    struct Given: Sendable {
        let name: String
        let value: Argument
    }

    /// The command, and for a program without commands its root.
    package let command: CommandSpec
    /// What is neither an option nor after `--`, or all that isn't an option for a command that
    /// takes no child's command.
    package let operands: [Argument]
    /// The child's command: everything after `--`, untouched.
    package let trailing: [Argument]
    private let given: [Given]
    private let globalOptions: [OptionSpec]

    init(
        command: CommandSpec, globalOptions: [OptionSpec], given: [Given], operands: [Argument],
        trailing: [Argument]
    ) {
        self.command = command
        self.globalOptions = globalOptions
        self.given = given
        self.operands = operands
        self.trailing = trailing
    }

    /// Whether the flag was given.
    package subscript(_ flag: Flag) -> Bool { isGiven(flag) }

    /// The option's value; nil where it isn't given.
    package subscript<Value>(_ option: Option<Value>) -> Value? {
        values(of: option).last.map { option.type.value(of: $0) }
    }

    /// The option's value, or its default.
    package subscript<Value>(_ option: Setting<Value>) -> Value {
        guard case .value(let text) = option.defaultValue else {
            preconditionFailure("a setting has a default")
        }
        return option.type.value(of: values(of: option).last ?? Argument(text))
    }

    /// All values of the option, in the order given.
    package subscript<Value>(_ option: RepeatedOption<Value>) -> [Value] {
        values(of: option).map { option.type.value(of: $0) }
    }

    /// Whether the option was given.
    package func isGiven(_ option: OptionSpec) -> Bool {
        assertKnown(option)
        return given.contains { equalUTF8($0.name, option.long) }
    }

    /// What was given to the option, in that order; an empty argument for a flag.
    package func values(of option: OptionSpec) -> [Argument] {
        assertKnown(option)
        var values: [Argument] = []
        for entry in given where equalUTF8(entry.name, option.long) { values.append(entry.value) }
        return values
    }

    private func assertKnown(_ option: OptionSpec) {
        let name = Array(option.long.utf8)
        assert(
            command.option(long: name) ?? globalOptions.named(long: name) != nil,
            "not an option of this command")
    }
}

extension CommandSpec {
    /// The option of this name, in bytes.
    package func option(long name: [UInt8]) -> OptionSpec? {
        for group in groups {
            if let option = group.options.named(long: name) { return option }
        }
        return nil
    }

    func option(short letter: UInt8) -> OptionSpec? {
        for group in groups {
            if let option = group.options.named(short: letter) { return option }
        }
        return nil
    }
}

extension [OptionSpec] {
    func named(long name: [UInt8]) -> OptionSpec? {
        first { sameText(name, $0.long) }
    }

    func named(short letter: UInt8) -> OptionSpec? {
        first { $0.short == letter }
    }
}
