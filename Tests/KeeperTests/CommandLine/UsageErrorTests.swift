import KeeperShared
import Testing
import keeper
import keeperctl

@Suite struct CommandLineErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let line: String
        let kind: UsageError.Kind
        let message: String
        var testDescription: String { line }
    }

    static let cases: [Case] = [
        Case(line: "", kind: .missingCommand, message: "missing command; see 'keeperctl --help'"),
        Case(
            line: "spwan x", kind: .unknownCommand,
            message: "unknown command 'spwan' (did you mean 'spawn'?); see 'keeperctl --help'"),
        Case(
            line: "help stpo", kind: .unknownCommand,
            message: "unknown command 'stpo' (did you mean 'stop'?); see 'keeperctl --help'"),
        Case(
            line: "frobnicate", kind: .unknownCommand,
            message: "unknown command 'frobnicate'; see 'keeperctl --help'"),
        Case(
            line: "discover --jsn", kind: .unknownOption,
            message: "unknown option '--jsn' (did you mean '--json'?); see 'keeperctl discover --help'"),
        Case(
            line: "discover -json", kind: .unknownOption,
            message: "unknown option '-json' (did you mean '--json'?); see 'keeperctl discover --help'"),
        Case(
            line: "spawn --journal 1G -- cat", kind: .unknownOption,
            message:
                "unknown option '--journal' (did you mean '--journal-size'?); see 'keeperctl spawn --help'"),
        Case(
            line: "spawn x -l", kind: .unknownOption,
            message: "unknown option '-l' (options of COMMAND go after '--'); see 'keeperctl spawn --help'"),
        Case(
            line: "write x -5", kind: .unknownOption,
            message:
                "unknown option '-5' (a LINE that starts with '-' goes after '--'); "
                + "see 'keeperctl write --help'"),
        Case(
            line: "--json discover", kind: .unknownOption,
            message:
                "unknown option '--json' before the command: a command's options go after it; "
                + "see 'keeperctl --help'"),
        Case(
            line: "discover --json=yes", kind: .unexpectedValue,
            message: "option '--json' takes no value, but was given 'yes'; see 'keeperctl discover --help'"),
        Case(
            line: "wait a --timeout", kind: .missingValue,
            message: "option '--timeout' needs a value, DURATION; see 'keeperctl wait --help'"),
        Case(
            line: "kill a -s", kind: .missingValue,
            message: "option '-s' needs a value, SIG; see 'keeperctl kill --help'"),
        Case(
            line: "spawn --cwd -- cat", kind: .missingValue,
            message:
                "option '--cwd' needs a value, DIR, but '--' follows (write --cwd=… if it is the value); "
                + "see 'keeperctl spawn --help'"),
        Case(
            line: "wait a --timeout soon", kind: .invalidValue,
            message:
                "option '--timeout': 'soon' is not a duration such as 350ms, 2s or 5m; "
                + "see 'keeperctl wait --help'"),
        Case(
            line: "spawn --max-line=big -- cat", kind: .invalidValue,
            message:
                "option '--max-line': 'big' is not a size such as 64K, 16M or 1G; "
                + "see 'keeperctl spawn --help'"),
        Case(
            line: "wait --for redy a", kind: .invalidValue,
            message:
                "option '--for': 'redy' is not one of exit, ready (did you mean 'ready'?); "
                + "see 'keeperctl wait --help'"),
        Case(
            line: "kill -s TREM a", kind: .invalidValue,
            message:
                "option '--signal': 'TREM' is not a signal such as TERM, USR1 or 10 "
                + "(did you mean 'TERM'?); see 'keeperctl kill --help'"),
        Case(
            line: "write --attempts 0 a", kind: .invalidValue,
            message: "option '--attempts': '0' is not a number from 1 to 1000; see 'keeperctl write --help'"),
        Case(
            line: "spawn --env =1 -- cat", kind: .invalidValue,
            message: "option '--env': '=1' is not of the form NAME=VALUE; see 'keeperctl spawn --help'"),
        Case(
            line: "discover --json --json", kind: .repeatedOption,
            message: "option '--json' is given twice, but counts once; see 'keeperctl discover --help'"),
        Case(
            line: "discover -q --json", kind: .conflictingOptions,
            message:
                "options '--quiet' and '--json' can't be given together: choose one; "
                + "see 'keeperctl discover --help'"),
        Case(
            line: "kill --all a", kind: .conflictingOptions,
            message:
                "ID and option '--all' can't be given together: choose one; see 'keeperctl kill --help'"),
        Case(
            line: "kill", kind: .missingOperand,
            message: "missing ID (or '--all'); see 'keeperctl kill --help'"),
        Case(line: "logs -f", kind: .missingOperand, message: "missing ID; see 'keeperctl logs --help'"),
        Case(
            line: "spawn x", kind: .missingOperand,
            message: "missing COMMAND after '--'; see 'keeperctl spawn --help'"),
        Case(
            line: "spawn x --", kind: .missingOperand,
            message: "missing COMMAND after '--'; see 'keeperctl spawn --help'"),
        Case(
            line: "spawn x cat", kind: .unexpectedOperand,
            message: "unexpected operand 'cat': COMMAND goes after '--'; see 'keeperctl spawn --help'"),
        Case(
            line: "status a b", kind: .unexpectedOperand,
            message: "unexpected operand 'b'; see 'keeperctl status --help'"),
        Case(
            line: "status ../a", kind: .invalidOperand,
            message:
                "ID: '../a' is not a session id: it may not start with '.'; see 'keeperctl status --help'"),
    ]

    @Test(arguments: cases) func aMistakeIsOneLine(_ example: Case) throws {
        let error = try #require(parse(example.line).error)
        #expect(error.message == example.message)
        #expect(error.kind == example.kind)
    }

    @Test func theKeeperNamesItself() {
        #expect(parse("", keeperTable).error?.message == "missing ID; see 'keeper --help'")
        #expect(
            parse("a --", keeperTable).error?.message == "missing COMMAND after '--'; see 'keeper --help'")
        #expect(
            parse("--report", keeperTable).error?.message
                == "unknown option '--report' (options of COMMAND go after '--'); see 'keeper --help'",
            "hidden options are not suggested")
    }

    @Test func terminalsAreNotControlledThroughErrors() {
        #expect(quoted([0x61, 0x1B, 0x5B, 0x0A, 0xFF, 0x7F]) == "'a\\x1B[\\x0A\\xFF\\x7F'")
        #expect(quoted("ä…€𝄞") == "'ä…€𝄞'")
        #expect(quoted("\u{9B}31m\u{202E}\u{2028}") == "'\\xC2\\x9B31m\\xE2\\x80\\xAE\\xE2\\x80\\xA8'")
        #expect(
            quoted([0xC0, 0x80, 0xED, 0xA0, 0x80, 0xE2, 0x82]) == "'\\xC0\\x80\\xED\\xA0\\x80\\xE2\\x82'")
        #expect(quoted(String(repeating: "x", count: 100), limit: 5) == "'xxxxx…'")
    }
}
