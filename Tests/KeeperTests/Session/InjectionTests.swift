import Glibc
import Testing

/// Faults at the choke points of a debug build; release builds have no such thing.
@Suite(
    "Injected faults",
    requiresFaults())
struct InjectionTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Rules are `call:text:first:count:code`; see Faults.swift.
    private func spawn(_ faults: String, _ arguments: String...) throws {
        let outcome = try box.run(
            [Executables.keeperctl, "spawn", "--wait", "ready"] + arguments,
            setting: box.faults(faults))
        #expect(outcome.status == 0, outcome.why)
    }

    @Test(
        "no room for idx, events or status alone stops nothing",
        arguments: [
            "write:idx:1:0:28", "write:events:1:0:28", "write:status.json:2:0:122", "write:=log:1:0:27",
        ])
    func bystanders(fault: String) throws {
        try spawn(fault, "a", "--", "cat")
        #expect(try box.ctl("write", "a", "one", "two").status == 0)
        try eventually("the output") { box.journalText("a") == "one\ntwo\n" }
        #expect(try box.ctl("logs", "a").out == "one\ntwo\n")
        if fault.contains("status") {
            // The end can't be recorded either: the keeper stays until it is told to go without.
            #expect(try box.ctl("eof", "a").status == 0)
            let child = try box.childPID("a")
            try eventually("the child's end") { !Proc.alive(child) }
            #expect(try Proc.alive(box.keeperPID("a")))
            let outcome = try box.ctl("kill", "--now", "a")
            #expect(outcome.err.contains("lost"), outcome.why)
        } else {
            #expect(try box.ctl("kill", "a").status == 0)
            #expect(box.state("a") == "exited")
        }
    }

    @Test(
        "a journal that fails for a while, with any of its errors, loses nothing",
        arguments: [28, 122, 27, 5])
    func journal(code: Int) throws {
        try spawn("write:stdout.log:2:2:\(code)", "a", "--", "cat")
        for number in 0..<5 { #expect(try box.ctl("write", "a", "line \(number)").status == 0) }
        try eventually("all output") {
            box.journalText("a") == (0..<5).map { "line \($0)\n" }.joined()
        }
        let names = try box.eventNames("a")
        #expect(names.contains("journalFull") && names.contains("journalResumed"))
    }

    @Test("a new segment that can't be made is tried again; nothing is lost")
    func segment() throws {
        try spawn("open:stdout.000:2:2:28", "--journal-size", "64K", "a", "--", "cat")
        let line = String(repeating: "x", count: 999)
        for _ in 0..<3 {
            #expect(
                try box.ctl("write", "a", input: Array((0..<8).map { _ in line + "\n" }.joined().utf8)).status
                    == 0)
        }
        try eventually("all output") { try box.next("a") == 24_000 && box.journal("a").count == 24_000 }
        #expect(try box.eventNames("a").contains("journalFull"))
    }

    @Test("writes that take a single byte: lines and journals stay whole")
    func shortWrites() throws {
        try spawn("write:stdin:1:0:0,write:stdout.log:1:0:0", "a", "--", "cat")
        let lines = (0..<50).map { "line \($0)\n" }.joined()
        #expect(try box.ctl("write", "a", input: Array(lines.utf8)).status == 0)
        try eventually("the output") { box.journalText("a") == lines }
    }

    @Test("interrupted writes are made again; no descriptor left for a while is got over")
    func interrupted() throws {
        try spawn("write:stdin:1:3:4,accept::9:2:24", "a", "--", "cat")
        for number in 0..<10 { #expect(try box.ctl("write", "a", "\(number)").status == 0) }
        try eventually("the output") { box.journalText("a") == (0..<10).map { "\($0)\n" }.joined() }
    }
}
