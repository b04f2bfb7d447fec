import Testing

@Suite("keeperctl gateway: clients of others")
struct GatewayClientTests {
    private func use(_ name: String) throws {
        let box = try Sandbox()
        let gateway = try RawGateway(box)
        let python = try #require(try Programs.python(with: name))
        let command = StandIn.command("gateway-clients", name, "\(gateway.port)", gateway.token)
        let outcome = try box.run([python] + command.dropFirst())
        #expect(outcome.out == "ok\n", outcome.why)
    }

    @Test("httpx", requires(pythonModule: "httpx")) func httpx() throws { try use("httpx") }
    @Test("h11", requires(pythonModule: "h11")) func h11() throws { try use("h11") }
    @Test("websockets", requires(pythonModule: "websockets")) func websockets() throws {
        try use("websockets")
    }
    @Test("wsproto", requires(pythonModule: "wsproto")) func wsproto() throws { try use("wsproto") }
}
