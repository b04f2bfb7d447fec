import Glibc
import Testing

/// The page in a real browser: `StandIns/dashboard.py` is the person at it.
@Suite("Dashboard", .serialized, requires("chromium", "chromedriver"), requires(pythonModule: "selenium"))
struct DashboardTests {
    private let box: Sandbox

    init() throws { box = try Sandbox() }

    /// A gateway, and the command line of a person at its page.
    private func open(_ scenario: String) throws -> (gateway: Running, url: String, person: [String]) {
        let gateway = try box.startCtl("gateway", "--listen", "127.0.0.1:0")
        let url = try #require(try gateway.readLine())
        let python = try #require(try Programs.python(with: "selenium"))
        let script = try #require(StandIn.command("dashboard").last)
        let tokens = [
            try box.ctl("gateway", "--show-token").line,
            try box.ctl("gateway", "--show-token", "--read-only").line,
        ]
        return (gateway, url, [python, script, scenario, url] + tokens)
    }

    /// The sessions that the scenarios know.
    private func spawnSessions() throws {
        try box.spawn("lines", ["cat"], options: ["--label", "app=one"])
        try box.spawn(
            "agent", StandIn.command("stream-json", "conversation-1", "stream-json"),
            options: ["--label", "app=agents"])
        try box.spawn("shell", ["sh"], options: ["-t", "--env", "PS1=$ "])
    }

    @Test(
        "every action of the page, by mouse, by keys, and on a phone",
        arguments: [
            "look_and_write", "scroll_and_search", "live_and_die", "start", "talk", "type_in_terminal",
            "keys", "phone", "only_look", "wrong_token",
        ])
    func scenario(_ name: String) throws {
        try spawnSessions()
        let outcome = try box.run(try open(name).person, limit: 300)
        #expect(outcome.status == 0, outcome.why)
    }

    @Test("what sessions write and are called stays text: nothing of it runs")
    func hostile() throws {
        let text = """
            <img src=x onerror='hacked = 1'>
            </script><script>hacked = 1</script>
            \u{1B}]8;;javascript:hacked=1\u{7}click\u{1B}]8;;\u{7} \u{1B}]0;stolen\u{7} \u{1B}[99999m\u{1B}[?1049h\u{1B}P+q\u{1B}\\ \u{202E}gnp.exe
            {"type":"assistant","message":{"content":[{"type":"text","text":"<img src=x onerror=hacked=1> [x](javascript:hacked=1)"}]}}

            """
        try writeFile("\(box.root)/hostile.txt", Array(text.utf8))
        for (id, options) in [("lines", []), ("agent", []), ("shell", ["-t"])] {
            try box.spawn(
                id, ["sh", "-c", "cat hostile.txt; cat", "stream-json"],
                options: options + ["--label", "app=<img src=x onerror=hacked=1>"])
        }
        let outcome = try box.run(try open("hostile").person, limit: 300)
        #expect(outcome.status == 0, outcome.why)
    }

    @Test("a gateway that is killed and comes again: the page says so, and goes on where it was")
    func reconnection() throws {
        try spawnSessions()
        let (gateway, url, person) = try open("go_on")
        let page = try box.start(person)
        #expect(try page.readLine(timeout: 60) == "ready")
        gateway.kill(SIGKILL)
        _ = try gateway.wait()
        #expect(try page.readLine(timeout: 60) == "offline")
        #expect(try box.ctl("write", "lines", "between").status == 0)
        let address = url.split(separator: "/")[1]
        let next = try box.startCtl("gateway", "--listen", String(address))
        #expect(try next.readLine() == url)
        #expect(try page.wait(timeout: 120) == .exited(0), "\(page.errorText)")
    }
}
