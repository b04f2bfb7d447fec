import Glibc
import Testing

@Suite("keeperctl watch")
struct WatchTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("a change restarts the sessions that watch it, and no others")
    func concerned() throws {
        for name in ["one/a", "two/a"] { try box.put(name) }
        for id in ["a", "b", "c"] { try box.spawnTeller(id) }
        let before = try box.childPID("c")
        let watcher = try Watcher(box, ["a=one", "b=one", "b=two", "c=two"])
        try box.put("one/a", "new")
        #expect(try watcher.restart(of: "a") == "one/a")
        #expect(try watcher.restart(of: "b") == "one/a")
        #expect(try box.childPID("c") == before)
        try box.put("two/deep/er/file")
        #expect(try watcher.restart(of: "c").hasPrefix("two/deep/er"))
        try watcher.restart(of: "b")
        try eventually("all starts") {
            ["a", "b", "c"].map { box.journalText($0) } == ["up\nup\n", "up\nup\nup\n", "up\nup\n"]
        }
        #expect(["a", "b", "c"].map { box.restarts($0) } == [1, 2, 1])
        watcher.running.kill(SIGTERM)
        #expect(try watcher.running.wait() == .exited(0))
    }

    @Test("five saves in a row are one restart")
    func debounce() throws {
        try box.put("src/a")
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["--debounce", "1s", "a=src"])
        for number in 1...5 { try box.put("src/a", "\(number)") }
        try watcher.restart(of: "a")
        try box.put("src/a", "again")
        try watcher.restart(of: "a")
        #expect(box.restarts("a") == 2)
    }

    @Test("changes that never rest still restart now and then")
    func endless() throws {
        try box.put("src/a")
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["--debounce", "100ms", "a=src"])
        let writer = try box.start(["sh", "-c", "while :; do echo x > src/a; sleep 0.005; done"])
        try watcher.restart(of: "a")
        try watcher.restart(of: "a")
        #expect(try writer.poll() == nil)
        writer.kill(SIGKILL)
    }

    @Test("the table of lines for people; INT ends it as well")
    func plain() throws {
        try box.put("src/a b\n")
        try box.spawnTeller("a")
        let watcher = try box.startCtl("watch", "a=src/")
        #expect(try watcher.readLine()?.hasSuffix(" directories") == true)
        try box.put("src/a b\n", "new")
        #expect(try watcher.readLine() == "restarted a: 'src/a b\\x0A' changed")
        watcher.kill(SIGINT)
        #expect(try watcher.wait() == .exited(0))
        #expect(watcher.errorText == "")
    }

    @Test("a session that is over or unknown is reported, and still watched for")
    func comesBack() throws {
        try box.put("src/a")
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["a=src", "b=src"])
        try eventually("a word on b") { watcher.running.errorText.contains("b: no such session now") }
        try box.ctl("kill", "a")
        try box.put("src/a", "new")
        try watcher.restart(of: "a", "failed")
        try watcher.restart(of: "b", "failed")
        try eventually("both to be reported") {
            let said = watcher.running.errorText
            return said.contains("session a is over") && said.contains("no session 'b'")
        }
        for id in ["a", "b"] { try box.spawnTeller(id) }
        try box.put("src/a", "newer")
        try watcher.restart(of: "a")
        try watcher.restart(of: "b")
    }

    @Test("a change that breaks a program costs it nothing with --restart on-failure: the next one mends it")
    func broken() throws {
        try box.put("src/prog", "echo one; exec cat\n")
        try box.spawn("--restart", "on-failure", "--wait", "ready", "a", "--", "sh", "src/prog")
        let watcher = try Watcher(box, ["a=src"])
        try box.put("src/prog", "exit 1\n")
        try watcher.restart(of: "a")
        try eventually("its failure") { box.state("a") == "backoff" }
        try box.put("src/prog", "echo two; exec cat\n")
        try watcher.restart(of: "a")
        try eventually("the new one") { box.journalText("a") == "one\ntwo\n" }
    }

    @Test("what is left out restarts nothing, and what is chosen does")
    func filters() throws {
        for name in [
            "src/.git/HEAD", "src/a.py", "src/a.pyc", "src/sub/b.py", "src/build/c.py",
            "src/node_modules/m/i.py",
        ] {
            try box.put(name)
        }
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["--include", "*.py", "--exclude", "/build", "a=src"])
        for name in [
            ".git/HEAD", ".git/new.py", "a.pyc", ".a.py.swp", "a.py~", "build/c.py", "node_modules/m/i.py",
            "4913",
            "new/build.txt",
        ] {
            try box.put("src/" + name, "left out")
        }
        try box.put("src/sub/b.py", "chosen")
        #expect(try watcher.restart(of: "a") == "src/sub/b.py")
        try box.put("src/sub/build/d.py", "not the build directory")
        #expect(try watcher.restart(of: "a").hasPrefix("src/sub/build"))
        #expect(box.restarts("a") == 2)
        // Without the usual exceptions.
        let other = try Watcher(box, ["--no-default-excludes", "a=src"])
        try box.put("src/.git/HEAD", "new")
        #expect(try other.restart(of: "a") == "src/.git/HEAD")
    }

    @Test("what sessions write themselves is never a reason, wherever they are")
    func ownOutput() throws {
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["a=\(box.root)"])
        for number in 1...20 { try box.ctl("write", "a", "line \(number)") }
        try box.put("src/a")
        #expect(try watcher.restart(of: "a").hasPrefix("\(box.root)/src"))
        try box.put("src/b")
        try watcher.restart(of: "a")
        #expect(box.restarts("a") == 2)
        let refused = try box.ctl("watch", "a=\(box.sessions)")
        #expect(refused.status == 1 && refused.err.contains("sessions directory"), refused.why)
    }

    @Test("forty sessions, their own trees and a common one: one process, one inotify instance")
    func many() throws {
        let ids = (1...40).map { "s\($0)" }
        for id in ids {
            try box.put("own/\(id)/a")
            try box.spawn(id, "--", "cat")
        }
        try box.put("common/a")
        let watcher = try Watcher(box, ids.flatMap { ["\($0)=own/\($0)", "\($0)=common"] })
        let descriptors = directoryEntries("/proc/\(watcher.running.pid)/fd")
            .compactMap { readLink("/proc/\(watcher.running.pid)/fd/\($0)") }
        #expect(descriptors.filter { $0.contains("inotify") }.count == 1)
        #expect(Proc.threads(Int(watcher.running.pid)) == 1)
        try box.put("common/b")
        for id in ids { try watcher.restart(of: id) }
        try box.put("own/s7/b")
        try watcher.restart(of: "s7")
        #expect(ids.map { box.restarts($0) } == ids.map { $0 == "s7" ? 2 : 1 })
    }

    @Test(
        "a watcher at rest makes no system call, and holds no descriptors of what it watches",
        requires("strace"))
    func idle() throws {
        for number in 1...50 { try box.put("deep/src/\(number)/a") }
        try box.spawnTeller("a")
        let watcher = try Watcher(box, ["a=deep/src"])
        try box.put("deep/src/1/a", "new")
        try watcher.restart(of: "a")
        let pid = Int(watcher.running.pid)
        try eventually("rest") { try Proc.systemCalls([pid], seconds: 0.5, in: box) == [] }
        // What happens in the directories above is of no interest.
        let noise = try box.start(["sh", "-c", "while :; do touch x; rm x; sleep 0.1; done"])
        #expect(try Proc.systemCalls([pid], seconds: 2, in: box) == [])
        noise.kill(SIGKILL)
        #expect(Proc.descriptors(pid) < 10)
    }

    @Test("bad usage and what is not there are one clear line")
    func errors() throws {
        try box.spawnTeller("a")
        let missing = try box.ctl("watch", "a=nowhere")
        #expect(
            missing.status == 1 && missing.err == "keeperctl: watch 'nowhere': No such file or directory\n",
            missing.why)
        for wrong in ["a", "a=", "=src", "-a=src", ".a=src"] {
            let outcome = try box.ctl("watch", "--", wrong)
            #expect(outcome.status == 2 && outcome.err.split(separator: "\n").count == 1, outcome.why)
        }
    }

    @Test(
        "an inotify limit is one line that says what to raise",
        requiresFaults(),
        arguments: [
            ("inotify::1:1:24", "fs.inotify.max_user_instances"),
            ("inotify:add:5:0:28", "fs.inotify.max_user_watches"),
        ])
    func limits(fault: String, name: String) throws {
        for number in 1...5 { try box.put("src/\(number)/a") }
        let outcome = try box.run(
            [Executables.keeperctl, "watch", "a=src"], setting: box.faults(fault))
        #expect(outcome.status == 1, outcome.why)
        #expect(outcome.err.contains("sysctl \(name)="), outcome.why)
        #expect(outcome.err.split(separator: "\n").count == 1, outcome.why)
    }
}
