import Glibc
import Testing

@Suite("Supervision costs nothing while nothing happens")
struct SupervisedIdleTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test(
        "no system call in 10 s, whatever is waited for, after a restart, and while paused",
        requires("strace"))
    func silent() throws {
        let far = [
            "--restart", "always", "--restart-limit", "10/10m", "--idle-timeout", "1h", "--silence-timeout",
            "1h",
            "--max-runtime", "1h", "--start-timeout", "1h",
        ]
        try box.supervise("supervised", far + ["--wait", "ready"], ["cat"])
        try box.supervise("starting", far + ["--ready", "notify"], ["cat"])
        try box.supervise("descriptor", far + ["--ready", "fd:3"], ["cat"])
        try box.supervise("text", far + ["--ready", "output:never"], ["cat"])
        try box.supervise("restarted", far + ["--wait", "ready", "--ready", "line:hi"], ["cat"])
        try box.supervise("paused", far + ["--wait", "ready"], ["cat"])
        let ids = ["supervised", "starting", "descriptor", "text", "restarted", "paused"]
        #expect(try box.ctl("write", "supervised", "x").status == 0)
        #expect(try box.call("restarted", "restart")["result"] != nil)
        try box.awaitState("restarted", "running")
        #expect(try box.call("paused", "pause")["result"] != nil)
        // A writer that waits for the session to go on.
        let writer = try UnixClient(box.socket("paused"))
        try writer.send("line\npart")
        let keepers = try ids.map { try box.keeperPID($0) }
        try eventually("the keepers to settle") {
            try Proc.systemCalls(keepers, seconds: 1, in: box).isEmpty
        }
        let names = Dictionary(uniqueKeysWithValues: zip(keepers, ids))
        for call in try Proc.systemCalls(keepers, seconds: 10, in: box).prefix(20) {
            Issue.record("\(names[Int(call.prefix { $0.isNumber }) ?? 0] ?? "?"): \(call)")
        }
        #expect(try box.call("paused", "resume")["result"] != nil)
        #expect(try box.ctl("kill", "--all").status == 0)
    }
}
