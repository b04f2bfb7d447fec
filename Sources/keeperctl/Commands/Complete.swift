import CSystem
import KeeperShared

let completeCommand = Command("complete", isHidden: true, run: runComplete) {
    CommandSpec(
        $0, summary: "Print what may stand for the last of WORDS, for the completion of shells",
        trailing: .required,
        examples: [ExampleSpec("keeperctl complete -- keeperctl kill ''", "Prints ids of sessions.")])
}

/// Prints `CANDIDATE<tab>DESCRIPTION` lines, or what the shell itself completes: `:files`, `:directories`,
/// `:variables`, or `:command N` for a command that begins with word N.
private func runComplete(_ context: Context) -> Int32 {
    let words = context.arguments.trailing
    let name = words[0].bytes.split(separator: UInt8(ascii: "/")).last ?? []
    let program = name.elementsEqual("keeper".utf8) ? keeperProgram : keeperctlTable
    let completion = Completion(program, context.output)
    completion.complete(words)
    context.output.flush()
    return ExitStatus.done
}

/// What is to be known of `keeper` here.
private var keeperProgram: ProgramSpec {
    ProgramSpec(
        root: CommandSpec(
            CommandName("keeper"), summary: "", operands: [OperandSpec("ID", .sessionID)],
            trailing: .optional,
            groups: SessionOptions.groups + [OptionGroup("", [ExecOptions.resilient])], examples: []),
        globalOptions: [SessionOptions.directory, SessionOptions.help, SessionOptions.version])
}

/// Looks at the words before the last one as the parser does, and offers what may follow.
private final class Completion {
    private let program: ProgramSpec
    private let output: StandardOutput
    private var command: CommandSpec?
    private var directory: String?
    private var operandCount = 0
    /// What was typed of the last word, and what stands in front of a value in it: `--wait=`.
    private var typed: [UInt8] = []
    private var prefix = ""

    init(_ program: ProgramSpec, _ output: StandardOutput) {
        self.program = program
        self.output = output
        command = program.root
    }

    func complete(_ words: [Argument]) {
        var pending: OptionSpec?
        var isEnded = false
        for index in 1..<max(1, words.count - 1) {
            let word = words[index].bytes
            if let option = pending {
                note(option, word)
                pending = nil
            } else if !isEnded, sameText(word, "--") {
                guard let command else { continue }
                if case .none = command.trailing {
                    isEnded = true
                } else {
                    return output.write(concat(":command ", String(index + 1), "\n"))
                }
            } else if !isEnded, word.count > 1, word[0] == UInt8(ascii: "-") {
                guard let option = option(word), option.takesValue else { continue }
                if let sign = word.firstIndex(of: UInt8(ascii: "=")) {
                    note(option, Array(word[(sign + 1)...]))
                } else {
                    pending = option
                }
            } else if command == nil {
                command = program.command(called: word)
                if command == nil { return }
            } else {
                operandCount += 1
            }
        }
        typed = words.count > 1 ? words[words.count - 1].bytes : []
        if let pending { return offer(pending) }
        if !isEnded, typed.first == UInt8(ascii: "-") { return offerOption() }
        guard let command else {
            for command in program.commands {
                for name in [command.name] + command.aliases { offer(name, command.summary) }
            }
            return
        }
        let last = command.operands.last
        if operandCount < command.operands.count {
            offer(command.operands[operandCount], of: command)
        } else if let last, last.repeats {
            offer(last, of: command)
        }
    }

    /// The option of a word such as `--wait=ready`, `-f` or `-fn`: of several letters, the last.
    private func option(_ word: [UInt8]) -> OptionSpec? {
        var options = program.globalOptions
        for group in command?.groups ?? [] { options += group.options }
        if word[1] == UInt8(ascii: "-") {
            let name = Array(word.dropFirst(2).prefix { $0 != UInt8(ascii: "=") })
            return options.first { sameText(name, $0.long) }
        }
        return options.first { $0.short == word[word.count - 1] }
    }

    private func note(_ option: OptionSpec, _ value: [UInt8]) {
        if equalUTF8(option.long, "sessions-dir") { directory = String(decoding: value, as: UTF8.self) }
    }

    // MARK: Offers

