import Glibc
import Testing

/// Real writers, killed or bereaved while their lines are on the way.
@Suite("kill -9 in the middle of sending")
struct MidSendTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private enum Victim: CaseIterable { case keeper, child, client }

    /// Reads to end-of-file whatever happens, and keeps what it read.
    private let reader = "trap '' TERM; cat > \"$0\"; echo end >> \"$0.end\""
    private let linesPerWriter = 3000

    @Test("whole lines only, each once, in order; all of a writer that was told so", arguments: 0..<12)
    func midSend(round: Int) throws {
        var random = SplitMix64.announced("midSend")
        for _ in 0...round { random = SplitMix64(state: random.next()) }
        try box.spawn("a", "--", "sh", "-c", reader, box.root + "/out")
        let child = try box.childPID("a")
        let keeper = try box.keeperPID("a")
        let inputs = (0..<4).map { number in
            (0..<linesPerWriter).map { index in
                "\(number) \(index) \(String(repeating: "x", count: (number * 37 + index * 101) % 300)).\n"
            }.joined()
        }
        for (number, input) in inputs.enumerated() {
            try writeFile("\(box.root)/in\(number)", Array(input.utf8))
        }
        let writers = try (0..<4).map { number in
            try box.start(
                [
                    "sh", "-c", "exec \"$0\" write a < \"$1\"", Executables.keeperctl,
                    "\(box.root)/in\(number)",
                ])
        }
        let total = inputs.reduce(0) { $0 + $1.utf8.count }
        let threshold = Int.random(in: 0..<total, using: &random)
        let victim = Victim.allCases.randomElement(using: &random)
        try eventually("\(threshold) bytes of \(total)") {
            (fileStatus(box.root + "/out")?.st_size ?? 0) >= threshold
        }
        switch victim {
        case .keeper: kill(pid_t(keeper), SIGKILL)
        case .child: kill(-pid_t(child), SIGKILL)
        default: kill(writers[0].pid, SIGKILL)
        }
        var complete: [Int] = []
        for (number, writer) in writers.enumerated() where try writer.wait() == .exited(0) {
            complete.append(number)
        }
        if victim != .child { #expect(victim == .keeper || complete.count >= 3) }
        try box.ctl("kill", "a")
        try box.ctl("discover")
        try eventually("the reader's end") { !Proc.alive(child) }
        #expect(box.sidecars("a") == [])
        try check(victim, complete)
    }

    private func check(_ victim: Victim?, _ complete: [Int]) throws {
        let bytes = readFile(box.root + "/out") ?? []
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        // Where the keeper died, or the child with a full pipe, the last line may be torn.
        if let last = bytes.last, last != 10 {
            #expect(victim != .client, "torn although nobody but a writer died")
            lines.removeLast()
        }
        var next = [0, 0, 0, 0]
        for line in lines {
            let words = line.split(separator: " ")
            let writer = try #require(words.first.flatMap { Int($0) }, "torn: \(line.prefix(60))")
            let index = try #require(words.count == 3 ? Int(words[1]) : nil, "torn: \(line.prefix(60))")
            #expect(line.utf8.last == UInt8(ascii: "."), "torn: \(line.prefix(60))")
            try #require(index == next[writer], "lost, doubled or out of order: \(line.prefix(60))")
            next[writer] += 1
        }
        if victim == .child { return }
        for writer in complete { #expect(next[writer] == linesPerWriter, "receipted and lost") }
    }
}
