import Glibc
import Testing

@Suite("keeperctl attach, in a real terminal")
struct AttachTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        try writeFile(box.root + "/inner.bashrc", "PS1='inner> '\n".utf8)
    }

    private func spawnShell(_ id: String) throws {
        try box.spawn("--tty", id, "--", "bash", "--rcfile", box.root + "/inner.bashrc")
        try eventually("the prompt") { box.journalText(id).contains("inner>") }
    }

    private func attach(_ tmux: Tmux, _ arguments: String) throws {
        try tmux.type("clear; '\(Executables.keeperctl)' attach \(arguments)", "Enter")
    }

    @Test(
        "a shell: the prompt on arrival, keys in, screen out; ctrl-p ctrl-q leaves it running",
        requires("tmux"))
    func shell() throws {
        let tmux = try Tmux(box)
        let before = try tmux.modes("before")
        try spawnShell("a")
        try attach(tmux, "a")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("echo $((6*7))", "Enter")
        try tmux.awaits { $0.contains("42") && $0.last?.hasPrefix("inner>") == true }
        // ctrl-p alone is a key like others, once it is clear that no ctrl-q follows.
        try tmux.type("C-p", "C-a", "#", "Enter")
        try tmux.awaits("inner> #echo $((6*7))")
        try tmux.type("C-p", "C-q")
        try tmux.awaits("[detached from a, which goes on]")
        try tmux.awaitsPrompt()
        #expect(try tmux.modes("after") == before)
        #expect(Proc.alive(try box.childPID("a")))
        try attach(tmux, "--detach-keys 'ctrl-],d' a")
        try tmux.awaits("42")
        try tmux.type("C-p", "C-q", "C-]", "d")
        try tmux.awaits("[detached from a, which goes on]")
    }

    @Test("the end of the session ends attach, with the last output shown", requires("tmux"))
    func sessionEnds() throws {
        let tmux = try Tmux(box)
        try spawnShell("a")
        try attach(tmux, "a; echo status $?")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("echo last words; exit 3", "Enter")
        try tmux.awaits("status 1")
        let screen = try tmux.screen()
        #expect(screen.contains("last words"), "\(screen)")
        #expect(screen.contains { $0.contains("session a has ended: exit 3") }, "\(screen)")
    }

    @Test(
        "killed by any signal while vi draws, attach leaves the terminal as it was, and vi goes on",
        requires("tmux", "vi"), arguments: [SIGKILL, SIGTERM, SIGHUP, SIGINT])
    func killed(signal: Int32) throws {
        let tmux = try Tmux(box)
        let before = try tmux.modes("before")
        try writeFile(box.root + "/text", (1...100).map { "line \($0)\n" }.joined().utf8)
        try box.spawn("--tty", "v", "--", "vi", box.root + "/text")
        try attach(tmux, "v")
        try tmux.awaits { $0.count == 24 && $0[0] == "line 1" && $0[22] == "line 23" }
        #expect(try tmux.isOtherScreen())
        let process = try eventual("attach") {
            box.processes.first { Proc.arguments($0).suffix(2) == ["attach", "v"] && Proc.session($0) != $0 }
        }
        kill(pid_t(process), signal)
        try tmux.awaitsPrompt()
        try eventually("the first screen") { try !tmux.isOtherScreen() }
        #expect(try tmux.modes("after") == before)
        #expect(Proc.alive(try box.childPID("v")))
        // The rescuer has gone as well.
        try eventually("no attach") {
            !box.processes.contains { Proc.arguments($0).suffix(2) == ["attach", "v"] }
        }
        try attach(tmux, "v")
        try tmux.awaits { $0.count == 24 && $0[0] == "line 1" && $0[22] == "line 23" }
        try tmux.type("50G", "i", "new text ", "Escape")
        try tmux.awaits("new text line 50")
        try tmux.type(":wq", "Enter")
        try tmux.awaitsPrompt()
        #expect(readText(box.root + "/text").contains("new text line 50\n"))
    }

    private func readText(_ path: String) -> String { String(decoding: readFile(path) ?? [], as: UTF8.self) }

    @Test("the window's size is followed", requires("tmux"))
    func size() throws {
        let tmux = try Tmux(box, columns: 90, rows: 20)
        try spawnShell("a")
        try attach(tmux, "a")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("stty size", "Enter")
        try tmux.awaits("20 90")
        try tmux.resize(columns: 70, rows: 30)
        try eventually("the new size to arrive") {
            try tmux.type("stty size", "Enter")
            return try tmux.screen().contains("30 70")
        }
    }

    @Test(
        "less: a screenful on arrival in a terminal of another size, and its keys", requires("tmux", "less"))
    func less() throws {
        try writeFile(box.root + "/text", (1...500).map { "line \($0)\n" }.joined().utf8)
        try box.spawn("--tty", "--size", "100x50", "l", "--", "less", box.root + "/text")
        try eventually("less") { box.journalText("l").contains("line 49") }
        #expect(try box.ctl("send-keys", "l", "PageDown").status == 0)
        try eventually("the next page") { box.journalText("l").contains("line 98") }
        let tmux = try Tmux(box)
        try attach(tmux, "l")
        try tmux.awaits { $0.count == 24 && $0[0] == "line 50" && $0[22] == "line 72" }
        try tmux.type("/line 300", "Enter")
        try tmux.awaits { $0.first == "line 300" }
        try tmux.type("q")
        try tmux.awaitsPrompt()
        #expect(try !tmux.isOtherScreen())
    }

    @Test("two viewers see the same; one that only reads changes nothing", requires("tmux"))
    func viewers() throws {
        let first = try Tmux(box)
        try spawnShell("a")
        try attach(first, "a")
        try first.awaits { $0.last?.hasPrefix("inner>") == true }
        let otherBox = try Sandbox()
        otherBox.sessions = box.sessions
        otherBox.environment["KEEPER_SESSIONS_DIR"] = box.sessions
        let second = try Tmux(otherBox, columns: 60, rows: 15)
        try attach(second, "--read-only a")
        try second.awaits { $0.last?.hasPrefix("inner>") == true }
        try second.type("echo not typed", "Enter")
        try first.type("stty size", "Enter")
        try first.awaits("24 80")
        try second.awaits("24 80")
        #expect(try !first.screen().contains("not typed"))
        try second.type("C-p", "C-q")
        try second.awaits("[detached from a, which goes on]")
        try attach(second, "a")
        try second.awaits("24 80")
        try second.type("echo from the second", "Enter")
        try first.awaits { $0.contains("from the second") }
        try first.type("C-p", "C-q")
        try first.awaits("[detached from a, which goes on]")
        try second.type("stty size", "Enter")
        try second.awaits("15 60")
        try second.type("exit", "Enter")
        try second.awaitsPrompt()
    }

    @Test(
        "python3 -i and sqlite3: keys by their names, and history by the arrow keys",
        requires("tmux", Programs.python, "sqlite3"))
    func interpreters() throws {
        let tmux = try Tmux(box)
        try box.spawn("--tty", "p", "--", Programs.python, "-i", "-q")
        try attach(tmux, "p")
        try tmux.awaits { $0.last?.hasPrefix(">>>") == true }
        try tmux.type("print('answer', 6*7)", "Enter")
        try tmux.awaits { $0.contains("answer 42") }
        try tmux.type("Up", "Enter")
        try tmux.awaits { $0.filter { $0 == "answer 42" }.count == 2 }
        #expect(try box.ctl("eof", "p").status == 0)
        try tmux.awaitsPrompt()
        #expect(box.state("p") == "exited")
        try box.spawn("--tty", "s", "--", "sqlite3")
        try eventually("sqlite3") { box.journalText("s").contains("sqlite>") }
        #expect(try box.ctl("send-keys", "s", "select 6+", "BSpace", "*7;", "Enter").status == 0)
        try eventually("the answer") { box.journalText("s").contains("42\r\n") }
        try attach(tmux, "s")
        try tmux.awaits { $0.contains("42") }
        try tmux.type("C-d")
        try tmux.awaitsPrompt()
        #expect(box.state("s") == "exited")
    }

    @Test(
        "run -t is a command in this terminal: its size, its keys, all of its output, its status",
        requires("tmux"))
    func run() throws {
        let tmux = try Tmux(box, columns: 77, rows: 22)
        let before = try tmux.modes("before")
        try tmux.type(
            "'\(Executables.keeperctl)' run -t -- sh -c 'seq 100; stty size; read x; echo got $x; exit 9'; echo status $?",
            "Enter")
        try tmux.awaits("22 77")
        try tmux.type("a line", "Enter")
        try tmux.awaits { $0.contains("got a line") && $0.contains("status 9") }
        #expect(try tmux.modes("after") == before)
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("run -t leaves the session to itself by the keys it is given", requires("tmux"))
    func runDetaches() throws {
        let tmux = try Tmux(box)
        let shell = "bash --rcfile '\(box.root)/inner.bashrc'"
        try tmux.type(
            "clear; '\(Executables.keeperctl)' run -t --detach-keys 'ctrl-],d' r -- \(shell); echo status $?",
            "Enter")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("C-p", "C-q", "C-]", "d")
        try tmux.awaits("[detached from r, which goes on]")
        try tmux.awaits("status 0")
        #expect(Proc.alive(try box.childPID("r")))
    }

    @Test("keys that are none are refused by attach and run with the same words, and nothing is started")
    func wrongKeys() throws {
        let why = "--detach-keys 'ctrl-pp' are no keys such as ctrl-p,ctrl-q or ctrl-]; or none\n"
        let run = try box.ctl("run", "-t", "--detach-keys", "ctrl-pp", "r", "--", "cat")
        #expect(run.status == 125 && run.err.hasSuffix(why), run.why)
        let attach = try box.ctl("attach", "--detach-keys", "ctrl-pp", "r")
        #expect(attach.status == 2 && attach.err.hasSuffix(why), attach.why)
        let pipe = try box.ctl("run", "--detach-keys", "ctrl-p", "r", "--", "cat")
        #expect(pipe.status == 125 && pipe.err.contains("--tty"), pipe.why)
        #expect(!box.exists("r.d"))
    }

    @Test("a session isn't attached to from inside itself", requires("tmux"))
    func inside() throws {
        let tmux = try Tmux(box)
        try spawnShell("a")
        try attach(tmux, "a")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("'\(Executables.keeperctl)' attach a", "Enter")
        try tmux.awaits("this is its own terminal")
        try tmux.type("exit", "Enter")
        try tmux.awaitsPrompt()
    }

    @Test("stopped and continued by the shell, attach takes the terminal again", requires("tmux"))
    func stopped() throws {
        let tmux = try Tmux(box)
        try spawnShell("a")
        try attach(tmux, "a")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        let process = try eventual("attach") {
            box.processes.first { Proc.arguments($0).suffix(2) == ["attach", "a"] && Proc.session($0) != $0 }
        }
        kill(pid_t(process), SIGTSTP)
        try tmux.awaits("Stopped")
        try tmux.awaitsPrompt()
        try tmux.type("fg", "Enter")
        try tmux.awaits { $0.last?.hasPrefix("inner>") == true }
        try tmux.type("echo back", "Enter")
        try tmux.awaits { $0.contains("back") }
        try tmux.type("exit", "Enter")
        try tmux.awaitsPrompt()
    }
}