    private func offer(_ candidate: String, _ meaning: String = "") {
        if !candidate.utf8.starts(with: typed) { return }
        output.write(concat(prefix, candidate, meaning.isEmpty ? "" : "\t", meaning, "\n"))
    }

    private func offerOption() {
        if let sign = typed.firstIndex(of: UInt8(ascii: "=")) {
            guard let option = option(typed), option.takesValue else { return }
            prefix = String(decoding: typed[...sign], as: UTF8.self)
            typed = Array(typed[(sign + 1)...])
            return offer(option)
        }
        var options = program.globalOptions
        for group in command?.groups ?? [] where !group.isHidden { options += group.options }
        for option in options { offer(concat("--", option.long), option.help) }
    }

    private func offer(_ option: OptionSpec) {
        switch option.kind {
        case .path: output.write(equalUTF8(option.placeholder, "DIR") ? ":directories\n" : ":files\n")
        case .keyValue where equalUTF8(option.long, "label"): offerLabels()
        case .keyValue where equalUTF8(option.long, "env"): output.write(":variables\n")
        case .keyValue where equalUTF8(option.long, "filter"):
            for state in SessionState.allCases { offer(concat("state=", "\(state.name)")) }
        default: offer(option.kind)
        }
    }

    private func offer(_ operand: OperandSpec, of command: CommandSpec) {
        if case .none = command.trailing {} else { return }
        switch operand.kind {
        case .sessionID: offerSessions(live: !looksAtEnded(command.name))
        // Of `call`, which takes the name of a method after it too.
        case .string where equalUTF8(operand.name, "ID"): offerSessions(live: true)
        case .string where equalUTF8(operand.name, "NAME=VALUE"): offerLabels()
        case .path: output.write(":directories\n")
        default: offer(operand.kind)
        }
    }

    private func offer(_ kind: ValueKind) {
        switch kind {
        case .choice(let words): for word in words { offer(word) }
        case .signal: for signal in SignalName.all { offer(signal.name) }
        case .command: for command in program.commands { offer(command.name, command.summary) }
        case .readiness:
            for word in ["delay:300ms", "output", "output:", "notify", "fd:3", "line:"] { offer(word) }
        case .path: output.write(":files\n")
        case .flag, .string, .moment, .duration, .size, .integer, .keyValue, .sessionID: break
        case .stopSteps, .restartLimit, .resourceLimit, .terminalSize: break
        }
    }

    private func looksAtEnded(_ name: String) -> Bool {
        ["status", "logs", "events", "inspect", "wait", "peek", "follow"].contains { equalUTF8($0, name) }
    }

    // MARK: Sessions

    private func offerSessions(live isLive: Bool) {
        guard let directory = openDirectory() else { return }
        if isLive {
            for id in liveIDs(directory) { offer(id.string) }
            return
        }
        // What can't be read has nothing to offer.
        guard let census = try? Census(of: directory.descriptor, [.sidecar, .folder]) else { return }
        for index in census.indices { offer(census.id(index).string) }
    }

    private func liveIDs(_ directory: borrowing SessionsDirectory) -> [SessionID] {
        // What can't be read has nothing to offer.
        guard let found = try? Discovery(of: directory.descriptor) else { return [] }
        return found.sessions.compactMap {
            switch $0.ownership {
            case .keeper, .foreign: $0.id
            case .nobody, .dead, .unsettled: nil
            }
        }
    }

    /// Labels of live sessions. One with a character that a shell might take for its own is left out.
    private func offerLabels() {
        guard let directory = openDirectory() else { return }
        for id in liveIDs(directory) {
            // A session that can't be looked at has no labels to offer.
            guard let lookup = try? SessionLookup(id, in: directory.descriptor),
                case .live(_, let status) = lookup
            else { continue }
            for label in status?.labels ?? [] {
                let text = concat(label.name, "=", label.value)
                if text.utf8.allSatisfy({ isPlain($0) }) { offer(text) }
            }
        }
    }

    private func openDirectory() -> SessionsDirectory? {
        // Without a directory there is nothing to offer.
        guard let path = try? SessionsDirectory.resolve(option: directory),
            let opened = try? SessionsDirectory.open(path: path, create: false)
        else { return nil }
        return opened
    }
}
