import Glibc
import KeeperShared
import Testing

/// The table of the changes of state against the code: all there is happens, and nothing else.
@Suite("Transitions")
struct TransitionTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private var takesFaults: Bool { Executables.areDebug }

    private func killChild(_ id: String) throws { kill(pid_t(try box.childPID(id)), SIGKILL) }
    private func pause(_ id: String) throws { #expect(try box.call(id, "pause")["result"] != nil) }

    /// A restart that succeeds; it may be answered late.
    private func ask(_ id: String, _ method: String) throws -> UnixClient {
        let client = try UnixClient(box.control(id))
        try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\(method)\"}\n")
        return client
    }

    private let ready = ["--wait", "ready", "--ready", "output"]
    private let never = ["--ready", "notify"]
    private let always = ["--restart", "always"]
    private let limited = ["--restart", "always", "--restart-limit", "1/10m"]
    private let up = ["sh", "-c", "echo up; exec cat"]

    @Test("each row of the table is reached, and no other way is gone")
    func all() throws {
        var ids: [String] = []
        func start(_ id: String, _ options: [String], _ command: [String]) throws {
            try box.supervise(id, options, command)
            ids.append(id)
        }
        try start("told-early", never, ["cat"])
        try start("well-early", never, ["sh", "-c", "exit 0"])
        try start("bad-early", never, ["sh", "-c", "exit 1"])
        try start(
            "bad-later", ["--ready", "output"] + always,
            box.counting("[ $run = 1 ] && echo up && sleep 0.3; exit 1", "n1")
        )
        try start("resumed", ready, up)
        try start("told-paused", ready, up)
        try start("killed", ready, up)
        try start("limit", ["--ready", "output"] + limited, ["sh", "-c", "echo up; sleep 0.3; exit 1"])
        try start("paused-killed", ready, up)
        try start("paused-again", ready + always, up)
        try start(
            "paused-limit", ready + limited,
            box.counting("echo up; [ $run = 1 ] && sleep 0.3 && exit 1; exec cat", "n2"))
        let path = box.root + "/command"
        try writeFile(path, "#!/bin/sh\necho up\nexec cat\n".utf8, mode: 0o755)
        try start("vanished", ready, [path])
        unlink(path)
        try start("restarted", ready, up)
        try start("too-slow", never + ["--start-timeout", "100ms", "--stop-steps", "KILL:5s"], ["cat"])
        try start("lost-starting", never, ["cat"])
        for id in ["lost-running", "lost-paused"] { try start(id, ready, up) }
        try start(
            "lost-backoff", ["--ready", "output"] + always, ["sh", "-c", "echo up; sleep 0.3; exit 1"])
        try start(
            "lost-stopping", ready + ["--stop-steps", "USR1:60s"],
            ["sh", "-c", "trap '' USR1; echo up; while read x; do :; done"])
        let stuck = takesFaults ? try Stuck(box) : nil
        ids += stuck?.ids ?? []

        for id in ["resumed", "told-paused", "paused-killed", "paused-again", "lost-paused"] { try pause(id) }
        #expect(try box.call("resumed", "resume")["result"] != nil)
        for id in ["told-early", "told-paused"] { #expect(try box.call(id, "stop")["result"] != nil) }
        for id in ["killed", "paused-killed", "paused-again"] { try killChild(id) }
        #expect(try box.call("vanished", "restart")["error"] != nil)
        #expect(try box.call("restarted", "restart")["result"] != nil)
        let stopping = try ask("lost-stopping", "stop")
        try box.awaitState("lost-stopping", "stopping")
        try eventually("the second child") {
            box.restarts("paused-limit") == 1 && box.state("paused-limit") == "running"
        }
        try pause("paused-limit")
        try killChild("paused-limit")
        // It may have come back since.
        try eventually("a paused child to be missed") {
            try box.transitions("paused-again").contains(
                SeenTransition(from: "paused", event: "exited", to: "backoff"))
        }
        try eventually("a later child to fail early") {
            try box.transitions("bad-later").contains(
                SeenTransition(from: "starting", event: "exited", to: "backoff"))
        }
        try box.awaitState("bad-later", "backoff")
        #expect(try box.call("bad-later", "stop")["result"] != nil)
        try stuck?.drive()
        // What goes its own way does so before all that is left is ended.
        for id in ["well-early", "bad-early", "killed", "limit", "paused-killed", "paused-limit", "too-slow"]
        {
            try box.awaitEnd(id)
        }
        try box.awaitState("lost-backoff", "backoff")
        for id in ids where id.hasPrefix("lost-") { kill(pid_t(try box.keeperPID(id)), SIGKILL) }
        #expect(try box.ctl("discover").status == 0)
        #expect(try box.ctl("kill", "--all").status == 0)
        _ = stopping

        var seen: Set<SeenTransition> = []
        for id in ids { seen.formUnion(try box.transitions(id)) }
        let wanted = KnownTransitions.all.filter {
            takesFaults || ($0.from != "stuck" && $0.to != "stuck")
        }
        for row in wanted.subtracting(seen) { Issue.record("nothing here reaches \(row)") }
    }

    /// Sessions whose keepers can't kill: only a debug build takes such a fault.
    private struct Stuck {
        let box: Sandbox
        let ids = ["stuck-starting", "stuck-running", "stuck-paused", "lost-stuck"]

        init(_ box: Sandbox) throws {
            self.box = box
            box.hurry()
            box.environment.merge(box.faults("kill:=9:1:0:0")) { $1 }
            defer { for name in ["KEEPER_FAULTS", "KEEPER_TEST_PACE"] { box.environment[name] = nil } }
            // What is left behind ignores SIGTERM, outside of the group.
            func leaving(_ id: String, _ script: String) -> [String] {
                let file = "'\(box.root)/\(id)'"
                let left = "setsid sh -c 'trap \"\" TERM; echo $$ > \"$0\"; exec sleep 1000' \(file) &"
                return [
                    "sh", "-c", "rm -f \(file); \(left) until [ -s \(file) ]; do sleep 0.01; done; \(script)",
                ]
            }
            try box.supervise("stuck-starting", ["--ready", "notify"], leaving(ids[0], "exit 1"))
            try box.supervise(
                "stuck-running", ["--ready", "output", "--wait", "ready"], leaving(ids[1], "echo up; exit 0"))
            try box.supervise(
                "stuck-paused", ["--ready", "output", "--wait", "ready", "--restart", "always"],
                leaving(ids[2], "echo up; exec cat"))
            try box.supervise(
                "lost-stuck", ["--ready", "output", "--wait", "ready", "--stop-steps", "KILL:100ms"],
                ["sh", "-c", "echo up; exec cat"])
        }

        func drive() throws {
            #expect(try box.call("stuck-paused", "pause")["result"] != nil)
            kill(pid_t(try box.childPID("stuck-paused")), SIGKILL)
            #expect(try box.call("lost-stuck", "stop")["result"]?["state"]?.string == "stuck")
            #expect(try box.call("lost-stuck", "stop", ["now": true])["result"]?["state"]?.string == "stuck")
            for id in ids { try box.awaitState(id, "stuck") }
            // Told to end again it stays stuck, and says so.
            let again = try box.call("stuck-running", "stop")["result"]
            #expect(again?["state"]?.string == "stuck")
            #expect(try box.events("stuck-running", "stuck").count == 1)
            let first = try #require(box.pid(in: "stuck-paused"))
            for id in ids.prefix(3) {
                kill(try #require(box.pid(in: id)), SIGKILL)
            }
            try box.awaitEnd("stuck-starting")
            try box.awaitEnd("stuck-running")
            #expect(box.state("stuck-starting") == "failed" && box.state("stuck-running") == "exited")
            try eventually("the next child") { box.restarts("stuck-paused") == 1 }
            let left = try eventual("what it leaves behind") {
                box.pid(in: "stuck-paused").flatMap { $0 == first ? nil : $0 }
            }
            // Its own keeper can't end it.
            kill(left, SIGKILL)
        }
    }

    @Test(
        "what survived SIGKILL once is looked at again by itself",
        requiresFaults())
    func again() throws {
        box.hurry()
        box.environment.merge(box.faults("kill:=9:1:1:0")) { $1 }
        try box.supervise("a", ["--wait", "ready", "--stop-steps", "KILL:100ms"], ["sleep", "1000"])
        #expect(try box.call("a", "stop")["result"]?["state"]?.string == "stuck")
        try box.awaitEnd("a")
        #expect(box.state("a") == "exited")
        #expect(try box.status("a")["exit"]?["signal"]?.string == "KILL")
    }
}

extension Sandbox {
    /// A PID that a script has written into a file beside the sessions.
    func pid(in name: String) -> pid_t? {
        pid_t(String(decoding: readFile("\(root)/\(name)") ?? [], as: UTF8.self).prefix { $0.isNumber })
    }
}

/// The table as the manual has it.
@Suite("The table of transitions in keeper-sessions(5)")
struct TransitionPageTests {
    private static let path = "\(RenderedFiles.repository)/contrib/man/keeper-sessions.5"
    private static let head = ".Sh TRANSITIONS\n"
    private static let tail = ".Sh EVENTS\n"

    private var rendered: String {
        var text = """
            A session is in one state at a time.
            Each change is an event.
            This is the complete list; a state of an ended session
            .Pq exited , failed , lost
            is final.
            A request that is not possible in a state gets an error that names both states.
            .Bl -tag -width Ds

            """
        for row in SessionTransition.all {
            let from = row.from.map { ".It Cm \($0.name) No to Cm" } ?? ".It No to Cm"
            text += "\(from) \(row.to.name) No by Cm \(row.event)\n"
            text += wrapped("\(row.when.prefix(1).uppercased())\(row.when.dropFirst()).")
        }
        return text + ".El\n"
    }

    /// In lines of at most 80 bytes.
    private func wrapped(_ text: String) -> String {
        var lines = [""]
        for word in text.split(separator: " ") {
            if let last = lines.last, last.utf8.count + word.utf8.count > 79 { lines.append("") }
            lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `KEEPER_TEST_UPDATE_GOLDEN=1` writes it.
    @Test func thePageHasTheTable() throws {
        let page = String(decoding: try #require(readFile(Self.path)), as: UTF8.self)
        let start = try #require(page.range(of: Self.head)).upperBound
        let end = try #require(page.range(of: Self.tail)).lowerBound
        if environmentValue("KEEPER_TEST_UPDATE_GOLDEN") == "1" {
            try writeFile(Self.path, (page[..<start] + rendered + page[end...]).utf8, mode: 0o644)
        } else {
            #expect(page[start..<end] == rendered, "run with KEEPER_TEST_UPDATE_GOLDEN=1")
        }
    }
}
