import Glibc
import Testing

@Suite("keeperctl wait, for sessions that remove their files")
struct WaitRemovedTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A wait that has begun: it watches so many sessions.
    private func startWait(_ arguments: String..., holding count: Int = 1) throws -> Running {
        let wait = try box.start([Executables.keeperctl, "wait"] + arguments)
        try eventually("wait to begin") {
            let folder = "/proc/\(wait.pid)/fdinfo"
            let lines = directoryEntries(folder).compactMap { readFile("\(folder)/\($0)") }
                .flatMap { $0.split(separator: 10) }
            // Of the directory, of what leaves it, and of the sessions.
            return lines.filter { $0.starts(with: "inotify wd:".utf8) }.count == count + 2
        }
        return wait
    }

    private func spawn(_ id: String) throws {
        try box.spawn("--rm", id, "--", "sh", "-c", "read x; exit $x")
    }

    @Test("the exit status is told, though the files went with the session") func exitStatus() throws {
        for id in ["a", "b"] { try spawn(id) }
        let wait = try startWait("a", "b", holding: 2)
        try box.ctl("write", "b", "7")
        try box.ctl("kill", "a", "--signal", "KILL")
        let lines = [try wait.readLine(), try wait.readLine()].compactMap { $0 }.sorted()
        #expect(lines == ["a 137", "b 7"])
        #expect(try wait.wait() == .exited(0))
    }

    @Test(
        "whoever wakes up late hears of the session that was there, not of the next one",
        arguments: [false, true])
    func late(hasFollower: Bool) throws {
        try spawn("a")
        let wait = try startWait("a")
        kill(wait.pid, SIGSTOP)
        try box.ctl("write", "a", "7")
        try eventually("the files to be gone") {
            Set(directoryEntries(box.sessions)) == [".lock", ".removed"]
        }
        if hasFollower { try spawn("a") }
        kill(wait.pid, SIGCONT)
        #expect(try wait.readLine() == "a 7")
        #expect(try wait.wait() == .exited(0))
        #expect(box.exists("a.d") == hasFollower)
    }

    @Test("a session that was ready before it ended was ready") func ready() throws {
        try box.spawn("--rm", "--ready", "output:go", "a", "--", "sh", "-c", "read x; echo go; read x")
        let wait = try startWait("--for", "ready", "a")
        kill(wait.pid, SIGSTOP)
        try box.ctl("write", "a", "1")
        try eventually("ready") { box.state("a") == "running" }
        try box.ctl("write", "a", "1")
        try eventually("the files to be gone") {
            Set(directoryEntries(box.sessions)) == [".lock", ".removed"]
        }
        kill(wait.pid, SIGCONT)
        #expect(try wait.wait() == .exited(0), "\(wait.errorText)")
    }

    @Test("one that was never there is no session, whatever else is waited for") func none() throws {
        try spawn("a")
        let outcome = try box.ctl("wait", "a", "none")
        #expect(outcome.status == 3 && outcome.err.contains("none"), outcome.why)
    }
}
