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
