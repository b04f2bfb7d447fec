import KeeperShared
import Testing
import keeper
import keeperctl

@Suite struct CommandLineHelpTests {
    func help(_ command: CommandSpec?, _ program: ProgramSpec = keeperctlTable, width: Int = 80) -> String {
        String(decoding: HelpRenderer.render(command, of: program, width: width), as: UTF8.self)
    }

    @Test func theOverviewNamesEveryCommand() {
        let text = help(nil)
        #expect(text.hasPrefix("Start sessions"))
        #expect(text.contains("\n  kill, stop  End sessions, or send them a signal\n"))
        for command in keeperctlTable.commands { #expect(text.contains("\n  \(command.name)")) }
    }

    @Test func aCommandsHelpShowsEverything() throws {
        for command in keeperctlTable.commands {
            let text = help(command)
            #expect(text.contains("\nUsage:\n  keeperctl \(command.name)"))
            #expect(text.contains("\nExamples:\n  "))
            #expect(text.contains("--sessions-dir DIR"))
            for option in command.groups.flatMap(\.options) { #expect(text.contains("--\(option.long)")) }
        }
    }

    @Test func theSynopsisFollowsTheTable() throws {
        func usage(_ name: String) throws -> String {
            try #require(keeperctlTable.command(called: Array(name.utf8))).operandUsage
        }
        #expect(try usage("spawn") == "[ID] -- COMMAND…")
        #expect(try usage("write") == "ID [LINE…]")
        #expect(try usage("kill") == "ID… | --all")
        #expect(keeperTable.root?.operandUsage == "ID [-- COMMAND…]")
    }

    @Test func hiddenOptionsStayHidden() {
        let text = help(nil, keeperTable)
        #expect(text.contains("\n  keeper [OPTION…] ID [-- COMMAND…]\n"))
        #expect(!text.contains("report-fd") && !text.contains("detached") && !text.contains("Internal"))
    }

    @Test(arguments: [0, 40, 60, 80, 100, 500]) func linesAreWrapped(_ width: Int) {
        let bound = min(max(width, 40), 100)
        for command in keeperctlTable.commands {
            var copied: [String] = command.examples.map { "  " + $0.line }
            copied.append("  keeperctl \(command.name) [OPTION…] \(command.operandUsage)")
            for line in help(command, width: width).split(separator: "\n")
            where !copied.contains(String(line)) {
                // A word that is too long for a narrow column has a line of its own.
                let isOneWord = line.split(separator: " ").count == 1
                #expect(line.count <= bound || isOneWord, "\(line)")
                #expect(line.last != " ")
            }
        }
    }

    @Test func longNamesPushTheirMeaningDown() {
        let table = ProgramSpec(
            root: CommandSpec(
                CommandName("tool"), summary: "Try",
                groups: [
                    OptionGroup(
                        "Options",
                        [
                            Flag("a", short: "a", help: "One two"),
                            Setting(
                                "a-very-long-name", .string, "AND-A-LONG-VALUE", help: "Three",
                                default: "4"),
                        ])
                ], examples: [ExampleSpec("tool", "Runs.")]),
            globalOptions: [])
        let expected = """
            Try.

            Usage:
              tool [OPTION…]

            Options:
              -a, --a  One two
                  --a-very-long-name AND-A-LONG-VALUE
                       Three (default: 4)

            Examples:
              tool
                  Runs.

            """
        #expect(help(nil, table, width: 40) == expected)
    }
}
