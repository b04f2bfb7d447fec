import KeeperShared
import Testing
import keeper
import keeperctl

@Suite struct CommandLineFuzzTests {
    /// Words that command lines are made of, right and nearly right.
    static func pieces(of program: ProgramSpec) -> [[UInt8]] {
        var pieces: [String] = [
            "", "-", "--", "---", "--=", "--=x", "-=", "=", "a", "b", "calc", "2s", "16M", "TERM", "K=V", "7",
            "ready",
            "99999999999999999999", "-1", "ä", "launch-", "..", "/tmp", "\u{2028}",
        ]
        for command in program.commands + (program.root.map { [$0] } ?? []) {
            pieces += [command.name] + command.aliases
            for option in command.groups.flatMap(\.options) + program.globalOptions {
                pieces += [
                    "--\(option.long)", "--\(option.long)=x", "--\(option.long)=", "--\(option.long)=2s",
                ]
                if let short = option.short {
                    let letter = String(decoding: [short], as: UTF8.self)
                    pieces += ["-\(letter)", "-\(letter)\(letter)", "-\(letter)x", "-\(letter)9"]
                }
            }
        }
        return pieces.map { Array($0.utf8) }
    }

    static func word(_ pieces: [[UInt8]], using generator: inout SplitMix64) -> [UInt8] {
        var word = pieces.randomElement(using: &generator) ?? []
        switch Int.random(in: 0..<10, using: &generator) {
        case 0:
            word = (0..<Int.random(in: 0...90, using: &generator)).map { _ in
                UInt8.random(in: 1...255, using: &generator)
            }
        case 1:
            let place = Int.random(in: 0...word.count, using: &generator)
            word.insert(UInt8.random(in: 1...255, using: &generator), at: place)
        case 2 where !word.isEmpty:
            word.remove(at: Int.random(in: 0..<word.count, using: &generator))
        default: break
        }
        return word
    }

    static func isPrintableLine(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0.value != 0x2028
                    && $0.value != 0xFFFD
            }
    }

    @Test(arguments: 0..<2) func anyArgumentsGiveAnAnswerOrOneLine(_ index: Int) {
        let program = [keeperctlTable, keeperTable][index]
        let pieces = Self.pieces(of: program)
        let commands = program.commands.map { Array($0.name.utf8) }
        var generator = SplitMix64(state: 0x6B65_6570 + UInt64(index))
        var understood = 0
        for round in 0..<30_000 {
            var words = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                Self.word(pieces, using: &generator)
            }
            if round % 4 != 0, let command = commands.randomElement(using: &generator) {
                words.insert(command, at: 0)
            }
            switch parse(bytes: words, program) {
            case .wrong(let error):
                #expect(Self.isPrintableLine(error.message), "\(words)")
                #expect(error.message.hasSuffix(" --help'"), "\(words)")
            case .run(let parsed):
                understood += 1
                check(parsed, against: words)
            case .help, .version: understood += 1
            }
        }
        #expect(understood > 500, "the words are too random to test anything")
    }

    private func check(_ parsed: ParsedArguments, against words: [[UInt8]]) {
        for operand in parsed.operands { #expect(words.contains(operand.bytes)) }
        if !parsed.trailing.isEmpty {
            let end = Array(words.suffix(parsed.trailing.count + 1))
            #expect(end == [Array("--".utf8)] + parsed.trailing.map(\.bytes))
        }
        for option in parsed.command.groups.flatMap(\.options) {
            guard parsed.flag(option.long), option.takesValue else { continue }
            #expect(!parsed.values(option.long).isEmpty)
            switch option.kind {
            case .duration: #expect(parsed.duration(option.long) != nil)
            case .size: #expect(parsed.size(option.long) != nil)
            case .integer: #expect(parsed.integer(option.long) != nil)
            case .signal: #expect(parsed.signal(option.long) != nil)
            default: break
            }
        }
    }

    @Test func sessionIDsNeverHoldWhatCouldEscape() {
        let alphabet = Array("abzAZ09._-@:+launch-/\\ ~\u{0}\n".utf8) + [0x80, 0xC3, 0xFF]
        var generator = SplitMix64(state: 0x6964)
        var accepted = 0
        for round in 0..<50_000 {
            let length = Int.random(in: 0...(round % 10 == 0 ? 80 : 8), using: &generator)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            do throws(SessionIDError) {
                let id = try SessionID(bytes: bytes)
                accepted += 1
                #expect(Array(id.string.utf8) == bytes)
                #expect((1...64).contains(bytes.count) && bytes[0] != 0x2E && bytes[0] != 0x2D)
                #expect(!bytes.contains { $0 <= 0x20 || $0 == 0x2F || $0 >= 0x7F })
                #expect(!id.string.hasPrefix("launch-"))
            } catch {
                #expect(Self.isPrintableLine(error.message), "\(bytes)")
            }
        }
        #expect(accepted > 1_000)
    }
}
