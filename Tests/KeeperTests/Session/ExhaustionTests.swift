import Glibc
import Testing

@Suite("What runs out")
struct ExhaustionTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test(
        "descriptors exhausted: waiting clients are served when others leave", requires("prlimit", "strace"))
    func descriptors() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let keeper = try box.keeperPID("a")
        let limit = Proc.descriptors(keeper) + 5
        #expect(try box.run(["prlimit", "--pid", "\(keeper)", "--nofile=\(limit):\(limit)"]).status == 0)
        var clients = try (0..<20).map { _ in try UnixClient(box.socket("a")) }
        for (number, client) in clients.enumerated() { try client.send("line \(number)\n") }
        try eventually("as many clients as fit") { Proc.descriptors(keeper) >= limit - 1 }
        // Waiting must not mean spinning.
        #expect(try Proc.systemCalls([keeper], seconds: 2, in: box).count < 50)
        for client in clients { client.halfClose() }
        for client in clients { #expect(try client.readToEnd().isReceipt) }
        clients = []
        try eventually("all lines") { box.journal("a").count { $0 == 10 } == 20 }
        #expect(box.state("a") == "running")
    }

    @Test(
        "a full disk for everything the keeper writes: input and output go on, nothing is lost",
        requires("prlimit"))
    func everythingFull() throws {
        try box.spawn("--wait", "ready", "a", "--", "cat")
        let keeper = "\(try box.keeperPID("a"))"
        #expect(try box.run(["prlimit", "--pid", keeper, "--fsize=1:unlimited"]).status == 0)
        #expect(try box.ctl("write", "a", "first", "second").status == 0)
        let control = try UnixClient(box.control("a"))
        #expect(try control.call("status")["result"]?["sessionId"]?.string == "a")
        #expect(box.journal("a").count <= 1, "the disk was not full")
        #expect(try box.run(["prlimit", "--pid", keeper, "--fsize=unlimited:unlimited"]).status == 0)
        try eventually("both lines") { box.journalText("a") == "first\nsecond\n" }
        #expect(try box.ctl("kill", "a").status == 0)
        #expect(box.state("a") == "exited")
    }

    @Test(
        "if the exit can't be recorded the keeper stays, reachable; kill --now says what is lost",
        requires("prlimit"))
    func unrecordable() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "read x; exit 3")
        let keeper = try box.keeperPID("a")
        #expect(try box.run(["prlimit", "--pid", "\(keeper)", "--fsize=1:unlimited"]).status == 0)
        #expect(try box.ctl("write", "a", "go").status == 0)
        let child = try box.childPID("a")
        try eventually("the child's end") { !Proc.alive(child) }
        let answer = try UnixClient(box.control("a")).call("status")
        #expect(answer["result"]?["sessionId"]?.string == "a")
        #expect(Proc.alive(keeper))
        let outcome = try box.ctl("kill", "--now", "a")
        #expect(outcome.err.contains("lost"), outcome.why)
        try eventually("the keeper to go") { !Proc.alive(keeper) && box.sidecars("a") == [] }
    }
}
