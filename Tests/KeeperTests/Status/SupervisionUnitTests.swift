import KeeperShared
import Testing

@testable import keeper

/// The parts of supervision that need no process.
@Suite struct SupervisionUnitTests {
    @Test func everyKindOfDeadlineHasItsPlace() {
        var deadlines = Deadlines()
        for kind in DeadlineKind.allCases { deadlines.set(kind, in: .seconds(1000 + Int64(kind.rawValue))) }
        for kind in DeadlineKind.allCases { #expect(deadlines.isSet(kind), "\(kind)") }
        #expect(DeadlineKind.allCases.enumerated().allSatisfy { $0.offset == $0.element.rawValue })
        #expect(deadlines.count == DeadlineKind.allCases.count)
    }

    @Test func deadlinesComeWhenTheyAreDueAndOnce() {
        var deadlines = Deadlines()
        #expect(deadlines.timeout() == -1 && deadlines.takeDue() == nil)
        deadlines.set(.restart, in: .max)
        #expect(!deadlines.isSet(.restart), "beyond the end of the clock")
        deadlines.set(.restart, in: .seconds(100))
        #expect((1...100_000).contains(deadlines.timeout()))
        deadlines.setIfUnset(.restart, in: 0)
        #expect(deadlines.takeDue() == nil)
        deadlines.set(.note, in: 0)
        deadlines.set(.ready, in: 0)
        #expect(deadlines.timeout() == 0)
        #expect(deadlines.takeDue() == .ready && deadlines.takeDue() == .note && deadlines.takeDue() == nil)
        deadlines.clear(.restart)
        #expect(deadlines.timeout() == -1)
    }

    @Test func delaysDoubleUpToThirtySecondsAndVaryByATenth() {
        for (random, factor) in [
            (UInt32(0), 900), (100, 1000), (200, 1100), (201, 900), (.max, 900 + Int(UInt32.max % 201)),
        ] {
            var backoff = Backoff()
            let delays = (0..<8).map { _ in Int(backoff.nextDelay(random: random)) }
            #expect(delays == [1, 2, 4, 8, 16, 30, 30, 30].map { $0 * 1_000_000 * factor })
        }
        var backoff = Backoff()
        for _ in 0..<100 { _ = backoff.nextDelay(random: 7) }
        backoff.attempt = 0
        #expect(backoff.nextDelay(random: 100) == .seconds(1))
    }

    @Test func restartsAreCountedWithinTheirTime() {
        var backoff = Backoff()
        let limit = RestartLimit.parse(bytes("2/10s"))
        let times: [Int64] = [.seconds(1), .seconds(2), .seconds(11), .seconds(11) + 1, .seconds(12)]
        let allowed = times.map { backoff.count(now: $0, limit: limit) }
        // The third comes when the first is exactly ten seconds old.
        #expect(allowed == [true, true, false, true, false])
        #expect(backoff.times.count == 2)
        var unlimited = Backoff()
        let all = (0..<5000).map { _ in unlimited.count(now: 1, limit: nil) }
        #expect(all.allSatisfy { $0 })
        #expect(unlimited.times.isEmpty, "nothing is remembered without a limit")
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func policies() {
        for failed in [false, true] {
            #expect(!RestartPolicy.no.wantsRestart(failed: failed))
            #expect(RestartPolicy.onFailure.wantsRestart(failed: failed) == failed)
            #expect(RestartPolicy.always.wantsRestart(failed: failed))
        }
    }

    @Test func restartLimits() {
        let limit = RestartLimit.parse(bytes("10/10m"))
        #expect(limit?.count == 10 && limit?.duration == .seconds(600))
        #expect(RestartLimit.parse(bytes("1000/1ms"))?.count == 1000)
        for text in [
            "", "/", "10", "10/", "/10m", "0/1m", "1001/1m", "-1/1m", "1/0s", "1/0", "1/1", "1/1m/1m",
            "1 /1m",
        ] {
            #expect(RestartLimit.parse(bytes(text)) == nil, "\(text)")
        }
    }

    @Test func readyConditions() {
        func text(_ condition: ReadyCondition?) -> String {
            switch condition {
            case .none: "none"
            case .delay(let time): "delay \(time)"
            case .output(let text): "output \(String(decoding: text, as: UTF8.self))"
            case .notify: "notify"
            case .descriptor(let number): "fd \(number)"
            case .line(let text): "line \(text.count) \(String(decoding: text.prefix(9), as: UTF8.self))"
            }
        }
        let longest = String(repeating: "x", count: 4095)
        let wanted = [
            ("delay:300ms", "delay 300000000"), ("delay:0", "delay 0"), ("output", "output "),
            ("output:a:b c", "output a:b c"), ("notify", "notify"), ("fd:3", "fd 3"), ("fd:255", "fd 255"),
            ("line:a:b", "line 3 a:b"), ("line:" + longest, "line 4095 xxxxxxxxx"),
            ("line:x" + longest, "none"),
            ("", "none"), (":", "none"), ("delay", "none"), ("delay:", "none"), ("delay:soon", "none"),
            ("output:", "none"), ("notify:", "none"), ("notify:x", "none"), ("fd", "none"), ("fd:", "none"),
            ("fd:2", "none"), ("fd:256", "none"), ("fd:3x", "none"), ("line", "none"), ("line:", "none"),
            ("line:a\nb", "none"), ("Output", "none"), ("ready", "none"),
        ]
        for (given, parsed) in wanted {
            #expect(text(ReadyCondition.parse(bytes(given))) == parsed, "\(given)")
        }
    }

    @Test func resourceLimits() {
        func text(_ limit: ResourceLimit?) -> String {
            limit.map { "\($0.resource) \($0.soft) \($0.hard)" } ?? "none"
        }
        let all = "\(UInt64.max)"
        let wanted = [
            ("NOFILE=1024", "7 1024 1024"), ("NOFILE=1024:4096", "7 1024 4096"),
            ("AS=2G", "9 2147483648 2147483648"),
            ("CORE=unlimited", "4 \(all) \(all)"), ("CPU=0:unlimited", "0 0 \(all)"), ("RTTIME=1", "15 1 1"),
            ("", "none"), ("NOFILE", "none"), ("NOFILE=", "none"), ("=1", "none"), ("NOFILE=2:1", "none"),
            ("NOFILE=unlimited:1", "none"), ("NOFILE=1:2:3", "none"), ("NOFILE=:1", "none"),
            ("NOFILE=1:", "none"),
            ("nofile=1", "none"), ("RLIMIT_NOFILE=1", "none"), ("NOFILE=-1", "none"), ("NOFILE=1.5K", "none"),
        ]
        for (given, parsed) in wanted {
            #expect(text(ResourceLimit.parse(bytes(given))) == parsed, "\(given)")
        }
    }

    @Test func stopSteps() {
        func text(_ steps: [StopStep]?) -> String {
            guard let steps else { return "none" }
            return steps.map { step in
                switch step.action {
                case .closeInput: "eof \(step.wait / 1_000_000)"
                case .signal(let number): "\(number) \(step.wait / 1_000_000)"
                }
            }.joined(separator: ", ")
        }
        #expect(text(StopStep.parse("eof:2s,TERM:2s,KILL:2s")) == text(StopStep.standard))
        let wanted = [
            ("eof:2s,TERM:2s,KILL:2s", "eof 2000, 15 2000, 9 2000"), ("KILL:0", "9 0"),
            ("SIGINT:10ms,usr1:1m", "2 10, 10 60000"), ("34:1s", "34 1000"), ("", "none"), (",", "none"),
            ("TERM", "none"), ("TERM:", "none"), (":1s", "none"), ("TERM:1s,", "none"),
            ("TERM:1s:2s", "none"),
            ("TERM:-1s", "none"), ("65:1s", "none"), ("0:1s", "none"), ("EOF:1s", "none"),
            ("TERM 1s", "none"),
        ]
        for (given, parsed) in wanted { #expect(text(StopStep.parse(given)) == parsed, "\(given)") }
    }

    /// Every way to cut the output, on either stream, with and without the text.
    @Test func aTextIsFoundWhereverItsWritesWereCut() {
        func finds(_ text: String, _ pieces: [String], _ stream: StreamName = .stdout) -> Bool {
            var match = OutputMatch(text: bytes(text))
            for piece in pieces {
                let found = bytes(piece).withUnsafeBytes { match.see($0, of: stream) }
                if found { return true }
            }
            return false
        }
        for (output, isThere) in [
            ("all is good now", true), ("all is goo", false), ("gogood", true), ("ggoogoo d", false),
        ] {
            for first in 0...output.count {
                for second in first...output.count {
                    let all = Array(output)
                    let pieces = [all[..<first], all[first..<second], all[second...]].map { String($0) }
                    #expect(finds("good", pieces) == isThere, "\(pieces)")
                }
            }
        }
        #expect(finds("", ["x"]) && !finds("", [""]))
        #expect(finds("aab", ["a", "a", "a", "b"]))
        var match = OutputMatch(text: bytes("ab"))
        let halves = ["a", "b"].map { bytes($0) }
        #expect(!halves[0].withUnsafeBytes { match.see($0, of: .stdout) })
        #expect(!halves[1].withUnsafeBytes { match.see($0, of: .stderr) }, "streams are not one")
        #expect(halves[1].withUnsafeBytes { match.see($0, of: .stdout) })
    }

    @Test func anAnswerIsALineOnStdoutAfterTheQuestion() {
        var match = OutputMatch.answer
        func see(_ text: String, _ stream: StreamName = .stdout) -> Bool {
            bytes(text).withUnsafeBytes { match.see($0, of: stream) }
        }
        #expect(!see("banner\n"))
        match.arm()
        #expect(!see("no line") && !see("\n", .stderr) && see(" end\n"))
    }

    @Test func theTableOfTransitionsIsSound() {
        let table = SessionTransition.all
        #expect(Set(KnownTransitions.all).count == table.count, "a row twice")
        #expect(table.filter { $0.from == nil }.count == 1)
        for state in SessionState.allCases {
            #expect(table.contains { $0.to == state }, "\(state) is never reached")
            #expect(table.contains { $0.from == state } != state.isFinal, "\(state)")
        }
        for row in table { #expect(row.from != row.to && !row.when.isEmpty && !row.when.hasSuffix(".")) }
        // It says what the keeper goes by, and no more.
        var rows: Set<SeenTransition> = [SeenTransition(from: "", event: "started", to: "starting")]
        for state in SessionState.allCases {
            for change in StateChange.allCases {
                guard let next = state.after(change) else { continue }
                rows.insert(
                    SeenTransition(from: "\(state.name)", event: "\(change.event)", to: "\(next.name)"))
            }
        }
        #expect(rows == KnownTransitions.all)
    }
}
