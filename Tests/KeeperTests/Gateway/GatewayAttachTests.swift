import Glibc
import Testing

@Suite("keeperctl gateway: attaching")
struct GatewayAttachTests {
    let box: Sandbox
    let gateway: RawGateway

    init() throws {
        box = try Sandbox()
        gateway = try RawGateway(box)
    }

    @Test("a terminal: the screen first, keys, the size, and its end")
    func terminal() throws {
        try box.spawn(
            "t", "--tty", "--", "sh", "-c", "echo before; while read x; do stty size; echo \"<$x>\"; done")
        try eventually("the output") { box.journalText("t").contains("before") }
        let client = try RPCClient(gateway, "sessions/t/attach?cols=91&rows=29")
        #expect(try client.read(until: "before").contains("before"))
        try eventually("the size") {
            try client.type("a\r")
            return try client.read(until: "<a>").contains("29 91")
        }
        try client.send(#"{"resize":{"cols":77,"rows":22}}"#)
        try eventually("the new size") {
            try client.type("b\r")
            return try client.read(until: "<b>").contains("22 77")
        }
        let second = try RPCClient(gateway, "sessions/t/attach")
        #expect(try second.read(until: "<b>").contains("before"))
        try client.type("\u{4}")
        #expect(try client.connection.readCloseCode() == 1000)
        #expect(try second.connection.readCloseCode() == 1000)
        #expect(try gateway.ask("GET /api/v1/sessions/none/attach", gateway.authorization).status != 101)
    }

    @Test("who may only look sees the screen, and is refused with 1008 when it types")
    func looking() throws {
        try box.spawn("t", "--tty", "--", "sh", "-c", "echo shown; cat")
        try eventually("the output") { box.journalText("t").contains("shown") }
        let client = try RPCClient(gateway, "sessions/t/attach", token: gateway.readingToken)
        _ = try client.read(until: "shown")
        try client.type("x")
        #expect(try client.connection.readCloseCode() == 1008)
        #expect(!box.journalText("t").contains("x"))
    }

    @Test("pipes, both ways; a keeper that is stopped keeps nobody waiting, and has what was typed later")
    func pipes() throws {
        try box.spawn("p", "--", "sh", "-c", "while read x; do echo \"[$x]\"; echo \"($x)\" >&2; done")
        let client = try RPCClient(gateway, "sessions/p/attach")
        try client.type("one\n")
        var text = ""
        while !text.contains("[one]") || !text.contains("(one)") { text += try client.text() }
        let keeper = pid_t(try box.keeperPID("p"))
        kill(keeper, SIGSTOP)
        defer { kill(keeper, SIGCONT) }
        let others = try (0..<8).map { _ in try RPCClient(gateway, "sessions/p/attach") }
        for (number, other) in others.enumerated() { try other.type("\(number)\n") }
        #expect(try gateway.ask("GET /healthz", gateway.authorization).status == 200)
        kill(keeper, SIGCONT)
        try eventually("all of it") { (0..<8).allSatisfy { box.journalText("p").contains("[\($0)]") } }
        #expect(try box.ctl("kill", "p").status == 0)
        #expect(try client.connection.readCloseCode() == 1000)
    }

    @Test("two hundred at once are one watch; the gateway is killed, and no session notices")
    func many() throws {
        try box.spawn("t", "--tty", "--", "cat")
        try box.spawn("t2", StandIn.command("stream-json"))
        let clients = try (0..<200).map { _ in try RPCClient(gateway, "sessions/t/attach") }
        let watches = directoryEntries("/proc/\(gateway.pid)/fd").filter {
            readLink("/proc/\(gateway.pid)/fd/\($0)")?.contains("inotify") == true
        }
        #expect(watches.count <= 2)
        try clients[0].type("hello\r")
        for client in clients { _ = try client.read(until: "hello") }
        for client in clients.dropFirst(100) { client.connection.hangUp() }
        let file = "\(box.root)/go"
        let caller = try RPCClient(gateway)
        try caller.ask("follow", #"{"all":true,"metrics":"100ms"}"#)
        try caller.ask("turn", "{\"session\":\"t2\",\"message\":\"say=one await=\(file) say=two\"}")
        _ = try caller.read(until: "\"turn\"")
        let keepers = try ["t", "t2"].map { try box.keeperPID($0) }
        gateway.running.kill(SIGKILL)
        try gateway.running.wait()
        try writeFile(file, [])
        try eventually("the turn's end") { box.journalText("t2").contains("the end") }
        for id in ["t", "t2"] { try eventually("\(id) to run") { box.state(id) == "running" } }
        #expect(try ["t", "t2"].map { try box.keeperPID($0) } == keepers)
        // Its commands end by themselves; whoever comes next finds all as it was.
        let next = try RawGateway(box)
        let client = try RPCClient(next, "sessions/t/attach")
        _ = try client.read(until: "hello")
    }
}
