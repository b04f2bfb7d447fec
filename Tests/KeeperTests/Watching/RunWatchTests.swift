import Glibc
import Testing

@Suite("keeperctl run --watch")
struct RunWatchTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("restarts the command, goes on with its output, and ends with it as before")
    func restarts() throws {
        try box.put("src/version", "one")
        try box.put("conf", "x")
        let script =
            "echo \"up $(cat src/version)\"; while read line; do [ $line = end ] && exit 7; echo $line; done"
        let run = try box.startCtl("run", "--watch", "src", "--watch", "conf", "a", "--", "sh", "-c", script)
        #expect(try run.readLine() == "up one")
        run.write("hello\n")
        #expect(try run.readLine() == "hello")
        try box.put("src/version", "two")
        #expect(try run.readLine() == "up two")
        run.write("again\n")
        #expect(try run.readLine() == "again")
        try box.put("conf", "y")
        #expect(try run.readLine() == "up two")
        run.write("end\n")
        #expect(try run.wait() == .exited(7))
        #expect(
            run.errorText
                == "keeperctl: a: restarted: 'src/version' changed\nkeeperctl: a: restarted: 'conf' changed\n"
        )
        #expect(box.restarts("a") == 2)
    }

    @Test("signals are passed on to the new command as well; the session is gone when it ends")
    func signals() throws {
        try box.put("src/a")
        let script = "trap 'echo int; exit 10' INT; echo up; while :; do sleep 0.05; done"
        let run = try box.startCtl(
            "run", "--watch", "src", "--stop-steps", "KILL:2s", "--", "sh", "-c", script)
        #expect(try run.readLine() == "up")
        try box.put("src/a", "new")
        #expect(try run.readLine() == "up")
        run.kill(SIGINT)
        #expect(try run.readLine() == "int")
        #expect(try run.wait() == .exited(10), "\(run.errorText)")
        try eventually("only the lock") { Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]) }
    }

    @Test("input that was at its end stays so")
    func inputEnd() throws {
        try box.put("src/a")
        let script = "cat; echo end; while :; do sleep 0.05; done"
        let run = try box.startCtl(
            "run", "--watch", "src", "--stop-steps", "KILL:2s", "a", "--", "sh", "-c", script)
        run.write("line\n")
        run.closeInput()
        #expect(try run.readLine() == "line" && run.readLine() == "end")
        try box.put("src/a", "new")
        #expect(try run.readLine() == "end")
        run.kill(SIGTERM)
        #expect(try run.wait() == .exited(143))
    }

    @Test("with nothing to watch, nothing is started")
    func missing() throws {
        let outcome = try box.ctl("run", "--watch", "nowhere", "a", "--", "cat")
        #expect(outcome.status == 125, outcome.why)
        #expect(outcome.err == "keeperctl: watch 'nowhere': No such file or directory\n")
        #expect(!box.exists("a.d"))
    }
}
