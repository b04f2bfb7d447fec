import Glibc
import Testing

/// Memory and processor time of all of a session's processes. They are looked at every five seconds, here
/// by debug executables every half.
@Suite("Health", requires(Programs.python))
struct HealthTests {
    let box: Sandbox
    init() throws {
        box = try Sandbox()
        box.hurry()
    }

    /// A child whose own child takes up so much memory, and which says so before: it may be ended as soon as it has.
    private func hog(_ bytes: Int) -> [String] {
        let script =
            "print('up', flush=True); x = bytearray(b'x') * \(bytes); import signal; signal.pause()"
        return ["sh", "-c", "\(Programs.python) -c \"\(script)\" & cat"]
    }

    @Test("memory over the maximum ends the session with its reason, whatever the policy")
    func maximum() throws {
        try box.supervise(
            "a", ["--memory-max", "64M", "--restart", "always", "--ready", "output:up"], hog(100 << 20))
        try box.supervise("b", ["--memory-max", "64M", "--ready", "output:up"], hog(1 << 20))
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        let reason = try #require(box.reason("a"))
        #expect(reason.hasPrefix("memory-max: ") && reason.hasSuffix(", 64M allowed"), "\(reason)")
        #expect(try box.events("a", "stopping")[0]["reason"]?.string == reason)
        #expect(try box.stateNow("b") == "running")
        #expect(try box.ctl("kill", "b").status == 0)
        try box.transitions("a")
    }

    @Test("three looks in a row over a threshold are an event, and so is the first below it")
    func warnings() throws {
        let burn =
            "import os, sys, threading\nwhile not os.path.exists('\(box.root)/calm'): pass\nsys.stdin.read()"
        // Little enough for a machine with much else to do.
        try box.supervise("cpu", ["--cpu-warn", "5"], [Programs.python, "-c", burn])
        try box.supervise("memory", ["--memory-warn", "50M"], hog(80 << 20))
        try box.supervise("neither", ["--cpu-warn", "20", "--memory-warn", "50M"], hog(1 << 20))
        try eventually("both events") {
            try box.events("cpu", "health").count == 1 && box.events("memory", "health").count == 1
        }
        let cpu = try box.events("cpu", "health")[0]
        #expect(cpu["kind"]?.string == "cpu" && cpu["level"]?.string == "high", "\(cpu)")
        #expect(cpu["threshold"]?.int == 5 && (cpu["value"]?.int ?? 0) > 5)
        let memory = try box.events("memory", "health")[0]
        #expect(memory["kind"]?.string == "memory" && memory["level"]?.string == "high", "\(memory)")
        #expect(memory["threshold"]?.int == 50 << 20 && (memory["value"]?.int ?? 0) > 80 << 20)
        for session in ["cpu", "memory"] {
            let start = try #require(try box.events(session)[0]["time"]?.string)
            let event = try #require(try box.events(session, "health")[0]["time"]?.string)
            #expect(event > start)
            #expect(try box.stateNow(session) == "running")
        }
        try writeFile(box.root + "/calm", [])
        try eventually("the end of it") { try box.events("cpu", "health").count == 2 }
        #expect(try box.events("cpu", "health")[1]["level"]?.string == "normal")
        #expect(try box.events("neither", "health").isEmpty)
        #expect(try box.events("memory", "health").count == 1)
        #expect(try box.ctl("kill", "--all").status == 0)
    }
}
