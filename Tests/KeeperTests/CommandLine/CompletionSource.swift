import KeeperShared

// What is rendered here is used by tests only, which hold the files under contrib/ to it: the linker
// drops all of this from the executables.

/// Where the words come from that a completion offers for a value.
enum CompletionSource: Equatable, Sendable {
    /// Anything goes, nothing is offered.
    case nothing
    case files
    case directories
    /// Ids of sessions that live.
    case liveSessions
    /// Ids of all sessions, as far as the program can list ended ones.
    case sessions
    /// Labels that sessions have, as `NAME=VALUE`.
    case labels
    /// Names of environment variables, with `=` behind them.
    case variables
    case words([String])

    /// Commands that are of use for a live session only. Others may look at what an ended one left.
    private static let forLiveSessions = ["write", "eof", "kill", "label", "top", "stats", "turn"]

    /// What to offer for an option's value.
    init(_ option: OptionSpec, of program: ProgramSpec) {
        switch option.kind {
        case .keyValue where option.long == "label": self = .labels
        case .keyValue where option.long.hasPrefix("env"): self = .variables
        case .path where option.placeholder == "DIR": self = .directories
        case .string, .keyValue:
            self = CompletionSource.states(for: option) ?? .nothing
        case .sessionID: self = .sessions
        default: self.init(option.kind, of: program)
        }
    }

    /// What to offer for an operand.
    init(_ operand: OperandSpec, of command: CommandSpec, in program: ProgramSpec) {
        switch operand.kind {
        case .sessionID:
            if command.startsSession {
                self = .nothing
            } else if CompletionSource.forLiveSessions.contains(command.name) {
                self = .liveSessions
            } else {
                self = .sessions
            }
        // Of `call`, which takes a method's name behind it too.
        case .string where operand.name == "ID": self = .liveSessions
        case .string where operand.name == "NAME=VALUE", .keyValue: self = .labels
        default: self.init(operand.kind, of: program)
        }
    }

    private init(_ kind: ValueKind, of program: ProgramSpec) {
        switch kind {
        case .flag, .string, .moment, .duration, .size, .integer, .keyValue, .sessionID: self = .nothing
        case .stopSteps, .restartLimit, .resourceLimit, .terminalSize: self = .nothing
        case .readiness: self = .words(["delay:300ms", "output", "output:", "notify", "fd:3", "line:"])
        case .path: self = .files
        case .choice(let words): self = .words(words)
        case .signal: self = .words(SignalName.all.map { $0.name })
        case .command: self = .words(program.commands.map { $0.name })
        }
    }

    /// Options that select sessions by their state.
    private static func states(for option: OptionSpec) -> CompletionSource? {
        let names = SessionState.allCases.map { "\($0.name)" }
        switch option.long {
        case "state": return .words(names)
        case "filter": return .words(names.map { "state=\($0)" })
        default: return nil
        }
    }
}

extension CommandSpec {
    /// Whether its id is one that no session has yet.
    var startsSession: Bool {
        if case .none = trailing { false } else { true }
    }

    /// The options that help and completions show.
    var visibleOptions: [OptionSpec] {
        groups.filter { !$0.isHidden }.flatMap { $0.options }
    }
}

extension ProgramSpec {
    /// All commands, or the program itself as the only one.
    var allCommands: [CommandSpec] { root.map { [$0] } ?? commands }

    /// The command line that prints the ids of live sessions, a line each, and changes nothing.
    var liveSessionsCommand: String { "keeperctl discover --quiet --no-reap" }

    /// The same for all sessions. A program that can't list ended ones offers the live ones.
    var allSessionsCommand: String {
        let list = commands.first { $0.name == "ls" }
        let names = list?.visibleOptions.map { $0.long } ?? []
        guard names.contains("all"), names.contains("quiet") else { return liveSessionsCommand }
        return "keeperctl ls --all --quiet"
    }

    /// A pipeline that prints the labels of sessions in the output of the command before it. Labels with a
    /// character that a shell might take for its own are left out.
    var labelFilter: String {
        #"sed -n 's/.*"labels":{\([^}]*\)}.*/\1/p' | tr , '\n' | "#
            + #"sed -n 's/^"\([A-Za-z0-9._-]*\)":"\([A-Za-z0-9._\/@%+-]*\)"$/\1=\2/p' | sort -u"#
    }
}

extension OptionSpec {
    /// Every way to write its name: `-s`, `--signal`.
    var spellings: [String] {
        (short.map { ["-" + String(Unicode.Scalar($0))] } ?? []) + ["--" + long]
    }
}

/// A string as one word of a POSIX-like shell.
func shellQuoted(_ text: String) -> String {
    var quoted = "'"
    for scalar in text.unicodeScalars {
        if scalar == "'" { quoted += #"'\''"# } else { quoted.unicodeScalars.append(scalar) }
    }
    return quoted + "'"
}
