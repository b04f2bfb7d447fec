/// What an option's value or an operand is: the parser checks it, completions offer it.
package enum ValueKind: Sendable {
    /// No value: the option is there or not.
    case flag
    case string
    /// A time such as `350ms`, `2s`, `5m`.
    case duration
    /// See ``Moment``.
    case moment
    /// A number of bytes such as `64K`, `16M`, `1G`.
    /// At least `min` bytes.
    case size(min: Int)
    case integer(min: Int, max: Int)
    case sessionID
    case path
    /// `NAME=VALUE` with a name that isn't empty.
    case keyValue
    case choice([String])
    /// A signal by name, with or without `SIG`, or by number.
    case signal
    /// Steps of ending a child, see ``StopStep``.
    case stopSteps
    /// See ``ReadyCondition``.
    case readiness
    /// See ``RestartLimit``.
    case restartLimit
    /// See ``ResourceLimit``.
    case resourceLimit
    /// See ``TerminalSize``.
    case terminalSize
    /// The name of a command of the same program.
    case command
}

/// What holds when an option isn't given.
package enum OptionDefault: Sendable {
    case none
    /// A value, which reading the option then returns; shown in the help.
    case value(String)
    /// Something that isn't a value, in words; shown in the help.
    case described(String)
}

/// One option as parsing, help, man pages and completions see it; its subclasses add the type of its value.
///
/// A class, as the other parts of the table are: copying a struct of a dozen strings and arrays is code at
/// every use, and made the executables tens of KiB larger.
package class OptionSpec: @unchecked Sendable {
    /// The name without the dashes.
    package let long: String
    /// The letter of the short form, in ASCII.
    package let short: UInt8?
    package let kind: ValueKind
    /// What the help calls the value; empty for flags.
    package let placeholder: String
    /// What the option does: a phrase that starts with a capital letter and has no full stop.
    package let help: String
    package let defaultValue: OptionDefault
    /// Whether it may be given more than once.
    package let repeatable: Bool
    /// Long names of options that can't be given together with this one.
    package let excludes: [String]
    fileprivate init(
        _ long: String, _ short: Unicode.Scalar?, _ kind: ValueKind, _ placeholder: String, help: String,
        _ defaultValue: OptionDefault, repeatable: Bool, excludes: [String]
    ) {
        self.long = long
        self.short = short.map { UInt8(ascii: $0) }
        self.kind = kind
        self.placeholder = placeholder
        self.help = help
        self.defaultValue = defaultValue
        self.repeatable = repeatable
        self.excludes = excludes
    }

    /// Whether the option is followed by a value.
    package var takesValue: Bool {
        if case .flag = kind { false } else { true }
    }
}

/// An option that is there or not. The constants that a command's specification lists are those that its body
/// reads: `arguments[Options.all]`.
package final class Flag: OptionSpec, @unchecked Sendable {
    package init(_ long: String, short: Unicode.Scalar? = nil, help: String, excludes: [String] = []) {
        super.init(long, short, .flag, "", help: help, .none, repeatable: false, excludes: excludes)
    }
}

/// An option with a value: reading it gives nil where it isn't given.
package final class Option<Value>: OptionSpec, @unchecked Sendable {
    let type: ValueType<Value>

    /// - Parameter describedDefault: what holds where it isn't given, in words for the help.
    package init(
        _ long: String, short: Unicode.Scalar? = nil, _ type: ValueType<Value>, _ placeholder: String,
        help: String, describedDefault: String? = nil, excludes: [String] = []
    ) {
        self.type = type
        super.init(
            long, short, type.kind, placeholder, help: help,
            describedDefault.map { OptionDefault.described($0) } ?? .none, repeatable: false,
            excludes: excludes)
    }

    /// The same option, explained for one command.
    package func explained(_ help: String) -> Option { Option(self, help) }

    private init(_ other: Option, _ help: String) {
        type = other.type
        super.init(
            other.long, other.short.map { Unicode.Scalar($0) }, other.kind, other.placeholder, help: help,
            other.defaultValue, repeatable: false, excludes: other.excludes)
    }
}

/// An option that has a value also where it isn't given.
package final class Setting<Value>: OptionSpec, @unchecked Sendable {
    let type: ValueType<Value>

    package init(
        _ long: String, short: Unicode.Scalar? = nil, _ type: ValueType<Value>, _ placeholder: String,
        help: String, default defaultValue: String, excludes: [String] = []
    ) {
        self.type = type
        super.init(
            long, short, type.kind, placeholder, help: help, .value(defaultValue), repeatable: false,
            excludes: excludes)
    }
}

/// An option that may be given any number of times.
package final class RepeatedOption<Value>: OptionSpec, @unchecked Sendable {
    let type: ValueType<Value>

    package init(
        _ long: String, _ type: ValueType<Value>, _ placeholder: String, help: String,
        describedDefault: String? = nil, excludes: [String] = []
    ) {
        self.type = type
        super.init(
            long, nil, type.kind, placeholder, help: help,
            describedDefault.map { OptionDefault.described($0) } ?? .none, repeatable: true,
            excludes: excludes)
    }
}

/// Options that belong together, under a heading of their own in the help.
package final class OptionGroup: Sendable {
    package let title: String
    package let options: [OptionSpec]
    /// Hidden options are parsed, but neither shown nor suggested.
    package let isHidden: Bool

    package init(_ title: String, _ options: [OptionSpec], hidden isHidden: Bool = false) {
        self.title = title
        self.options = options
        self.isHidden = isHidden
    }
}
