import CSystem
import KeeperShared
import Testing

@testable import keeperctl

@Suite struct StatusSummaryTests {
    private func members(_ text: String) -> (list: [String], isWhole: Bool) {
        Array(text.utf8).withUnsafeBufferPointer { bytes in
            var members = JSONMembers(bytes)
            var list: [String] = []
            while members.next() {
                list.append(
                    String(decoding: members.name, as: UTF8.self) + " "
                        + String(decoding: members.value, as: UTF8.self))
            }
            return (list, members.isWhole)
        }
    }

    @Test func findsMembersOfAnyNesting() {
        let found = members(#" { "a" : 1 , "b\\\"":"x\"}\\" ,"c":{"d":["]",{}]},"e":[ ],"f":-1.5e3 } "#)
        #expect(found.isWhole)
        #expect(
            found.list == [
                #""a" 1"#, #""b\\\"" "x\"}\\""#, #""c" {"d":["]",{}]}"#, #""e" [ ]"#, #""f" -1.5e3"#,
            ])
        #expect(members("{}").isWhole && members("[ ]").isWhole)
        #expect(members(#"["x", 2]"#).list == [#" "x""#, " 2"])
    }

    @Test func everyCutOfADocumentIsNoticed() {
        let text = #"{"a":{"b":["c\\",1]},"d":"e"}"#
        for count in 0..<text.utf8.count { #expect(!members(String(text.prefix(count))).isWhole, "\(count)") }
        for wrong in ["", "1", "]", "{,}", #"{"a"}"#, #"{"a":}"#, "[1 2]", "[,]"] {
            #expect(!members(wrong).isWhole, "\(wrong)")
        }
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(members(deep).isWhole)
    }

    @Test func neverReadsPastTheEnd() {
        var generator = SplitMix64(state: 7)
        let alphabet = Array("{}[]\",:\\ a1-".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            _ = members(String(decoding: bytes, as: UTF8.self))
        }
    }

    private func read(
        _ fixture: SessionsFixture, _ reader: StatusReader = StatusReader(), _ folder: String = "a.d"
    ) -> StatusSummary? {
        reader.read("\(folder)/status.json", in: fixture.directory)
    }

    @Test func agreesWithTheWholeStatus() throws {
        let fixture = try SessionsFixture()
        for end in [ProcessEnd.exited(3), .signalled(9), .unknown] {
            var status = fixture.status("a", keeper: 42, state: .failed)
            status.child = SessionStatus.Child(
                identity: ProcessIdentity(pid: 43, startTime: 5), startedAt: Timestamp(nanoseconds: 0))
            status.child?.restarts = 7
            status.exit = SessionStatus.Exit(end: end, at: Timestamp(nanoseconds: 5_000_000))
            status.stdout.next = 10
            status.stderr.next = 5
            status.reason = "x\",\"state\":\"running"
            try fixture.write(status, folder: "a.d")
            let summary = try #require(read(fixture))
            #expect(summary.state == .failed && summary.keeper == 42 && summary.child == 43)
            #expect(summary.restarts == 7 && summary.outputSize == 15 && summary.end == end)
            #expect(summary.endedAt?.nanoseconds == 5_000_000 && summary.startedAt?.nanoseconds == 0)
        }
    }

    @Test func readsFilesOfAnySizeAndFollowsNoLink() throws {
        let fixture = try SessionsFixture()
        var status = fixture.status("a", keeper: 42)
        status.command = [[UInt8](repeating: 120, count: 1 << 20)]
        try fixture.write(status, folder: "a.d")
        let reader = StatusReader()
        #expect(read(fixture, reader, "a.d")?.command.count == (1 << 20) + 4)
        let directory = fixture.directory.raw
        #expect(symlinkat("a.d", directory, "b.d") == 0)
        #expect(read(fixture, reader, "b.d") == nil)
        #expect(read(fixture, reader, "c.d") == nil)
    }

    @Test func theCensusFindsEveryKindOfName() throws {
        let fixture = try SessionsFixture()
        let names = [
            "b.d", "b.d~", "b.rpc.sock.pid", "b.rpc.sock", "keeper-b.log", "keeper-launch-b.log", ".a.d.new",
            "session-number-10.d", "session-number-9.d", "session-number-1.d", ".d", "launch-x.d", "-x.d",
            "a b.d", "keeper-.log", ".rpc.sock", "x",
        ]
        for name in names { try fixture.write(name, "") }
        let census = try Census(
            of: fixture.directory, [.sidecar, .socket, .unfinished, .folder, .previousFolder, .log])
        #expect(
            census.indices.map { census.id($0).string } == [
                "a", "b", "session-number-1", "session-number-10", "session-number-9",
            ])
        #expect(census.traces(0) == .unfinished)
        #expect(census.traces(1) == [.sidecar, .socket, .folder, .previousFolder, .log])
    }
}
