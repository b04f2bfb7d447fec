import Glibc
import Testing

struct MissingProgram: Error, CustomStringConvertible {
    let description: String
}

/// Foreign programs, found once in the PATH of the test run.
enum Programs {
    /// The real interpreter rather than a version manager's shim, which needs the true `$HOME`.
    static let python: String = find("/usr/bin/python3") ?? find("python3") ?? "python3"

    static func find(_ name: String) -> String? {
        if name.hasPrefix("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = (environmentValue("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The first interpreter in the PATH that can import a module.
    static func python(with module: String) throws -> String? {
        let box = try Sandbox()
        let folders = (environmentValue("PATH") ?? "").split(separator: ":")
        for path in [python] + folders.map({ "\($0)/python3" }) where access(path, X_OK) == 0 {
            if try box.run([path, "-c", "import \(module)"]).status == 0 { return path }
        }
        return nil
    }
}

/// Runs a test only where these programs are installed. With `KEEPER_TEST_NO_SKIP=1` a missing one
/// fails the test instead, by name.
func requires(_ programs: String...) -> ConditionTrait {
    .enabled("needs \(programs.joined(separator: ", "))") {
        let missing = programs.filter { Programs.find($0) == nil }
        if missing.isEmpty { return true }
        return try skip("missing: \(missing.joined(separator: ", "))")
    }
}

/// The same for a Python module.
func requires(pythonModule name: String) -> ConditionTrait {
    .enabled("needs Python with \(name)") {
        try Programs.python(with: name) != nil || skip("missing: Python module \(name)")
    }
}

/// Runs a test only as root, for what only root can set up (a directory of another user).
func requiresRoot() -> ConditionTrait {
    .enabled("needs root") { try geteuid() == 0 || skip("must run as root") }
}

func skip(_ reason: String) throws -> Bool {
    if environmentValue("KEEPER_TEST_NO_SKIP") == "1" { throw MissingProgram(description: reason) }
    return false
}
