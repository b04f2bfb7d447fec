import Glibc
import Testing

@Suite("keeperctl dashboard", requires("curl"))
struct DashboardCommandTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// A port that was free a moment ago.
    private func freePort() throws -> Int {
        let other = try Sandbox()
        let gateway = try other.startCtl("gateway", "--listen", "127.0.0.1:0")
        let url = try #require(try gateway.readLine())
        kill(gateway.pid, SIGTERM)
        #expect(try gateway.wait() == .exited(0))
        return try #require(Int(url.split(separator: ":").last?.filter { $0.isNumber } ?? ""))
    }

    @Test("starts a gateway as a session, prints its address with the token, and finds it the next time")
    func starts() throws {
        let port = try freePort()
        let first = try box.ctl("dashboard", "--no-open", "--port", "\(port)")
        #expect(first.status == 0 && first.err == "", first.why)
        let token = try box.ctl("gateway", "--show-token").line
        #expect(first.line == "http://127.0.0.1:\(port)/#token=\(token)")
        #expect(box.state("gateway") == "running")
        let page = try box.run(["curl", "-sS", "http://127.0.0.1:\(port)/"])
        #expect(page.status == 0 && page.out.lowercased().hasPrefix("<!doctype html>"), page.why)
        let list = try box.run([
            "curl", "-sS", "-H", "Authorization: Bearer \(token)", "http://127.0.0.1:\(port)/api/v1/sessions",
        ])
        #expect(list.out.contains("\"gateway\""), list.why)
        // Wherever it listens, it is the one.
        let second = try box.ctl("dashboard", "--no-open")
        #expect(second.out == first.out, second.why)
        #expect(try JSON.lines(box.ctl("ls", "--json").stdout).count == 1)
        // One that is gone is not taken for one that lives.
        try box.ctl("kill", "gateway")
        let third = try box.ctl("dashboard", "--no-open", "--port", "\(port)")
        #expect(third.out == first.out, third.why)
        try box.ctl("kill", "gateway")
    }

    @Test("a session called gateway is left alone; a port that is taken is an error that says so")
    func taken() throws {
        let port = try freePort()
        try box.spawn("gateway", "--", "cat")
        let outcome = try box.ctl("dashboard", "--no-open", "--port", "\(port)")
        #expect(outcome.status == 0, outcome.why)
        #expect(box.state("gateway-2") == "running")
        let other = try Sandbox()
        let refused = try other.ctl("dashboard", "--no-open", "--port", "\(port)")
        #expect(
            refused.status == 1 && refused.err.contains("\(port)") && refused.err.contains("--port"),
            refused.why)
        #expect(try other.ctl("ls", "-q").out == "")
        try box.ctl("kill", "gateway-2")
    }

    @Test("a gateway at a Unix socket alone has no page for a browser")
    func noPort() throws {
        let gateway = try box.start([Executables.keeperctl, "gateway", "--listen", "unix:\(box.root)/g.sock"])
        try eventually("the socket") { fileStatus("\(box.root)/g.sock") != nil }
        try eventually("the description") { box.exists(".gateway/gateway.json") }
        let outcome = try box.ctl("dashboard", "--no-open")
        #expect(outcome.status == 1 && outcome.err.contains("listens at no port"), outcome.why)
        kill(gateway.pid, SIGTERM)
        #expect(try gateway.wait() == .exited(0))
    }

    @Test("on a desktop a page is opened that only its user can read; no argument has the token in it")
    func opens() throws {
        let browser = "\(box.root)/browser"
        try writeFile(
            browser, Array("#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$0.new\"; mv \"$0.new\" \"$0.said\"\n".utf8))
        chmod(browser, 0o755)
        let port = try freePort()
        let line = [Executables.keeperctl, "dashboard", "--port", "\(port)"]
        let outcome = try box.run(line, setting: ["BROWSER": browser, "DISPLAY": ":0"])
        #expect(outcome.status == 0, outcome.why)
        var said = ""
        try eventually("the browser") {
            said = String(decoding: readFile("\(browser).said") ?? [], as: UTF8.self)
            return !said.isEmpty
        }
        #expect(said == "file://\(box.sessions)/.gateway/dashboard.html\n")
        #expect(box.text(".gateway/dashboard.html").contains("url=\(outcome.line)\""))
        #expect(box.mode(".gateway/dashboard.html") == 0o600)
        try box.ctl("kill", "gateway")
    }
}
