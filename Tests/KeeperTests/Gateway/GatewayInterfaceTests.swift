import Glibc
import KeeperShared
import Testing
import keeperctl

@Suite("keeperctl gateway: the interface", requires("curl"))
struct GatewayInterfaceTests {
    let box: Sandbox
    let gateway: GatewayByCurl

    init() throws {
        box = try Sandbox()
        gateway = try GatewayByCurl(box, "--base-path", "/k")
    }

    @Test("/openapi.json has every route, and what each takes; without the token it is not told")
    func document() throws {
        let answer = try gateway.ask("GET", "/k/openapi.json")
        #expect(answer.status == 200 && answer.fields["content-type"] == "application/json")
        let document = try JSON(parsing: answer.body)
        #expect(document["openapi"]?.string == "3.1.0")
        #expect(document["servers"]?.array?.first?["url"]?.string == "/k")
        for route in DocumentedRoute.all {
            let parts = route.request.split(separator: " ")
            let operation = try #require(
                document["paths"]?[String(parts[1])]?[parts[0].lowercased()], "\(route)")
            #expect(operation["summary"]?.string == route.summary)
            let body = operation["requestBody"]?["content"]?["application/json"]?["schema"]
            let names =
                body?["properties"]?.keys
                ?? Set(operation["parameters"]?.array?.compactMap { $0["name"]?.string } ?? [])
            for field in route.fields { #expect(names.contains(field.name), "\(route): \(field)") }
        }
        // Options of spawn by the names that files of options have.
        let spawn = document["paths"]?["/api/v1/sessions"]?["post"]?["requestBody"]?["content"]
        let properties = spawn?["application/json"]?["schema"]?["properties"]
        for name in ["command", "sessionId", "labels", "journalSize", "restart", "env", "tty"] {
            #expect(properties?[name] != nil, "\(name)")
        }
        let outcome = try box.run([
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", gateway.url + "openapi.json",
        ])
        #expect(outcome.out == "401", outcome.why)
    }

    @Test("a signal goes to the command alone, or to its group")
    func signals() throws {
        let script = """
            trap 'echo parent' USR1
            (trap 'echo child' USR1; echo ready; while :; do sleep 0.1; done) &
            while :; do sleep 0.1; done
            """
        try box.spawn("a", "--", "sh", "-c", script)
        try eventually("the child") { box.journalText("a").contains("ready") }
        let path = "/k/api/v1/sessions/a/signal"
        #expect(try gateway.ask("POST", path, #"{"name":"USR1","to":"nobody"}"#).status == 400)
        #expect(try gateway.ask("POST", path, #"{"name":"USR1","to":"child"}"#).status == 204)
        try eventually("the command") { box.journalText("a").contains("parent") }
        #expect(try gateway.ask("POST", path, #"{"name":"USR1","to":"group"}"#).status == 204)
        try eventually("both") {
            let text = box.journalText("a")
            return text.count(of: "parent") == 2 && text.count(of: "child") == 1
        }
        #expect(try box.ctl("kill", "--to", "group", "a").status == 2)
        #expect(try box.ctl("kill", "-s", "0", "--to", "child", "a").status == 2)
    }

    @Test(
        "a request with a key is carried out once, and its answer comes again; another request may not have the key"
    )
    func keys() throws {
        func post(_ path: String, _ body: String, _ key: String) throws -> GatewayByCurl.Answer {
            try gateway.ask("POST", "/k/api/v1/sessions" + path, body, "-H", "Idempotency-Key: \(key)")
        }
        let spawn = #"{"command":["cat"]}"#
        let first = try post("", spawn, "one")
        #expect(first.status == 201 && first.fields["idempotent-replayed"] == nil)
        let again = try post("", spawn, "one")
        #expect(again.status == 201 && again.body == first.body)
        #expect(again.fields["idempotent-replayed"] == "true")
        #expect(try JSON.lines(box.ctl("ls", "--json").stdout).count == 1)
        let other = try post("", #"{"command":["true"]}"#, "one")
        #expect(other.status == 422 && other.code == "keyReused")
        let id = try #require(first.json?["sessionId"]?.string)
        for _ in 1...3 { #expect(try post("/\(id)/write", #"{"lines":["x"]}"#, "two").status == 204) }
        #expect(try post("/\(id)/write", #"{"lines":["y"]}"#, "three").status == 204)
        try eventually("both lines") { box.journalText(id) == "x\ny\n" }
        // A failure is an answer; what was refused before anything was done has none.
        #expect(try post("/none/eof", "{}", "four").status == 404)
        #expect(try post("/none/eof", "{}", "four").fields["idempotent-replayed"] == "true")
        #expect(try post("/\(id)/write", "{}", "five").status == 400)
        #expect(try post("/\(id)/write", #"{"lines":["z"]}"#, "five").status == 204)
        #expect(try post("/\(id)/eof", "{}", "a b").status == 400)
    }

    @Test(
        "while the first is under way its key is refused; it comes to its end when its caller goes, and is told again"
    )
    func keyUnderWay() throws {
        try box.spawn("a", "--", "cat")
        let path = "/k/api/v1/sessions/a/call"
        let body = #"{"method":"slow","timeout":"60s"}"#
        let waiting = try box.start([
            "curl", "-sS", "--unix-socket", "\(box.root)/g.sock", "-H", "Content-Type: application/json",
            "-H",
            "Idempotency-Key: k", "-d", body, "http://keeper\(path)",
        ])
        func repeated() throws -> GatewayByCurl.Answer {
            try gateway.ask("POST", path, body, "-H", "Idempotency-Key: k")
        }
        // What cat says is the request itself.
        var request: JSON?
        try eventually("the request") {
            request = try? JSON(parsing: box.journal("a"))
            return request != nil
        }
        let under = try repeated()
        #expect(under.status == 409 && under.fields["retry-after"] == "1")
        kill(waiting.pid, SIGKILL)
        _ = try waiting.wait()
        let id = try #require(request?["id"])
        let number = id.string.map { "\"\($0)\"" } ?? "\(id.int ?? 0)"
        try box.ctl("write", "a", "{\"jsonrpc\":\"2.0\",\"id\":\(number),\"result\":{\"done\":true}}")
        var answer: GatewayByCurl.Answer?
        try eventually("the answer") {
            answer = try repeated()
            return answer?.status != 409
        }
        #expect(answer?.status == 200 && answer?.json?["done"]?.bool == true, "\(answer?.text ?? "")")
        // Asked once.
        #expect(box.journalText("a").count(of: "slow") == 1)
    }
}

extension String {
    fileprivate func count(of word: String) -> Int {
        split(separator: word, omittingEmptySubsequences: false).count - 1
    }
}
