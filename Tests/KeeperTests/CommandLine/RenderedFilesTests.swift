import KeeperShared
import Testing
import keeper
import keeperctl

/// The files under `contrib/` that are rendered from the tables of commands, or that the program prints.
enum RenderedFiles {
    static let programs = [keeperctlTable, keeperTable]

    /// Path below the repository, and content.
    static let all: [(path: String, text: String)] =
        programs.flatMap { ManPage.all(of: $0).map { ("contrib/man/\($0.name)", $0.text) } }
        + CompletionScript.shells.map { shell in
            let name = shell == "zsh" ? "_keeperctl" : "keeperctl.\(shell)"
            return ("contrib/completions/\(name)", CompletionScript.text(for: shell))
        }

    /// Pages that are written by hand.
    static let written = ["contrib/man/keeper-sessions.5"]

    static let repository: String = {
        "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    }()

    static var pages: [String] {
        (all.map(\.path) + written).filter { $0.hasPrefix("contrib/man/") }.map { "\(repository)/\($0)" }
    }
}

@Suite struct RenderedFilesTests {
    /// `KEEPER_TEST_UPDATE_GOLDEN=1` writes them.
    @Test(arguments: RenderedFiles.all.map(\.path)) func theFileIsWhatTheTableSays(_ path: String) throws {
        let file = try #require(RenderedFiles.all.first { $0.path == path })
        Golden.expect(file.text, "../../../\(path)")
    }

    @Test(arguments: ["contrib/man", "contrib/completions"])
    func nothingIsLeftOfCommandsThatAreGone(_ folder: String) {
        let known = RenderedFiles.all.map(\.path) + RenderedFiles.written
        for name in directoryEntries("\(RenderedFiles.repository)/\(folder)")
        where !known.contains("\(folder)/\(name)") {
            if environmentValue("KEEPER_TEST_UPDATE_GOLDEN") == "1" {
                removeTree("\(RenderedFiles.repository)/\(folder)/\(name)")
            } else {
                Issue.record("\(folder)/\(name) belongs to no command")
            }
        }
    }
}
