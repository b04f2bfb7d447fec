import Glibc
import Testing

/// When a child is ended without anybody asking, and what the kernel allows it.
@Suite("Limits")
struct LimitTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A child that echoes lines but is silent once it has read "hush".
    private static let talker = [
        "sh", "-c", "echo up; while read x; do [ \"$x\" = hush ] && exec cat > /dev/null; echo \"$x\"; done",
    ]

    @Test(
        "a time limit ends the child by the steps, with its reason; without a policy the session is over",
        arguments: [
            ("--max-runtime", "3s", "max-runtime: it has run for 3s"),
            ("--idle-timeout", "600ms", "idle-timeout: no input and no output for 600ms"),
            ("--silence-timeout", "500ms", "silence-timeout: no output for 500ms after input"),
        ])
    func timeLimit(option: String, limit: String, reason: String) throws {
        try box.supervise(
            "a",
            [
                "--wait", "ready", "--ready", "output", "--restart", "no", "--stop-steps", "eof:1m,KILL:5s",
                option, limit,
            ], LimitTests.talker)
        if option == "--silence-timeout" { #expect(try box.ctl("write", "a", "hush").status == 0) }
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        #expect(box.reason("a") == reason)
        #expect(try box.events("a", "stopping").map { $0["reason"]?.string } == [reason])
        #expect(try box.events("a", "exited").map { $0["reason"]?.string } == [reason])
        // It ended on the end of its input.
        #expect(try box.status("a")["exit"]?["code"]?.int == 0)
        try box.transitions("a")
    }

    @Test(
        "under a policy another child follows, with the reason to be seen meanwhile",
        arguments: ["always", "on-failure"])
    func restarted(policy: String) throws {
        try box.supervise(
            "a", ["--wait", "ready", "--ready", "output", "--restart", policy, "--max-runtime", "3s"],
            LimitTests.talker)
        try box.awaitState("a", "backoff")
        #expect(box.reason("a") == "max-runtime: it has run for 3s")
        try eventually("the next child") { box.restarts("a") == 1 && box.state("a") == "running" }
        #expect(box.reason("a") == nil)
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.reason("a") == nil)
        try box.transitions("a")
    }

    @Test("a child with output or input is neither idle nor silent")
    func busy() throws {
        try box.supervise(
            "idle", ["--wait", "ready", "--ready", "output", "--idle-timeout", "3s"], LimitTests.talker)
        try box.supervise(
            "silent", ["--wait", "ready", "--ready", "output", "--silence-timeout", "3s"], LimitTests.talker)
        let (idle, silent) = (try UnixClient(box.socket("idle")), try UnixClient(box.socket("silent")))
        for round in 0..<40 {
            try idle.send("\(round)\n")
            try silent.send("\(round)\n")
            try eventually("the echo") { box.journalText("silent").hasSuffix("\n\(round)\n") }
            try box.pass(seconds: 0.1)
        }
        // Answered, "silent" may be quiet for as long as it likes; "idle" may not.
        try box.awaitEnd("idle")
        #expect(box.reason("idle") == "idle-timeout: no input and no output for 3s")
        #expect(box.journalText("idle").hasSuffix("\n39\n"))
        #expect(try box.stateNow("silent") == "running")
        #expect(try box.ctl("write", "silent", "hush").status == 0)
        try box.awaitEnd("silent")
        #expect(box.reason("silent") == "silence-timeout: no output for 3s after input")
    }

    @Test("a restart that is asked for while a limit ends the child is done, whatever the policy")
    func restartMeanwhile() throws {
        try box.supervise(
            "a",
            [
                "--wait", "ready", "--ready", "output", "--max-runtime", "3s", "--stop-steps",
                "USR1:3s,KILL:5s",
            ],
            box.counting("trap '' USR1; echo up; [ $run = 1 ] || exec cat; while :; do sleep 0.05; done"))
        try box.awaitState("a", "stopping")
        #expect(try box.call("a", "restart")["result"] != nil)
        #expect(box.restarts("a") == 1)
        try box.awaitEnd("a")
        #expect(box.reason("a") == "max-runtime: it has run for 3s")
        try box.transitions("a")
    }

    @Test("limits of the kernel: soft and hard, unlimited, and of each child", requires("prlimit"))
    func kernel() throws {
        let print = "echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -Sc) $(ulimit -St) $(ulimit -Sf) $(ulimit -Sv)"
        try box.supervise(
            "a",
            [
                "--limit", "NOFILE=100:200", "--limit", "CORE=unlimited", "--limit", "CPU=7:unlimited",
                "--limit",
                "FSIZE=1M", "--limit", "AS=1G", "--wait", "ready", "--ready", "output",
            ], ["bash", "-c", print + "; exec cat"])
        // bash counts files in KiB and memory in KiB.
        #expect(box.journalText("a") == "100 200 unlimited 7 1024 1048576\n")
        #expect(try box.call("a", "restart")["result"] != nil)
        try box.awaitState("a", "running")
        #expect(box.journalText("a").split(separator: "\n").count == 2)
        #expect(Set(box.journalText("a").split(separator: "\n")).count == 1)
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test(
        "a limit that is not allowed is said at once, and leaves nothing behind", requiresRoot(),
        requires("setpriv"))
    func forbidden() throws {
        // More than the system has even for root (fs.nr_open).
        let root = try box.run([
            Executables.keeperctl, "spawn", "--limit", "NOFILE=unlimited", "a", "--", "cat",
        ])
        #expect(root.status == 1, root.why)
        #expect(root.err.contains("set the limits (--limit) of cat: Operation not permitted"), root.why)
        #expect(!box.exists("a.d") && box.sidecars("a") == [])
        // A user may lower, but not raise.
        let folder = box.root + "/u"
        mkdir(folder, 0o700)
        chown(folder, 65534, 65534)
        chmod(box.root, 0o755)
        box.extraSessionDirectories.append(folder)
        let user = [
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "prlimit",
            "--nofile=500:500",
        ]
        // Where a user can execute them: the build may be below a closed directory.
        let binaries = box.root + "/bin"
        mkdir(binaries, 0o755)
        chmod(binaries, 0o755)
        for path in [Executables.keeper, Executables.keeperctl] {
            try writeFile(
                binaries + path.suffix(from: path.lastIndex(of: "/")!), readFile(path) ?? [], mode: 0o755)
        }
        func spawn(_ limit: String, _ id: String) throws -> Outcome {
            try box.run(
                user + [
                    binaries + "/keeperctl", "--sessions-dir", folder, "spawn", "--limit", limit, id, "--",
                    "cat",
                ],
                setting: ["HOME": folder], directory: folder)
        }
        let raised = try spawn("NOFILE=600", "b")
        #expect(raised.status == 1, raised.why)
        #expect(raised.err.contains("set the limits (--limit) of cat: Operation not permitted"), raised.why)
        #expect(try spawn("NOFILE=400", "c").status == 0)
        #expect(
            try box.run(user + [binaries + "/keeperctl", "--sessions-dir", folder, "kill", "c"]).status == 0)
    }
}
