import Glibc

/// The executables under test: those beside the test bundle (debug), or those in `$KEEPER_TEST_BIN`
/// (release), so that both dialects pass the same tests.
enum Executables {
    static let directory: String = {
        if let named = environmentValue("KEEPER_TEST_BIN"), !named.isEmpty { return named }
        return besideTests
    }()
    private static let besideTests: String = {
        let own = readLink("/proc/self/exe") ?? ""
        return String(own.prefix(upTo: own.lastIndex(of: "/") ?? own.endIndex))
    }()

    /// Whether they are debug builds, which take faults and other settings for tests.
    static let areDebug = realPath(directory) == realPath(besideTests)

    static var keeper: String { directory + "/keeper" }
    static var keeperctl: String { directory + "/keeperctl" }
}

func environmentValue(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

private func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

func readLink(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { raw in
        raw.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress!, $0.count) }
    }
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}
