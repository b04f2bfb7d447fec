import Testing
import keeperctl

@Suite("Globs")
struct GlobTests {
    private func matches(_ glob: String, _ path: String) -> Bool {
        Glob(Array(glob.utf8)).matches(Array(path.utf8))
    }

    @Test(
        "what fits",
        arguments: [
            ("*", "a"), ("*.py", "a.py"), ("*.py", "sub/a.py"), ("a?c", "abc"), ("a?c", "aéc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"), ("[]]", "]"), ("[a-]", "-"), ("\\*", "*"), ("build", "build"),
            ("build", "build/a/b"),
            ("build/", "x/build/a"), ("/build", "build/a"), ("./build", "build"), ("src/*.py", "src/a.py"),
            ("src/**", "src/a/b"), ("src/**/*.py", "src/a.py"), ("src/**/*.py", "src/a/b/c.py"),
            ("**/a", "a"),
            ("**/a", "x/y/a"), ("**", "x/y"), ("a/**/b/**/c", "a/b/x/y/c"), ("a/**/b/**/c", "a/x/b/b/c"),
            ("*a*b*c*", "xaybzc"),
            ("src/*/x", "src/a/x/below"), ("[", "["), ("[a", "[a"), ("/a**b", "a/x/b"),
            ("*.tar.*", "x.tar.tar.gz"),
        ])
    func fits(glob: String, path: String) { #expect(matches(glob, path)) }

    @Test(
        "what does not",
        arguments: [
            ("*.py", "a.pyc"), ("a?c", "a/c"), ("a?c", "ac"), ("[a-c]x", "dx"), ("[!a-c]x", "ax"),
            ("\\*", "a"),
            ("/build", "x/build"), ("src/*.py", "src/a/b.py"), ("src/*.py", "x/src/a.py"), ("src/**", "src"),
            ("**/a", "xa"), ("a/**/b", "a/xb"), ("a/**/b/**/c", "a/x/c"), ("build", "rebuild"), ("", "a"),
            ("[!/]x", "/x"), ("a*b", "a/b"),
        ])
    func fails(glob: String, path: String) { #expect(!matches(glob, path)) }

    @Test("a hostile pattern takes no time")
    func hostile() {
        #expect(!matches(String(repeating: "a*", count: 200) + "b", String(repeating: "a", count: 4000)))
        #expect(
            !matches(String(repeating: "**/a", count: 100) + "/b", String(repeating: "a/", count: 2000) + "c")
        )
    }

    @Test("the same as Python's fnmatch where that knows the pattern", requires("python3"))
    func comparison() throws {
        var random = SplitMix64(state: 4)
        var pairs: [[String]] = []
        for _ in 0..<3000 {
            let glob = String(
                (0..<Int.random(in: 1...6, using: &random)).map { _ in "ab*?".randomElement(using: &random)! }
            )
            if glob.contains("**") { continue }
            pairs.append([
                glob,
                String(
                    (0..<Int.random(in: 1...7, using: &random)).map { _ in "ab".randomElement(using: &random)!
                    }),
            ])
        }
        let script =
            "import sys,json,fnmatch; print(json.dumps([fnmatch.fnmatchcase(p[1], p[0]) for p in json.load(sys.stdin)]))"
        let outcome = try Sandbox().run([Programs.python, "-c", script], input: JSON.encode(pairs))
        let wanted = try #require(JSON(parsing: outcome.stdout).array)
        #expect(wanted.count == pairs.count)
        for (pair, want) in zip(pairs, wanted) { #expect(matches(pair[0], pair[1]) == want.bool, "\(pair)") }
    }

    @Test("changes rest before they count, and are not waited for without end")
    func quietTime() {
        var quiet = QuietTime(.milliseconds(200))
        #expect(quiet.deadline == nil)
        var now: Int64 = 0
        var restarts: [Int64] = []
        while now < .seconds(20) {
            quiet.note(now)
            if quiet.isOver(now) { restarts.append(now) }
            now += .milliseconds(100)
        }
        // 25 times 200 ms after the first change of each run.
        #expect(restarts == [.seconds(5), .milliseconds(10_100), .milliseconds(15_200)])
        quiet.note(now)
        let early = quiet.isOver(now + .milliseconds(199))
        let late = quiet.isOver(now + .milliseconds(200))
        #expect(!early && late)
        var endless = QuietTime(.max)
        endless.note(.seconds(5))
        let isOver = endless.isOver(.max - 1)
        #expect(!isOver)
    }
}
