import Glibc
import Testing

@Suite("What a session says about itself")
struct StatusTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// `2026-01-02T03:04:05.678Z`
    private func isTime(_ text: String?) -> Bool {
        guard let text, text.utf8.count == 24 else { return false }
        let pattern = [UInt8]("dddd-dd-ddTdd:dd:dd.dddZ".utf8)
        return zip(text.utf8, pattern).allSatisfy { $1 == 100 ? (48...57).contains($0) : $0 == $1 }
    }

    @Test("status.json has the documented fields, with the kernel's facts in them")
    func file() throws {
        try box.spawn("--wait", "ready", "--label", "k=v", "a", "--", "sh", "-c", "exec cat", "two words", "")
        let status = try box.status("a")
        let (keeper, child) = (try box.keeperPID("a"), try box.childPID("a"))
        #expect(status["format"]?.int == 1)
        #expect(status["sessionId"]?.string == "a")
        #expect(status["state"]?.string == "running")
        #expect(status["keeper"]?["pid"]?.int == keeper)
        #expect(status["keeper"]?["startTime"]?.int == Proc.startTime(keeper))
        let boot = String(decoding: readFile("/proc/sys/kernel/random/boot_id") ?? [], as: UTF8.self).prefix(
            36)
        #expect(status["keeper"]?["bootId"]?.string == String(boot))
        #expect(status["keeper"]?["version"]?.string?.isEmpty == false)
        #expect(isTime(status["keeper"]?["startedAt"]?.string))
        #expect(status["child"]?["pid"]?.int == child)
        #expect(status["child"]?["startTime"]?.int == Proc.startTime(child))
        #expect(isTime(status["child"]?["startedAt"]?.string))
        #expect(isTime(status["child"]?["readyAt"]?.string))
        #expect(status["child"]?["restarts"]?.int == 0)
        #expect(status["command"]?.strings == ["sh", "-c", "exec cat", "two words", ""])
        #expect(status["cwd"]?.string == box.root)
        #expect(status["labels"]?["k"]?.string == "v")
        #expect(status["tty"]?.bool == false)
        #expect(status["exit"] == nil)
        #expect(status["streams"]?["stdout"]?["first"]?.int == 0)
        #expect(status["streams"]?["stderr"]?["next"]?.int == 0)
        #expect(status["stderrTail"] == nil)
    }

    @Test("commands, directories and labels with odd bytes make valid JSON")
    func escaping() throws {
        let folder = box.root + "/quote\"back\\slash\ttab"
        mkdir(folder, 0o700)
        try box.spawn(
            "--cwd", folder, "--label", "k=\u{1}\u{2028}\u{1F600}", "a", "--", "sh", "-c", "exec cat",
            "\"\\\n\u{7f}é")
        let status = try box.status("a")
        #expect(status["command"]?.strings?.last == "\"\\\n\u{7f}é")
        #expect(status["cwd"]?.string == folder)
        #expect(status["labels"]?["k"]?.string == "\u{1}\u{2028}\u{1F600}")
    }

    @Test("the end is recorded: code or signal, and when")
    func exits() throws {
        try box.spawn("a", "--", "sh", "-c", "read x; exit 7")
        try box.spawn("b", "--", "sh", "-c", "read x; kill -USR1 $$")
        for id in ["a", "b"] {
            try eventually("\(id) to be ready") { box.state(id) == "running" }
            #expect(try box.ctl("write", id, "go").status == 0)
            try eventually("\(id) to end") { !box.exists("\(id).rpc.sock.pid") }
            #expect(box.state(id) == "exited")
            #expect(isTime(try box.status(id)["exit"]?["at"]?.string))
        }
        #expect(try box.status("a")["exit"]?["code"]?.int == 7)
        #expect(try box.status("a")["exit"]?["signal"] == nil)
        #expect(try box.status("b")["exit"]?["signal"] != nil)
        #expect(try box.status("b")["exit"]?["code"] == nil)
    }

    @Test("a child that ends within 300 ms: status 0 is exited, anything else failed")
    func early() throws {
        try box.spawn("a", "--", "true")
        try box.spawn("b", "--", "false")
        for id in ["a", "b"] { try eventually("\(id) to end") { !box.exists("\(id).rpc.sock.pid") } }
        #expect(box.state("a") == "exited")
        #expect(box.state("b") == "failed")
        #expect(try box.status("b")["exit"]?["code"]?.int == 1)
    }

    @Test("events are one object per line, counted from 1, each with time and instance")
    func events() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.ctl("kill", "a")
        let events = try box.events("a")
        let instance = try box.status("a")["instance"]?.string
        for (index, event) in events.enumerated() {
            #expect(event["format"]?.int == 1)
            #expect(event["seq"]?.int == index + 1)
            #expect(event["instance"]?.string == instance)
            #expect(isTime(event["time"]?.string), "\(event)")
        }
        let names = try box.eventNames("a")
        #expect(names.first == "started")
        #expect(names.filter { $0 != "signalled" } == ["started", "ready", "stopping", "exited"])
    }

    @Test("keeperctl status --json and the control socket say the same as the file")
    func sameEverywhere() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let file = try box.status("a")
        let asked = try #require(try UnixClient(box.control("a")).call("status")["result"])
        let printed = try JSON(parsing: try box.ctl("status", "--json", "a").stdout)
        for key in [
            "format", "sessionId", "instance", "state", "command", "cwd", "keeper", "child", "labels", "tty",
        ] {
            #expect(try asked[key]?.canonical() == file[key]?.canonical(), "\(key)")
        }
        #expect(printed["instance"]?.string == file["instance"]?.string)
    }

    @Test("status works after the end too; of a session that never was it is exit 3")
    func afterTheEnd() throws {
        try box.spawn("a", "--", "cat")
        try box.ctl("kill", "a")
        let outcome = try box.ctl("status", "--json", "a")
        #expect(outcome.status == 0, outcome.why)
        #expect(try JSON(parsing: outcome.stdout)["state"]?.string == "exited")
        for command in ["status", "write", "kill", "eof", "wait", "logs"] {
            let unknown = try box.run([Executables.keeperctl, command, "nobody"])
            #expect(unknown.status == 3, unknown.why)
            #expect(unknown.err.hasPrefix("keeperctl: "), unknown.why)
        }
    }

    @Test("the keeper's log is for people: a time and a line for each event")
    func log() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        try box.ctl("kill", "a")
        let lines = box.log("a").split(separator: "\n")
        #expect(lines.count >= 3)
        for line in lines { #expect(isTime(String(line.prefix(24))), "\(line)") }
    }
}
