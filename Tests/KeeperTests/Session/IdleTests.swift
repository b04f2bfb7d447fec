import Glibc
import Testing

@Suite("Idle costs nothing")
struct IdleTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// The range was larger than the stack: ENOMEM at each rest.
    @Test("what a rest gives back is there: no madvise fails", requires("strace"))
    func givenBack() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let report = box.root + "/calls"
        let keeper = try box.keeperPID("a")
        _ = try box.start(["strace", "-e", "trace=madvise", "-o", report, "-p", "\(keeper)"])
        try eventually("the tracer") { Proc.value(keeper, "status", "TracerPid") != 0 }
        func calls() -> [Substring] {
            String(decoding: readFile(report) ?? [], as: UTF8.self).split(separator: "\n")
        }
        for _ in 1...3 {
            let before = calls().count
            #expect(try box.ctl("write", "a", "line").status == 0)
            try eventually("a rest") { calls().count > before }
        }
        // The last line may not be whole yet.
        #expect(calls().allSatisfy { !$0.contains("= -1") }, "\(calls())")
    }

    @Test(
        "no system call in 10 s, whatever clients and children have left half done",
        requires("strace"))
    func silent() throws {
        let ids = ["idle", "midline", "halfclosed", "vanished", "nostdin", "nostdout", "noreader"]
        for id in ids.prefix(4) + ["noreader"] { try box.spawn("--wait", "ready", id, "--", "cat") }
        try box.spawn("--wait", "ready", "nostdin", "--", "sh", "-c", "exec 0<&-; exec sleep 1000")
        try box.spawn("--wait", "ready", "nostdout", "--", "sh", "-c", "exec >&- 2>&-; exec sleep 1000")
        let stalled = try UnixClient(box.socket("midline"))
        try stalled.send("half a li")
        let silentControl = try UnixClient(box.control("midline"))
        try silentControl.send("{\"json")
        // The filler vanishes: its line is complete and stays.
        for id in ["halfclosed", "vanished", "noreader"] { try box.blockChild(id).hangUp() }
        let waiting = try UnixClient(box.socket("halfclosed"))
        try waiting.send("line\npart")
        waiting.halfClose()
        let gone = try UnixClient(box.socket("vanished"))
        try gone.send("line\npart")
        gone.hangUp()
        let endless = try UnixClient(box.socket("noreader"))
        while endless.sendNow([UInt8](repeating: 120, count: 65_536)) > 0 {}
        #expect(try !UnixClient(box.socket("nostdin")).deliver("x\n").isReceipt)
        let keepers = try ids.map { try box.keeperPID($0) }
        try eventually("the keepers to settle") {
            try Proc.systemCalls(keepers, seconds: 1, in: box).isEmpty
        }
        let calls = try Proc.systemCalls(keepers, seconds: 10, in: box)
        let names = Dictionary(uniqueKeysWithValues: zip(keepers, ids))
        for call in calls.prefix(20) {
            let pid = Int(call.prefix { $0.isNumber }) ?? 0
            Issue.record("\(names[pid] ?? "?"): \(call)")
        }
        for keeper in keepers { #expect(Proc.threads(keeper) == 1) }
        for id in ["halfclosed", "vanished", "noreader"] { try box.resumeChild(id) }
        #expect(try waiting.readToEnd().isReceipt)
    }
}
