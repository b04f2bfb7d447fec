import Glibc
import Testing

@Suite("The harness itself")
struct HarnessTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("a program gets its input and gives its output and status")
    func runs() throws {
        let outcome = try box.run(["sh", "-c", "cat; echo no >&2; exit 3"], input: [0, 10, 255])
        #expect(outcome.stdout == [0, 10, 255])
        #expect(outcome.err == "no\n")
        #expect(outcome.status == 3)
    }

    @Test("a program has only the descriptors it was given")
    func closes() throws {
        let (reading, writing) = try makePipe()
        defer { close(reading) }
        let running = try box.start(["ls", "/proc/self/fd"], extra: [5: writing])
        close(writing)
        let numbers = String(decoding: try running.readToEnd(), as: UTF8.self)
        // 3 is the folder that `ls` reads.
        #expect(numbers == "0\n1\n2\n3\n5\n")
    }

    @Test("a process that is left over fails the test")
    func reportsLeaks() throws {
        withKnownIssue {
            var inner: Sandbox? = try Sandbox()
            inner?.patience = 0.5
            try inner?.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 </dev/null &"])
            inner = nil
        }
    }

    @Test("a fault that meets nothing fails the test", requiresFaults())
    func reportsUnmetFaults() throws {
        withKnownIssue {
            let inner = try Sandbox()
            try inner.run(
                [Executables.keeperctl, "ls"], setting: inner.faults("write:no such subject:1:0:28"))
        }
        let inner = try Sandbox()
        let outcome = try inner.run(
            [Executables.keeper, "a", "--", "true"], setting: inner.faults("inotify::1:x:24"))
        #expect(outcome.err == "KEEPER_FAULTS: no rule: inotify::1:x:24\n", outcome.why)
        inner.expectedFaults = []
    }

    @Test("an idle process makes no system call, a busy one does", requires("strace"))
    func watchesCalls() throws {
        let idle = try box.start(["cat"])
        idle.write("line\n")
        #expect(try idle.readLine() == "line")
        try eventually("rest") { try Proc.systemCalls([Int(idle.pid)], seconds: 1, in: box) == [] }
        let busy = try box.start(["tail", "-f", "---disable-inotify", "-s", "0.1", "/dev/null"])
        #expect(try Proc.systemCalls([Int(busy.pid)], seconds: 1, in: box) != [])
    }
}
