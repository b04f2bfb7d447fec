import KeeperShared

/// Which files of a tree count. Paths are those below its root, without a `/` at either end.
package final class TreeFilter {
    private let includes: [Glob]
    private let excludes: [Glob]

    /// What doesn't count as a file of a project: the stores of version control, what a run makes
    /// itself, and what editors write beside a file (backups of vim and Emacs, their locks and swap files, the file by
    /// which vim tries a directory, the new files of Kate, JetBrains' editors and GTK's).
    package static let standardExcludes: [String] = [
        ".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", "*~", ".*.sw?", "4913", ".#*", "#*#",
        ".*.kate-swp", "*___jb_*___", ".goutputstream-*",
    ]

    package init(includes: [Argument], excludes: [Argument], isStandard: Bool) {
        let standard = isStandard ? TreeFilter.standardExcludes.map { Argument($0) } : []
        self.includes = includes.map { Glob($0.bytes) }
        self.excludes = (excludes + standard).map { Glob($0.bytes) }
    }

    /// Whether nothing at or below a path counts.
    package func skips(_ path: [UInt8]) -> Bool { excludes.contains { $0.matches(path) } }

    /// Whether a file counts.
    package func accepts(_ path: [UInt8]) -> Bool {
        !skips(path) && (includes.isEmpty || includes.contains { $0.matches(path) })
    }
}
