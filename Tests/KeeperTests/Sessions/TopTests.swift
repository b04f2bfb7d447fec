import Glibc
import Testing

@Suite("The live table")
struct TopTests {
    let box: Sandbox
    let terminal: PseudoTerminal

    init() throws {
        box = try Sandbox()
        terminal = try PseudoTerminal(columns: 80, rows: 12)
    }

    private func start(controlling: Bool = true) throws -> Running {
        try box.start([Executables.keeperctl, "top"], on: terminal, controlling: controlling)
    }

    private func showing(_ what: String, _ condition: ([String]) -> Bool) throws {
        do {
            try eventually(what) { condition(terminal.screen) }
        } catch {
            Issue.record("\(what) never came: \(terminal.screen)")
            throw error
        }
    }

    private func row(_ id: String) -> String? { terminal.screen.first { $0.hasPrefix("\(id) ") } }

    /// Sessions from top to bottom.
    private func order(_ lines: [String]) -> [String] {
        lines.dropFirst(2).dropLast().compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    /// The line in reverse.
    private var selected: String? {
        let last = terminal.text.components(separatedBy: "\u{1B}[7m").dropFirst().last
        return last?.split(separator: " ").first.map(String.init)
    }

    @Test("shows each session, sorts, selects, peeks, stops after a question, and quits", requires("setsid"))
    func keys() throws {
        let lines = "printf 'one\\n\\033[31mtwo\\033[0m\\tend\\n'; exec cat"
        try box.spawn("--wait", "ready", "alpha", "--", "sh", "-c", lines)
        try box.spawn(
            "--wait", "ready", "beta", "--", Programs.python, "-c",
            "import sys; x = b'x' * (40 << 20); print('ready', flush=True); sys.stdin.read()")
        try eventually("beta's memory") { box.journalText("beta") == "ready\n" }
        let before = terminal.modes
        let top = try start()
        try showing("both sessions") { order($0).sorted() == ["alpha", "beta"] }
        #expect(terminal.isRaw)
        #expect(terminal.screen.first?.hasPrefix("2 sessions, ") == true)
        #expect(terminal.screen.count == 12)
        #expect(row("alpha")?.contains(" running ") == true)

        terminal.type("m")
        try showing("the largest first") { order($0) == ["beta", "alpha"] && $0[1].contains("MEM*") }
        let memory = try #require(row("beta")?.split(separator: " ")[3])
        #expect(memory.last == "M" && (Int(memory.dropLast()) ?? 0) >= 40, "\(memory)")
        terminal.type("n")
        try showing("by name") { order($0) == ["alpha", "beta"] }
        terminal.type("n")
        try showing("by name, backwards") { order($0) == ["beta", "alpha"] }
        terminal.type("n")
        try showing("by name again") { order($0) == ["alpha", "beta"] }

        // Up as far as it goes, wherever it was.
        terminal.type("\u{1B}[A\u{1B}OA")
        try eventually("alpha to be selected") { selected == "alpha" }
        terminal.type("p")
        try showing("alpha's output") { $0.prefix(3) == ["alpha: its newest output", "one", "two     end"] }
        terminal.type("\u{1B}[B")
        try showing("the table again") { order($0) == ["alpha", "beta"] }
        try eventually("alpha to be selected still") { selected == "alpha" }
        terminal.type("\u{1B}[B")
        try eventually("beta to be selected") { selected == "beta" }
        terminal.type("s")
        try showing("a question") { $0.last == "stop beta? (y/n)" }
        terminal.type("n")
        try showing("no question") { $0.last?.hasSuffix("q: quit") == true }
        #expect(box.state("beta") == "running")
        terminal.type("sy")
        try showing("beta to go") { order($0) == ["alpha"] }
        #expect(box.state("beta") == "exited")
        #expect(box.state("alpha") == "running")

        terminal.type("q")
        #expect(try top.wait() == .exited(0))
        expectRestored(before)
    }

    private func expectRestored(_ before: [UInt8]) {
        #expect(terminal.modes == before)
        #expect(terminal.text.hasSuffix("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"))
    }

    @Test("follows the terminal's size, and the selection stays in sight", requires("setsid"))
    func resizes() throws {
        let ids = (1...9).map { "session-\($0)" }
        for id in ids { try box.spawn("--wait", "started", id, "--", "cat") }
        let top = try start()
        terminal.type("n")
        try showing("all") { order($0) == ids && $0.count == 12 }
        terminal.resize(columns: 60, rows: 6)
        try showing("what fits") { order($0) == Array(ids[..<3]) && $0.count == 6 }
        for line in terminal.screen.dropLast() { #expect(line.count <= 60, "\(line)") }
        terminal.type(String(repeating: "\u{1B}[B", count: 20))
        try showing("the last ones") { order($0) == Array(ids[6...]) }
        try eventually("the last to be selected") { selected == "session-9" }
        terminal.resize(columns: 80, rows: 20)
        try showing("all again") { order($0) == ids && $0.count == 20 }
        terminal.type("\u{3}")
        #expect(try top.wait() == .exited(0))
    }

    @Test(
        "a signal ends it with the terminal as it was", requires("setsid"),
        arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func signals(_ signal: Int32) throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let before = terminal.modes
        let top = try start()
        try showing("the session") { order($0) == ["a"] }
        #expect(terminal.isRaw)
        top.kill(signal)
        #expect(try top.wait() == .exited(128 + signal))
        expectRestored(before)
    }

    @Test(
        "it ends when its terminal is gone, told of it or not", requires("setsid"), arguments: [true, false])
    func hangUp(_ isControlling: Bool) throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let top = try start(controlling: isControlling)
        try showing("the session") { order($0) == ["a"] }
        terminal.hangUp()
        #expect(try top.wait() == .exited(128 + SIGHUP))
    }

    @Test("an error ends it with the terminal as it was", requires("setsid", "prlimit"))
    func errors() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let before = terminal.modes
        let top = try start()
        try showing("the session") { order($0) == ["a"] }
        #expect(try box.run(["prlimit", "--pid", "\(top.pid)", "--nofile=4:4"]).status == 0)
        #expect(try top.wait() == .exited(1))
        // glibc's words, and musl's.
        #expect(
            ["Too many open files", "No file descriptors available"].map { "keeperctl: top: \($0)\n" }
                .contains(top.errorText))
        expectRestored(before)
    }

    @Test("stopped, it gives the terminal back, and takes it again when it goes on", requires("setsid"))
    func suspends() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let before = terminal.modes
        let top = try start()
        try showing("the session") { order($0) == ["a"] }
        terminal.type("\u{1A}")
        try eventually("it to stop") { Proc.state(Int(top.pid)) == "T" }
        expectRestored(before)
        top.kill(SIGCONT)
        try eventually("raw mode") { terminal.isRaw }
        let sofar = terminal.text.utf8.count
        try eventually("a new screen") { terminal.text.utf8.count > sofar }
        terminal.type("q")
        #expect(try top.wait() == .exited(0))
        expectRestored(before)
    }

    @Test("a terminal that takes nothing doesn't keep it from ending", requires("setsid"))
    func stuckTerminal() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let before = terminal.modes
        let top = try start()
        try showing("the session") { order($0) == ["a"] }
        // The other end is not read: fill it up.
        let flags = fcntl(terminal.slave, F_GETFL)
        _ = fcntl(terminal.slave, F_SETFL, flags | O_NONBLOCK)
        let block = [UInt8](repeating: 120, count: 4096)
        while write(terminal.slave, block, block.count) > 0 {}
        top.kill(SIGTERM)
        #expect(try top.wait() == .exited(128 + SIGTERM))
        #expect(terminal.modes == before)
    }

    @Test("without a terminal: one line that names stats, exit 2")
    func noTerminal() throws {
        let outcome = try box.ctl("top")
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.out.isEmpty)
        #expect(outcome.err.split(separator: "\n").count == 1 && outcome.err.contains("stats"), outcome.why)
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
