import KeeperShared

/// Which files of a tree count. Paths are those below its root, without a `/` at either end.
package final class TreeFilter {
    private let includes: [Glob]
    private let excludes: [Glob]

    /// What nobody means when they speak of the files of a project: the stores of version control, what a run makes
    /// itself, and what editors write beside a file (backups of vim and Emacs, their locks and swap files, the file by
    /// which vim tries a directory, the new files of Kate, JetBrains' editors and GTK's).
    package static let standardExcludes: [String] = [
        ".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", "*~", ".*.sw?", "4913", ".#*", "#*#",
        ".*.kate-swp", "*___jb_*___", ".goutputstream-*",
    ]

    package init(includes: [Argument], excludes: [Argument], isStandard: Bool) {
        var excludes = excludes
        if isStandard {
            for text in TreeFilter.standardExcludes { excludes.append(Argument(text)) }
        }
        self.includes = TreeFilter.globs(includes)
        self.excludes = TreeFilter.globs(excludes)
    }

    @inline(never) private static func globs(_ texts: [Argument]) -> [Glob] {
        var globs: [Glob] = []
        for text in texts { globs.append(Glob(text.bytes)) }
        return globs
    }

    /// Whether nothing at or below a path counts.
    package func skips(_ path: [UInt8]) -> Bool { TreeFilter.hasMatch(excludes, path) }

    /// Whether a file counts.
    package func accepts(_ path: [UInt8]) -> Bool {
        !skips(path) && (includes.isEmpty || TreeFilter.hasMatch(includes, path))
    }

    @inline(never) private static func hasMatch(_ globs: [Glob], _ path: [UInt8]) -> Bool {
        for glob in globs where glob.matches(path) { return true }
        return false
    }
}
