import Glibc
import Testing

@Suite("keeperctl sync")
struct SyncTests {
    let box: Sandbox
    let worker = "#!/usr/bin/env bash\necho \"up $*\"\nexec cat\n"
    init() throws {
        box = try Sandbox()
        for name in ["a", "b", "c"] { try box.put("w/" + name, worker, mode: 0o755) }
    }

    private func pids(_ ids: String...) throws -> [Int] { try ids.map { try box.childPID($0) } }

    /// Waits until the interpreters have read their scripts, so that these may be removed.
    private func settle(_ ids: String...) throws {
        for id in ids { try eventually("the start of \(id)") { box.journalText(id).hasPrefix("up ") } }
    }

    private func sync(_ arguments: String...) throws -> Outcome {
        try box.run([Executables.keeperctl, "sync"] + arguments)
    }

    private func ids(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) -> String {
        #expect(outcome.status == 0 && outcome.err == "", outcome.why, sourceLocation: sourceLocation)
        return outcome.out
    }

    @Test("added files start, removed ones stop, changed ones restart, nothing else moves")
    func onePass() throws {
        #expect(ids(try sync("w")) == "started a\nstarted b\nstarted c\n")
        try settle("a", "b", "c")
        let before = try pids("a", "b", "c")
        #expect(ids(try sync("w")) == "")
        #expect(try pids("a", "b", "c") == before)
        let instance = try box.status("b")["instance"]?.string

        try box.put("w/d", worker, mode: 0o755)
        unlink(box.root + "/w/a")
        try box.put("w/.b.tmp", "#!/usr/bin/env bash\necho new; exec cat\n", mode: 0o755)
        try box.move("w/.b.tmp", "w/b")
        #expect(
            ids(try sync("--dry-run", "w"))
                == "would have stopped a\nwould have restarted b\nwould have started d\n")
        #expect(try pids("a", "b", "c") == before && !box.exists("d.d"))
        #expect(ids(try sync("w")) == "stopped a\nrestarted b\nstarted d\n")
        #expect(box.state("a") == "exited")
        #expect(try box.childPID("b") != before[1] && box.childPID("c") == before[2])
        // The same session with another program, whose output goes on.
        #expect(try box.status("b")["instance"]?.string == instance)
        try eventually("the new one") { box.journalText("b") == "up \nnew\n" }
        #expect(ids(try sync("w")) == "")
    }

    @Test("it is known by labels, and by the directory's name, however that is written")
    func labels() throws {
        #expect(ids(try sync("w")).split(separator: "\n").count == 3)
        #expect(try box.status("a")["labels"]?["sync.dir"]?.string == box.root + "/w")
        for name in ["./w", "w/", "\(box.root)//w", "w/../w/."] { #expect(ids(try sync(name)) == "") }
        #expect(ids(try box.run([Executables.keeperctl, "sync", "."], directory: box.root + "/w")) == "")
        // Releases are changed by turning a link: it is the same directory still.
        try box.put("r1/x", worker, mode: 0o755)
        try box.put("r2/x", worker, mode: 0o755)
        try box.link("r", to: "r1")
        #expect(ids(try sync("r")) == "started x\n")
        try box.link("r", to: "r2")
        #expect(ids(try sync("r")) == "restarted x\n")
        #expect(ids(try sync("w")) == "")
    }

    @Test("sessions that it did not start are never touched")
    func strangers() throws {
        try box.spawn("b", "--", "cat")
        try box.spawn("x", "--", "cat")
        try box.spawn("--label", "sync.dir=/elsewhere", "y", "--", "cat")
        let before = try pids("b", "x", "y")
        let outcome = try sync("w")
        #expect(outcome.status == 5 && outcome.out == "started a\nstarted c\n", outcome.why)
        #expect(outcome.err.contains("b: left alone"), outcome.why)
        try settle("a", "c")
        for name in ["a", "b", "c"] { unlink("\(box.root)/w/\(name)") }
        #expect(ids(try sync("w")) == "stopped a\nstopped c\n")
        #expect(try pids("b", "x", "y") == before)
    }

    @Test("options come from NAME.json, and a change of them is a restart")
    func options() throws {
        let options = """
            {"args": ["one", "two words", 3], "env": {"NAME": "value", "N": 5}, "labels": {"app": "demo", "x": ""},
             "journalSize": "1M", "merge-stderr": true, "no-journal": false, "cwd": "sub", "stopSteps": "KILL:1s",
             "limits": {"NOFILE": "77"}, "restart": null, "maxLine": 4096}
            """
        let script =
            "#!/usr/bin/env bash\necho \"$# $2 $3 $NAME $N $(basename \"$PWD\") $(ulimit -n)\" >&2\nexec cat\n"
        try box.makeFolders("w/sub")
        try box.put("w/a", script, mode: 0o755)
        try box.put("w/a.json", options)
        #expect(ids(try sync("w")) == "started a\nstarted b\nstarted c\n")
        try eventually("its word") { box.journalText("a") == "3 two words 3 value 5 sub 77\n" }
        let labels = try #require(try box.status("a")["labels"])
        #expect(labels["app"]?.string == "demo" && labels["x"]?.string == "")
        #expect(try box.status("b")["cwd"]?.string == box.root + "/w")
        try box.put("w/b.json", "{\"args\": [\"new\"]}")
        let before = try pids("a", "c")
        #expect(ids(try sync("w")) == "restarted b\n")
        try eventually("its arguments") { box.journalText("b") == "up new\n" }
        #expect(try pids("a", "c") == before)
        unlink(box.root + "/w/b.json")
        #expect(ids(try sync("w")) == "restarted b\n")
        try eventually("none") { box.journalText("b") == "up \n" }
    }

    @Test(
        "a mistake in NAME.json is a clear line for that worker, whose session stays; the others go on",
        arguments: [
            ("{\"frobnicate\": 1}", "'frobnicate': no such option"), ("{", "not JSON"),
            ("[]", "not an object"),
            ("{\"args\": \"x\"}", "'args': not an array"),
            ("{\"args\": [{}]}", "neither a string without NUL nor a number"),
            ("{\"args\": [\"a\\u0000b\"]}", "NUL"), ("{\"wait\": \"ready\"}", "'wait': no such option"),
            ("{\"journalSize\": \"much\"}", "journal-size"),
            ("{\"rm\": \"yes\"}", "'rm': neither true nor false"),
            ("{\"cwd\": true}", "'cwd': neither a string"), ("{\"help\": true}", "'help': no such option"),
            ("{\"restart\": \"sometimes\"}", "restart"),
            ("{\"journalSize\": \"1M\", \"noJournal\": true}", "no-journal"),
        ])
    func mistakes(text: String, error: String) throws {
        #expect(try sync("w").status == 0)
        let before = try pids("a", "b")
        try box.put("w/b.json", text)
        try box.put("w/d", worker, mode: 0o755)
        let outcome = try sync("w")
        #expect(outcome.status == 1 && outcome.out == "started d\n", outcome.why)
        #expect(outcome.err.contains("/w/b.json': ") && outcome.err.contains(error), outcome.why)
        #expect(outcome.err.split(separator: "\n").count == 1, outcome.why)
        #expect(try pids("a", "b") == before)
    }

    @Test("only executable regular files with a session's name are workers")
    func files() throws {
        for name in ["a", "b", "c"] { unlink("\(box.root)/w/\(name)") }
        try box.put("w/plain", worker, mode: 0o644)
        try box.put("w/good.json", "{}", mode: 0o755)
        try box.put("w/.hidden", worker, mode: 0o755)
        try box.put("w/backup~", worker, mode: 0o755)
        try box.put("w/4913", worker, mode: 0o755)
        try box.put("w/two words", worker, mode: 0o755)
        try box.makeFolders("w/folder")
        try box.put("target", worker, mode: 0o755)
        try box.link("w/linked", to: "../target")
        try box.link("w/dangling", to: "nowhere")
        let outcome = try sync("w")
        #expect(outcome.status == 1 && outcome.out == "started linked\n", outcome.why)
        #expect(outcome.err.contains("'\(box.root)/w/two words': its name is no session id"), outcome.why)
        // One that can't be started stops no other.
        try box.put("w/bad", "#!/no/such/interpreter\n", mode: 0o755)
        try box.put("w/zed", worker, mode: 0o755)
        let second = try sync("w")
        #expect(second.status == 1 && second.out == "started zed\n" && second.err.contains("bad"), second.why)
        try settle("zed")
        chmod("\(box.root)/w/zed", 0o644)
        #expect(try sync("w").out == "stopped zed\n")
        let missing = try sync("nowhere")
        #expect(
            missing.status == 1
                && missing.err == "keeperctl: sync '\(box.root)/nowhere': No such file or directory\n",
            missing.why)
    }

    @Test("an ended worker is started by the next pass, however it was ended")
    func ended() throws {
        #expect(try sync("w").status == 0)
        try box.ctl("kill", "a")
        try box.ctl("eof", "b")
        try box.ctl("wait", "b")
        kill(pid_t(try box.keeperPID("c")), SIGKILL)
        try eventually("its end") { !isLocked(box.path("c.rpc.sock.pid")) }
        #expect(try sync("w").out == "started a\nstarted b\nstarted c\n")
        try settle("c")
        // One whose keeper was killed, and whose file is gone.
        kill(pid_t(try box.keeperPID("c")), SIGKILL)
        unlink(box.root + "/w/c")
        try eventually("its end") { !isLocked(box.path("c.rpc.sock.pid")) }
        #expect(try sync("w").out == "stopped c\n")
        #expect(box.sidecars("c") == [])
    }

    @Test("--dry-run makes nothing, not even the sessions directory")
    func dry() throws {
        let outcome = try sync("--dry-run", "--json", "w")
        let events = try JSON.lines(outcome.stdout)
        #expect(events.map { $0["sessionId"]?.string } == ["a", "b", "c"])
        #expect(events.allSatisfy { $0["event"]?.string == "started" && $0["dryRun"]?.bool == true })
        #expect(fileStatus(box.sessions) == nil)
    }

    @Test("--watch follows the directory for good")
    func watch() throws {
        let watcher = try Watcher(box, ["--watch", "w"], command: "sync")
        let before = try pids("a", "b", "c")
        try box.put("w/d", worker, mode: 0o755)
        try watcher.restart(of: "d", "started")
        try box.put("w/d.json", "{\"env\": {\"N\": \"1\"}}")
        try watcher.restart(of: "d")
        try settle("d")
        unlink(box.root + "/w/d")
        try watcher.restart(of: "d", "stopped")
        try box.put("w/b", worker + "# new\n", mode: 0o755)
        try watcher.restart(of: "b")
        try settle("a", "c")
        #expect(try box.childPID("a") == before[0] && box.childPID("c") == before[2])
        // What ended by itself is not started again because of something else.
        try box.ctl("kill", "c")
        try box.put("w/c.json", "{\"frobnicate\": 1}")
        try watcher.restart(of: "c", "failed")
        try box.put("w/e", worker, mode: 0o755)
        try watcher.restart(of: "e", "started")
        #expect(box.state("c") == "exited")
        unlink(box.root + "/w/c.json")
        try watcher.restart(of: "c", "started")
        watcher.running.kill(SIGTERM)
        #expect(try watcher.running.wait() == .exited(0))
        #expect(try box.childPID("a") == before[0])
    }

    @Test("--watch leaves all as it is while the directory is gone, and follows the one that takes its place")
    func replacedDirectory() throws {
        let watcher = try Watcher(box, ["--watch", "w"], command: "sync")
        let before = try pids("a", "b", "c")
        try settle("a", "b", "c")
        try box.move("w", "old")
        try eventually("a word on that") { watcher.running.errorText.contains("'w' is gone") }
        #expect(try pids("a", "b", "c").allSatisfy(Proc.alive))
        try box.put("next/d", worker, mode: 0o755)
        // The very files of before: their sessions stay.
        try box.move("old/a", "next/a")
        try box.move("next", "w")
        try watcher.restart(of: "b", "stopped")
        try watcher.restart(of: "c", "stopped")
        try watcher.restart(of: "d", "started")
        #expect(try box.childPID("a") == before[0])
    }

    @Test("a watcher is a session when one wants it to stay; its end ends none of the others")
    func asSession() throws {
        try box.spawn(
            "--ready", "output:watching", "--wait", "ready", "watcher", "--", Executables.keeperctl, "sync",
            "--watch", "w")
        let before = try pids("a", "b", "c")
        try box.put("w/a", worker + "# new\n", mode: 0o755)
        try eventually("a restart") { box.journalText("watcher").contains("restarted a") }
        let after = try pids("a", "b", "c")
        #expect(after[0] != before[0] && after[1...] == before[1...])
        let kill = try box.ctl("kill", "watcher")
        #expect(kill.status == 0, kill.why)
        #expect(try box.status("watcher")["exit"]?["code"]?.int == 0)
        #expect(try pids("a", "b", "c") == after && after.allSatisfy(Proc.alive))
    }
}
