import Glibc
import Testing

/// What a child says of itself on `$NOTIFY_SOCKET`.
@Suite("sd_notify", requires(Programs.python))
struct NotifyTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Sends each line that it reads, `;` standing for a line feed; echoes it afterwards. Two are more than one
    /// message, sent by the child itself, so that the machine's load can't come between them: `beat` is five seconds of
    /// being alive from READY=1 on, `hang` a READY=1 with a WATCHDOG=trigger after it.
    private static let sender = [
        Programs.python, "-u", "-c",
        """
        import os, socket, sys, time
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = '\\0' + os.environ['NOTIFY_SOCKET'][1:]
        for line in sys.stdin:
            line = line.rstrip('\\n')
            if line in ('beat', 'hang'):
                s.sendto(b'READY=1', address)
            for _ in range(50 if line == 'beat' else 0):
                s.sendto(b'WATCHDOG=1', address)
                time.sleep(0.1)
            if line == 'hang':
                line = 'WATCHDOG=trigger'
            s.sendto(line.replace(';', '\\n').encode(), address)
            print(line)
        """,
    ]

    private func say(_ text: String) throws {
        #expect(try box.ctl("write", "a", text).status == 0)
        try eventually("it to be said") { box.journalText("a").hasSuffix("\(text)\n") }
    }

    @Test(
        "READY=1, also among others; STATUS= is in the status and goes with its child; STOPPING=1 is logged")
    func messages() throws {
        try box.supervise("a", ["--ready", "notify"], NotifyTests.sender)
        try say("READY=0")
        try say("XREADY=1;ready=1")
        try say("STATUS=warming up")
        try eventually("the note") { try box.status("a")["note"]?.string == "warming up" }
        #expect(try box.stateNow("a") == "starting")
        try say("MAINPID=1;READY=1;STATUS=at your service: \"ü\"")
        try box.awaitState("a", "running")
        try eventually("the note") { try box.status("a")["note"]?.string == "at your service: \"ü\"" }
        #expect(try box.ctl("status", "a").out.contains("at your service"))
        try say("STATUS=")
        try eventually("no note") { try box.status("a")["note"] == nil }
        try say("STATUS=again")
        try eventually("the note") { try box.status("a")["note"]?.string == "again" }
        try say("STOPPING=1")
        try eventually("the log") { box.log("a").contains("the child says that it is stopping") }
        #expect(try box.call("a", "restart")["result"] != nil)
        #expect(try box.status("a")["note"] == nil)
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(try box.events("a", "ready").count == 1)
        try box.transitions("a")
    }

    @Test("systemd-notify", requires("systemd-notify"))
    func program() throws {
        try box.supervise(
            "a", ["--ready", "notify", "--wait", "ready"],
            ["sh", "-c", "systemd-notify --ready --status=fine; exec cat"])
        try eventually("the note") { try box.status("a")["note"]?.string == "fine" }
        #expect(box.state("a") == "running")
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("the child gets its own socket and no other's; without need, none")
    func environment() throws {
        let print = [
            "sh", "-c", "echo \"${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none} ${WATCHDOG_PID-none}\"; exec cat",
        ]
        box.environment["NOTIFY_SOCKET"] = "/run/outer"
        box.environment["WATCHDOG_USEC"] = "1"
        box.environment["WATCHDOG_PID"] = "1"
        try box.supervise("a", [], print)
        try box.supervise("b", ["--watchdog", "90s"], print)
        try eventually("both") { box.journal("a").count > 5 && box.journal("b").count > 5 }
        #expect(box.journalText("a") == "none none none\n")
        let instance = try #require(try box.status("b")["instance"]?.string)
        #expect(box.journalText("b") == "@keeper-notify-\(instance) 90000000 none\n")
        #expect(try box.ctl("kill", "--all").status == 0)
    }

    @Test("messages of other users are dropped", requiresRoot(), requires("setpriv"))
    func strangers() throws {
        try box.supervise("a", ["--ready", "notify"], NotifyTests.sender)
        let instance = try #require(try box.status("a")["instance"]?.string)
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            for text in sys.argv[2:]: s.sendto(text.encode(), '\\0' + sys.argv[1])
            """
        let address = "keeper-notify-\(instance)"
        let stranger = [
            "setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", script, address,
        ]
        let sent = try box.run(stranger + ["READY=1\nSTATUS=evil"])
        try #require(sent.status == 0, sent.why)
        // After theirs in the queue.
        try say("STATUS=good")
        try eventually("the note") { try box.status("a")["note"]?.string == "good" }
        #expect(try box.stateNow("a") == "starting")
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test("a long message is cut, rubbish is passed over, and many at once are all read")
    func rubbish() throws {
        try box.supervise("a", ["--ready", "notify"], NotifyTests.sender)
        try say("STATUS=" + String(repeating: "x", count: 10_000))
        try eventually("some of it") { (try box.status("a")["note"]?.string?.count ?? 0) > 1000 }
        try say("=;;=;STATUS;READY;\u{1}\u{2}")
        for _ in 0..<100 { #expect(try box.ctl("write", "a", "WATCHDOG=1").status == 0) }
        try say("STATUS=short")
        try eventually("the last") { try box.status("a")["note"]?.string == "short" }
        #expect(try box.ctl("kill", "a").status == 0)
    }

    @Test(
        "without WATCHDOG=1 in time the child is ended with its reason, and started again if the policy says so"
    )
    func watchdog() throws {
        try box.supervise(
            "a",
            [
                "--ready", "notify", "--watchdog", "3s", "--restart", "on-failure", "--stop-steps",
                "KILL:5s",
            ], NotifyTests.sender)
        // Longer than the limit.
        try say("beat")
        #expect(try box.stateNow("a") == "running" && box.restarts("a") == 0)
        try box.awaitState("a", "backoff")
        #expect(box.reason("a") == "watchdog: no WATCHDOG=1 for 3s")
        #expect(try box.events("a", "stopping")[0]["reason"]?.string == "watchdog: no WATCHDOG=1 for 3s")
        // The next one is not watched before it is ready.
        try box.awaitState("a", "starting")
        #expect(try box.ctl("write", "a", "hang").status == 0)
        try eventually("the next end") { try box.events("a", "stopping").count == 2 }
        #expect(
            try box.events("a", "stopping")[1]["reason"]?.string == "watchdog: the child says that it hangs")
        #expect(try box.ctl("kill", "a").status == 0)
        try box.transitions("a")
    }
}
