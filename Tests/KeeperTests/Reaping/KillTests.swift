import Glibc
import Testing

@Suite("kill -9 at random moments")
struct KillTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private enum Victim: CaseIterable { case keeper, child, client }

    /// Reads to end-of-file whatever happens, and keeps what it read.
    private let reader = "trap '' TERM; cat > \"$0\"; echo end >> \"$0.end\""

    /// 200 sessions in rounds, so that several die at the same time.
    @Test(
        "no process, no stale sidecar, no torn or doubled line; every receipted line has arrived",
        arguments: 0..<20)
    func randomDeaths(round: Int) throws {
        var random = SplitMix64.announced("randomDeaths")
        for _ in 0..<round { random = SplitMix64(state: random.next()) }
        let ids = (0..<10).map { "s\($0)" }
        for id in ids { try box.spawn(id, "--", "sh", "-c", reader, box.root + "/" + id) }
        var victims: [String: Victim] = [:]
        var writers: [String: [(line: String, client: UnixClient)]] = [:]
        for id in ids {
            victims[id] = Victim.allCases.randomElement(using: &random)
            writers[id] = try (0..<5).map { number in
                let length = Int.random(in: 1...60_000, using: &random)
                let line = "\(id)-\(number)-" + String(repeating: "x", count: length)
                let client = try UnixClient(box.socket(id))
                try? client.send(line + "\n")
                if Bool.random(using: &random) { client.halfClose() }
                return (line, client)
            }
        }
        let children = try ids.map { try box.childPID($0) }
        for id in ids.shuffled(using: &random) {
            switch victims[id] {
            case .keeper: kill(pid_t(try box.keeperPID(id)), SIGKILL)
            // The pipe's other reader is its group.
            case .child: kill(-pid_t(try box.childPID(id)), SIGKILL)
            default: writers[id]?[0].client.hangUp()
            }
        }
        var receipted: [String: Set<String>] = [:]
        for (id, clients) in writers {
            for (line, client) in clients where client.descriptor >= 0 {
                client.halfClose()
                if try client.readToEnd().isReceipt { receipted[id, default: []].insert(line) }
            }
        }
        try box.ctl("discover")
        try box.ctl("kill", "--all")
        for (id, child) in zip(ids, children) {
            try eventually("\(id)'s child to end") { !Proc.alive(child) }
            #expect(box.sidecars(id) == [])
            try checkLines(id, victims[id], sent: Set((writers[id] ?? []).map(\.line)), receipted[id] ?? [])
        }
        try eventually("no process") { box.processes.isEmpty }
    }

    private func checkLines(_ id: String, _ victim: Victim?, sent: Set<String>, _ receipted: Set<String>)
        throws
    {
        let bytes = readFile(box.root + "/" + id) ?? []
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        if let last = bytes.last, last != 10, victim != .client { lines.removeLast() }
        #expect(Set(lines).count == lines.count, "doubled in \(id)")
        for line in lines {
            #expect(sent.contains(line), "torn in \(id): \(line.prefix(40))… \(line.utf8.count)")
        }
        // What was in the pipe of a child that was killed may be lost; of one that was ended after 2 × 2 s not.
        if victim != .child {
            #expect(receipted.subtracting(lines).map { $0.prefix(10) } == [], "receipted but lost in \(id)")
        }
    }
}
