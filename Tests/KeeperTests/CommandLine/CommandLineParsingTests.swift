import KeeperShared
import Testing
import keeper
import keeperctl

@Suite struct CommandLineParsingTests {
    @Test(arguments: ["--timeout=2s", "--timeout 2s"])
    func longOptionsTakeTheirValueEitherWay(_ option: String) throws {
        let parsed = try #require(parse("wait \(option) a").parsed)
        #expect(parsed.duration("timeout") == 2_000_000_000)
        #expect(parsed.operands.map(\.text) == ["a"])
    }

    @Test(arguments: ["-s TERM", "-sTERM", "--signal SIGTERM", "--signal=term", "-s15"])
    func aSignalHasManyNames(_ option: String) throws {
        let parsed = try #require(parse("kill \(option) a b").parsed)
        #expect(parsed.signal("signal") == 15)
        #expect(parsed.operands.map(\.text) == ["a", "b"])
    }

    @Test func shortFlagsAreBundledAndEndInAValue() throws {
        let table = ProgramSpec(
            root: CommandSpec(
                CommandName("tool"), summary: "Try",
                groups: [
                    OptionGroup(
                        "Options",
                        [
                            Flag("follow", short: "f", help: "Follow"),
                            Flag("quiet", short: "q", help: "Be quiet"),
                            Setting(
                                "number", short: "n", .integer(min: 0, max: 9), "N", help: "Count",
                                default: "0"),
                        ])
                ], examples: []),
            globalOptions: [SessionOptions.help])
        for line in ["-fqn7", "-fq -n 7", "-f -qn7", "-qfn 7"] {
            let parsed = try #require(parse(line, table).parsed)
            #expect(parsed.flag("follow") && parsed.flag("quiet"))
            #expect(parsed.integer("number") == 7)
        }
        #expect(parse("-fqh", table).helpTopic == .some(nil))
        #expect(parse("-fx", table).error?.message == "unknown option '-x'; see 'tool --help'")
    }

    @Test func globalOptionsMayStandBeforeAndAfterTheCommand() throws {
        for line in ["--sessions-dir /d discover", "discover --sessions-dir=/d"] {
            #expect(try #require(parse(line).parsed).value("sessions-dir")?.text == "/d")
        }
        #expect(parse("--sessions-dir /d discover --sessions-dir /e").error?.kind == .repeatedOption)
    }

    @Test func optionsMayFollowOperands() throws {
        let parsed = try #require(parse("logs a -f --from 12").parsed)
        #expect(parsed.flag("follow") && !parsed.flag("all"))
        #expect(parsed.value("from")?.text == "12")
    }

    @Test func theTerminatorEndsOptions() throws {
        let parsed = try #require(parse("write a -- -1 --attempts -- -").parsed)
        #expect(parsed.operands.map(\.text) == ["a", "-1", "--attempts", "--", "-"])
        #expect(parsed.trailing.isEmpty)
        #expect(try #require(parse("write a -").parsed).operands.count == 2)
    }

    @Test func aChildsCommandIsNotLookedInto() throws {
        let parsed = try #require(parse("spawn --rm a -- cat --help -- --rm").parsed)
        #expect(parsed.operands.map(\.text) == ["a"])
        #expect(parsed.trailing.map(\.text) == ["cat", "--help", "--", "--rm"])
        #expect(parsed.flag("rm"))
        #expect(try #require(parse("spawn -- cat").parsed).operands.isEmpty)
    }

    @Test func bytesThatAreNotTextPassUnharmed() throws {
        let odd: [UInt8] = [0xFF, 0x0A, 0x80, 0x2D]
        let words = ["spawn", "--cwd"].map { Array($0.utf8) } + [odd, Array("--".utf8), odd, []]
        let parsed = try #require(parse(bytes: words).parsed)
        #expect(parsed.trailing.map(\.bytes) == [odd, []])
        #expect(parsed.value("cwd")?.bytes == odd)
        let line = try #require(parse(bytes: [Array("write".utf8), Array("a".utf8), odd]).parsed)
        #expect(line.operands[1].bytes == odd)
    }

    @Test func repeatableOptionsKeepTheirOrder() throws {
        let parsed = try #require(parse("spawn --env A=1 --env=B= --env A==2 -- env").parsed)
        #expect(parsed.values("env").map(\.text) == ["A=1", "B=", "A==2"])
        #expect(parsed.values("label").isEmpty)
    }

    @Test func defaultsComeFromTheTable() throws {
        let parsed = try #require(parse("spawn -- cat").parsed)
        #expect(parsed.value("wait")?.text == "started")
        #expect(!parsed.flag("wait"))
        #expect(parsed.size("max-line") == 16 << 20)
        #expect(parsed.value("timeout") == nil)
        #expect(try #require(parse("write a").parsed).integer("attempts") == 3)
    }

    @Test func aliasesAreTheSameCommand() throws {
        #expect(try #require(parse("stop a").parsed).command.name == "kill")
        #expect(parse("help stop").helpTopic == "kill")
    }

    @Test func helpAndVersionAreAnsweredAnywhere() {
        #expect(parse("--help").helpTopic == .some(nil))
        #expect(parse("help").helpTopic == .some(nil))
        #expect(parse("-h").helpTopic == .some(nil))
        #expect(parse("spawn --help").helpTopic == "spawn")
        #expect(parse("kill -h").helpTopic == "kill")
        #expect(parse("help help").helpTopic == "help")
        #expect(parse("--version").isVersion)
        #expect(parse("version").isVersion)
        #expect(parse("--help", keeperTable).helpTopic == .some(nil))
        #expect(parse("--version", keeperTable).isVersion)
    }

    @Test func theKeeperTakesACommandOrNone() throws {
        let drop = try #require(parse("some-id", keeperTable).parsed)
        #expect(drop.operands.map(\.text) == ["some-id"])
        #expect(drop.trailing.isEmpty)
        let full = try #require(
            parse("--report-fd 5 --await-reader --leftovers leave x -- cat -u", keeperTable).parsed)
        #expect(full.integer("report-fd") == 5)
        #expect(full.flag("await-reader"))
        #expect(full.value("leftovers")?.text == "leave")
        #expect(full.trailing.map(\.text) == ["cat", "-u"])
    }
}
