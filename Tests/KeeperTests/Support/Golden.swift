import Glibc
import Testing

/// Compares output with a file that is kept beside the tests.
enum Golden {
    /// Expects `text` to be the golden file `name`; with `KEEPER_TEST_UPDATE_GOLDEN=1` makes it so.
    ///
    /// What differs from run to run must have been made equal before: see ``normalised(_:_:)``.
    static func expect(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let path = "\(directory)/\(name)"
        if environmentValue("KEEPER_TEST_UPDATE_GOLDEN") == "1" {
            do { try update(path, text) } catch {
                Issue.record("\(path): \(error)", sourceLocation: sourceLocation)
            }
            return
        }
        guard let bytes = readFile(path) else {
            Issue.record(
                "no golden file \(name): run with KEEPER_TEST_UPDATE_GOLDEN=1", sourceLocation: sourceLocation
            )
            return
        }
        let wanted = String(decoding: bytes, as: UTF8.self)
        if Array(wanted.utf8) == Array(text.utf8) { return }
        Issue.record(
            "\(name) differs\n\(difference(wanted, text))\n--- all of it now:\n\(text)",
            sourceLocation: sourceLocation)
    }

    /// The text with each number's or time's own words replaced by others of the same width, so that a table stays
    /// aligned: `[("4711", "PID")]` makes `PID_` of it.
    static func normalised(_ text: String, _ words: [(String, String)]) -> String {
        var result = text
        for (word, name) in words where !word.isEmpty {
            let padding = String(repeating: "_", count: max(0, word.utf8.count - name.utf8.count))
            result = result.split(separator: word, omittingEmptySubsequences: false)
                .joined(separator: name.prefix(word.utf8.count) + padding)
        }
        return result
    }

    private static let directory: String = {
        let parts = #filePath.split(separator: "/").dropLast(2)
        return "/" + parts.joined(separator: "/") + "/Goldens"
    }()

    private static func update(_ path: String, _ text: String) throws {
        // Also below the directory: one subdirectory is enough.
        mkdir(directory, 0o777)
        mkdir(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), 0o777)
        try writeFile(path, text.utf8, mode: 0o666)
    }

    /// The first line that differs, as it was and as it is.
    private static func difference(_ wanted: String, _ text: String) -> String {
        let old = wanted.split(separator: "\n", omittingEmptySubsequences: false)
        let new = text.split(separator: "\n", omittingEmptySubsequences: false)
        for index in 0..<max(old.count, new.count) {
            let before = index < old.count ? String(old[index]) : "(end)"
            let after = index < new.count ? String(new[index]) : "(end)"
            if before != after { return "line \(index + 1)\n  was: \(before)\n  is:  \(after)" }
        }
        return "only by line ends"
    }
}
