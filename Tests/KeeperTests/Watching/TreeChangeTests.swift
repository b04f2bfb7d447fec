import Glibc
import Testing

/// Directories that come, go and move.
@Suite("keeperctl watch: trees that change")
struct TreeChangeTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try box.spawnTeller("a")
    }

    @Test("new directories are watched, and files that were in them before are noticed")
    func newDirectories() throws {
        try box.put("src/a")
        let watcher = try Watcher(box, ["a=src"])
        // As fast as can be: the file is there before anybody can watch its directory.
        try box.put("src/b/c/d/e/f/g/h/i/j/file")
        #expect(try watcher.restart(of: "a").hasPrefix("src/b/"))
        try box.put("src/b/c/d/e/f/g/h/i/j/file", "new")
        #expect(try watcher.restart(of: "a") == "src/b/c/d/e/f/g/h/i/j/file")
        // A tree that was made elsewhere and is moved in.
        try box.put("elsewhere/x/y/file")
        try box.move("elsewhere", "src/moved")
        try watcher.restart(of: "a")
        try box.put("src/moved/x/y/file", "new")
        #expect(try watcher.restart(of: "a") == "src/moved/x/y/file")
        // Empty directories alone are no news.
        try box.makeFolders("src/empty/nothing")
        try box.put("src/a", "new")
        #expect(try watcher.restart(of: "a") == "src/a")
        #expect(box.restarts("a") == 5)
    }

    @Test("many directories at once")
    func manyDirectories() throws {
        try box.put("src/a")
        let watcher = try Watcher(box, ["a=src"])
        let script =
            "for i in 1 2 3 4 5 6 7 8 9; do mkdir -p new/$i/a/b new/$i/c; echo > new/$i/a/b/f; done; mv new src"
        #expect(try box.run(["sh", "-c", script]).status == 0)
        try watcher.restart(of: "a")
        for name in ["1/a/b", "5/c", "9/a/b"] {
            try box.put("src/new/\(name)/f", "new")
            #expect(try watcher.restart(of: "a") == "src/new/\(name)/f")
        }
    }

    @Test("a directory that was moved away is somebody else's; one that is made again is watched again")
    func goneDirectories() throws {
        try box.put("src/keep")
        try box.put("src/sub/deep/a")
        let watcher = try Watcher(box, ["a=src"])
        try box.move("src/sub", "away")
        #expect(try watcher.restart(of: "a") == "src/sub")
        for number in 1...3 { try box.put("away/deep/a", "\(number)") }
        try box.put("src/keep", "new")
        #expect(try watcher.restart(of: "a") == "src/keep")
        try box.put("src/sub/deep/a")
        #expect(try watcher.restart(of: "a").hasPrefix("src/sub"))
        removeTree(box.root + "/src/sub")
        try box.put("src/sub/deep/a", "once more")
        try watcher.restart(of: "a")
        try box.put("src/sub/deep/a", "and again")
        #expect(try watcher.restart(of: "a") == "src/sub/deep/a")
        // Within the tree.
        try box.move("src/sub/deep", "src/flat")
        try watcher.restart(of: "a")
        try box.put("src/flat/a", "new")
        #expect(try watcher.restart(of: "a") == "src/flat/a")
    }

    @Test("two directories that change places are watched at their new ones", requires("python3"))
    func exchange() throws {
        try box.put("src/one/a")
        try box.put("src/two/b")
        let watcher = try Watcher(box, ["a=src"])
        let script = """
            import ctypes
            c = ctypes.CDLL(None, use_errno=True)
            assert c.renameat2(-100, b'src/one', -100, b'src/two', 2) == 0, ctypes.get_errno()
            """
        let outcome = try box.run([Programs.python, "-c", script])
        #expect(outcome.status == 0, outcome.why)
        try watcher.restart(of: "a")
        for name in ["src/one/b", "src/two/a"] {
            try box.put(name, "new")
            #expect(try watcher.restart(of: "a") == name)
        }
    }

    @Test("a root that is removed or moved away is waited for", arguments: ["remove", "move"])
    func root(way: String) throws {
        try box.put("src/a")
        let watcher = try Watcher(box, ["a=src"])
        for number in 1...2 {
            if way == "remove" { removeTree(box.root + "/src") } else { try box.move("src", "away\(number)") }
            try eventually("a word on that") {
                watcher.running.errorText.split(separator: "\n").filter { $0.contains("'src' is gone") }.count
                    == number
            }
            // Nothing to run: no restart, until it is there again.
            #expect(box.restarts("a") == 2 * (number - 1))
            if way == "remove" { try box.put("src/a") } else { try box.move("away\(number)", "src") }
            try watcher.restart(of: "a")
            try box.put("src/a", "new")
            #expect(try watcher.restart(of: "a") == "src/a")
        }
    }

    @Test("a root that is replaced at once by another is one restart, and the other is watched")
    func replaced() throws {
        try box.put("src/a")
        try box.put("next/a")
        let watcher = try Watcher(box, ["--debounce", "1s", "a=src"])
        try box.move("src", "old")
        try box.move("next", "src")
        try watcher.restart(of: "a")
        try box.put("old/a", "nobody's")
        try box.put("src/b", "new")
        #expect(try watcher.restart(of: "a") == "src/b")
        #expect(box.restarts("a") == 2)
        #expect(watcher.running.errorText == "")
    }

    @Test("a directory above the root may go and come as well")
    func ancestors() throws {
        try box.put("up/per/src/a")
        let watcher = try Watcher(box, ["a=up/per/src"])
        try box.move("up", "away")
        try eventually("a word on that") { watcher.running.errorText.contains("is gone") }
        try box.put("up/per/src/a")
        try watcher.restart(of: "a")
        try box.put("up/per/src/a", "new")
        #expect(try watcher.restart(of: "a") == "up/per/src/a")
        // It is not watched more closely than before.
        try eventually("watches as before") {
            try Proc.inotifyMasks(watcher.running.pid).filter { $0 & 0x100 != 0 }.count == 2
        }
    }

    @Test("links on the way to the root are followed, also when they come to lead elsewhere")
    func links() throws {
        try box.put("releases/1/src/a")
        try box.put("releases/2/src/a")
        try box.link("current", to: "releases/1")
        try box.link("tree", to: "\(box.root)/current/src")
        let watcher = try Watcher(box, ["a=tree"])
        try box.put("releases/1/src/a", "new")
        #expect(try watcher.restart(of: "a") == "tree/a")
        try box.link("current", to: "releases/2")
        try watcher.restart(of: "a")
        try box.put("releases/1/src/a", "nobody's")
        try box.put("releases/2/src/b", "new")
        #expect(try watcher.restart(of: "a") == "tree/b")
        #expect(box.restarts("a") == 3)
    }

    @Test("a single file may be a link, go, and come again as something else")
    func file() throws {
        try box.put("etc/real.conf")
        try box.link("app.conf", to: "etc/real.conf")
        let watcher = try Watcher(box, ["a=app.conf"])
        try box.put("etc/real.conf", "new")
        #expect(try watcher.restart(of: "a") == "app.conf")
        // What stands beside it is of no interest.
        try box.put("etc/other.conf", "new")
        try box.put("etc/next", "new")
        try box.move("etc/next", "etc/real.conf")
        try watcher.restart(of: "a")
        unlink(box.root + "/app.conf")
        try eventually("a word on that") { watcher.running.errorText.contains("'app.conf' is gone") }
        try box.put("app.conf", "a file of its own")
        try watcher.restart(of: "a")
        unlink(box.root + "/app.conf")
        try box.put("app.conf/part", "a directory now")
        try watcher.restart(of: "a")
        try box.put("app.conf/part", "new")
        #expect(try watcher.restart(of: "a") == "app.conf/part")
        #expect(box.restarts("a") == 5)
    }

    /// What used to be lost: everything that came while the queue was full, new directories among it.
    @Test("when events were dropped, all is looked at anew")
    func overflow() throws {
        let limit = String(decoding: readFile("/proc/sys/fs/inotify/max_queued_events") ?? [], as: UTF8.self)
        let room = try #require(Int(limit.dropLast()))
        try box.put("src/a.keep")
        let watcher = try Watcher(box, ["--include", "*.keep", "a=src"])
        let pid = watcher.running.pid
        kill(pid, SIGSTOP)
        try eventually("the watcher's stop") { Proc.state(Int(pid)) == "T" }
        // Two events each, none of them of interest.
        for number in 0...(room / 2 + 10) {
            let file = open("\(box.root)/src/\(number)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(file >= 0)
            close(file)
        }
        try box.put("src/late/b.keep")
        kill(pid, SIGCONT)
        #expect(try watcher.restart(of: "a") == "src")
        try box.put("src/late/b.keep", "new")
        #expect(try watcher.restart(of: "a") == "src/late/b.keep")
        #expect(box.restarts("a") == 2)
    }
}
