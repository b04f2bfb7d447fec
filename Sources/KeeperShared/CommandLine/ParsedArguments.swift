/// A command line that was understood. Options are looked up by their long names; asking for one that
/// the command doesn't have is a mistake of the program and stops a debug build.
package final class ParsedArguments: Sendable {
    /// An option as it was given.
    struct Given: Sendable {
        let name: String
        let value: Argument?
    }

    /// The command, and for a program without commands its root.
    package let command: CommandSpec
    /// What is neither an option nor behind `--`, or all that isn't an option for a command that
    /// takes no child's command.
    package let operands: [Argument]
    /// The child's command: everything behind `--`, untouched.
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

    /// Whether the option was given.
    package func flag(_ name: String) -> Bool {
        assert(spec(of: name) != nil, "no such option")
        return given.contains { equalUTF8($0.name, name) }
    }

    /// The option's value, else the table's default value, else nil.
    package func value(_ name: String) -> Argument? {
        guard let option = spec(of: name) else {
            assertionFailure("no such option")
            return nil
        }
        if let last = given.last(where: { equalUTF8($0.name, name) }) { return last.value }
        if case .value(let text) = option.defaultValue { return Argument(text) }
        return nil
    }

    /// All values of a repeatable option, in the order given.
    package func values(_ name: String) -> [Argument] {
        assert(spec(of: name) != nil, "no such option")
        var values: [Argument] = []
        for option in given where equalUTF8(option.name, name) {
            if let value = option.value { values.append(value) }
        }
        return values
    }

    /// The value of an integer option, or its default.
    package func integer(_ name: String) -> Int? {
        value(name).flatMap { decimal($0.bytes) }
    }

    /// The value of a duration option in nanoseconds, or its default.
    package func duration(_ name: String) -> Int64? {
        value(name).flatMap { $0.duration }
    }

    /// The value of a size option in bytes, or its default.
    package func size(_ name: String) -> Int? {
        value(name).flatMap { $0.size }
    }

    /// The number of the signal that an option names.
    package func signal(_ name: String) -> Int32? {
        value(name).flatMap { SignalName.number(of: $0.bytes) }
    }

    private func spec(of name: String) -> OptionSpec? {
        command.option(long: Array(name.utf8)) ?? globalOptions.named(long: Array(name.utf8))
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
