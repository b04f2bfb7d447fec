import KeeperShared
import Testing
import keeper
import keeperctl

/// What a command line comes to, in a form that tests can look into.
enum ParseOutcome {
    case run(ParsedArguments)
    case help(String?)
    case version
    case wrong(UsageError)

    var parsed: ParsedArguments? { if case .run(let parsed) = self { parsed } else { nil } }
    var error: UsageError? { if case .wrong(let error) = self { error } else { nil } }
    var helpTopic: String?? { if case .help(let topic) = self { .some(topic) } else { nil } }
    var isVersion: Bool { if case .version = self { true } else { false } }
}

func parse(bytes arguments: [[UInt8]], _ table: ProgramSpec = keeperctlTable) -> ParseOutcome {
    do throws(UsageError) {
        switch try parseCommandLine(arguments.map { Argument(bytes: $0) }, for: table) {
        case .run(let parsed) where parsed.command.name == "help":
            return .help(parsed.operands.first.flatMap { table.command(called: $0.bytes)?.name })
        case .run(let parsed) where parsed.command.name == "version": return .version
        case .run(let parsed): return .run(parsed)
        case .help(let command): return .help(command?.name)
        case .version: return .version
        }
    } catch {
        return .wrong(error)
    }
}

/// Parses words that are separated by single spaces.
func parse(_ line: String, _ table: ProgramSpec = keeperctlTable) -> ParseOutcome {
    parse(bytes: line.split(separator: " ").map { Array($0.utf8) }, table)
}

/// Options by their names, as a user knows them.
extension ParsedArguments {
    func values(_ name: String) -> [Argument] { spec(of: name).map { values(of: $0) } ?? [] }
    func flag(_ name: String) -> Bool { spec(of: name).map { isGiven($0) } ?? false }
    func integer(_ name: String) -> Int? { value(name).flatMap { decimal($0.bytes) } }
    func duration(_ name: String) -> Int64? { value(name)?.duration }
    func size(_ name: String) -> Int? { value(name)?.size }
    func signal(_ name: String) -> Int32? { value(name).flatMap { SignalName.number(of: $0.bytes) } }
    func value(_ name: String) -> Argument? {
        guard let option = spec(of: name) else { return nil }
        if case .value(let text) = option.defaultValue, !isGiven(option) { return Argument(text) }
        return values(of: option).last
    }

    private func spec(of name: String) -> OptionSpec? {
        let options = command.groups.flatMap { $0.options } + [SessionOptions.directory]
        let found = options.first { $0.long == name }
        if found == nil { Issue.record("no such option: \(name)") }
        return found
    }
}
