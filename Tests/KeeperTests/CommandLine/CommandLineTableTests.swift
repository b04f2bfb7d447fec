import KeeperShared
import Testing
import keeper
import keeperctl

/// Rules that the tables themselves must keep, so that what is rendered from them is right.
@Suite struct CommandLineTableTests {
    static let programs = [keeperctlTable, keeperTable]

    func commands(of program: ProgramSpec) -> [CommandSpec] {
        program.commands + (program.root.map { [$0] } ?? [])
    }

    @Test(arguments: 0..<2) func namesAreUnique(_ index: Int) {
        let program = Self.programs[index]
        let names = program.commands.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        for command in commands(of: program) {
            let options = command.groups.flatMap(\.options) + program.globalOptions
            #expect(Set(options.map(\.long)).count == options.count, "\(command.name)")
            let letters = options.compactMap(\.short)
            #expect(Set(letters).count == letters.count, "\(command.name)")
        }
    }

    @Test(arguments: 0..<2) func optionsAreWellFormed(_ index: Int) {
        let program = Self.programs[index]
        for command in commands(of: program) {
            let options = command.groups.flatMap(\.options) + program.globalOptions
            for option in options {
                #expect(option.takesValue == !option.placeholder.isEmpty, "\(option.long)")
                #expect(!option.help.isEmpty && option.help.last != ".", "\(option.long)")
                for other in option.excludes {
                    #expect(options.contains { $0.long == other }, "\(option.long) excludes \(other)")
                }
                if case .choice(let choices) = option.kind {
                    #expect(option.placeholder == choices.joined(separator: "|"))
                }
            }
            for operand in command.operands {
                guard let flag = operand.unless else { continue }
                #expect(options.contains { $0.long == flag })
            }
        }
    }

    @Test(arguments: 0..<2) func defaultValuesAreValuesThatTheOptionTakes(_ index: Int) {
        let program = Self.programs[index]
        for command in commands(of: program) {
            for option in command.groups.flatMap(\.options) {
                guard case .value(let text) = option.defaultValue else { continue }
                let words = [command.name, "--\(option.long)=\(text)", "--help"]
                let line = program.root == nil ? words : Array(words.dropFirst())
                #expect(parse(bytes: line.map { Array($0.utf8) }, program).helpTopic != nil, "\(line)")
            }
        }
    }

    @Test(arguments: 0..<2) func onlyTheLastOperandIsOpenEnded(_ index: Int) {
        for command in commands(of: Self.programs[index]) {
            let operands = command.operands
            for (operand, next) in zip(operands, operands.dropFirst()) {
                switch (operand.count, next.count) {
                // Optional operands come after required ones.
                case (.one, _), (.optional, .optional): continue
                default: break
                }
                Issue.record("\(command.name): \(operand.name)")
            }
        }
    }

    @Test(arguments: 0..<2) func examplesAreCommandLinesThatParse(_ index: Int) throws {
        let program = Self.programs[index]
        for command in commands(of: program) {
            #expect(!command.examples.isEmpty, "\(command.name)")
            for example in command.examples {
                let words = try #require(shellWords(of: example.line, after: program.name))
                let outcome = parse(bytes: words.map { Array($0.utf8) }, program)
                #expect(outcome.error == nil, "\(example.line): \(outcome.error?.message ?? "")")
                #expect(example.meaning.last == ".", "\(example.line)")
            }
        }
    }

    /// The words after the program's name, up to what belongs to the shell. Knows single quotes.
    private func shellWords(of line: String, after name: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quoted = false
        for character in line + " " {
            switch character {
            case "'":
                quoted.toggle()
                word = word ?? ""
            case " " where !quoted, "(" where !quoted, ")" where !quoted:
                if let word { words.append(word) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        guard let start = words.firstIndex(of: name) else { return nil }
        return Array(words[(start + 1)...].prefix { $0 != "|" && $0 != "<" })
    }
}
