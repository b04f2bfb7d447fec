import Glibc
import Testing

@Suite("keeperctl discover and help")
struct DiscoverTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("an empty or missing directory is no error and prints nothing for programs")
    func empty() throws {
        for arguments in [["discover", "--json"], ["discover", "-q"]] {
            let outcome = try box.run([Executables.keeperctl] + arguments)
            #expect(outcome.status == 0, outcome.why)
            #expect(outcome.out == "", outcome.why)
        }
    }

    @Test("--json: one object per line with the documented names")
    func json() throws {
        try box.spawn("--wait", "ready", "--label", "k=v", "a", "--", "cat")
        let outcome = try box.ctl("discover", "--json")
        let entry = try #require(try JSON.lines(outcome.stdout).first, outcome.why)
        #expect(entry["sessionId"]?.string == "a")
        #expect(entry["state"]?.string == "running")
        #expect(entry["keeperPid"]?.int == (try box.keeperPID("a")))
        #expect(entry["childPid"]?.int == (try box.childPID("a")))
        #expect(entry["sockPath"]?.string == box.socket("a"))
        #expect(entry["startedAt"]?.string?.utf8.count == 24)
        #expect(entry["labels"]?["k"]?.string == "v")
        #expect(entry["foreign"] == nil)
    }

    @Test("people get a table without colour in a pipe; -q prints ids")
    func table() throws {
        for id in ["b", "a", "c"] { try box.spawn(id, "--", "cat") }
        let table = try box.ctl("discover")
        #expect(table.status == 0 && !table.stdout.contains(27), table.why)
        for id in ["a", "b", "c"] {
            #expect(table.out.split(separator: "\n").contains { $0.hasPrefix("\(id) ") }, table.why)
        }
        #expect(try box.ctl("discover", "-q").out.split(separator: "\n").sorted() == ["a", "b", "c"])
    }

    @Test("files of no session in the directory disturb nothing and stay")
    func strangers() throws {
        try box.spawn("a", "--", "cat")
        let names = [
            "notes.txt", "x.rpc.sock.pid.bak", "launch-x.rpc.sock.pid", ".hidden", "b.log", "keeper-b.log",
        ]
        for name in names { try writeFile(box.path(name), "1".utf8) }
        #expect(try box.ctl("discover", "-q").out == "a\n")
        for name in names { #expect(box.exists(name), "\(name)") }
    }

    @Test("version, help and --help print and exit 0, each command with an example")
    func help() throws {
        let version = try box.ctl("version")
        #expect(version.status == 0 && version.out.contains { $0.isNumber }, version.why)
        let overview = try box.ctl("help")
        #expect(overview.status == 0 && overview.err == "", overview.why)
        #expect(try box.ctl("--help").out == overview.out)
        let commands = [
            "spawn", "run", "write", "kill", "eof", "discover", "status", "wait", "logs", "version",
        ]
        for command in commands {
            #expect(overview.out.contains(command), "\(command)")
            let long = try box.ctl("help", command)
            #expect(long.status == 0 && long.err == "", long.why)
            #expect(long.out.contains("keeperctl \(command)"), long.why)
            #expect(try box.ctl(command, "--help").out == long.out)
        }
        #expect(try box.ctl("help", "nothing").status == 2)
        #expect(!fileExists(box.sessions))
    }

    private func fileExists(_ path: String) -> Bool { fileStatus(path) != nil }
}
