import KeeperShared
import Testing

@Suite struct WireUnitsTests {
    func durationProblem(_ text: String) -> UnitError? {
        do throws(UnitError) {
            _ = try parseDuration(text)
            return nil
        } catch { return error }
    }

    func sizeProblem(_ text: String) -> UnitError? {
        do throws(UnitError) {
            _ = try parseSize(text)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        ("350ms", 350_000_000), ("2s", 2_000_000_000), ("5m", 300_000_000_000), ("1h", 3_600_000_000_000),
        ("7d", 604_800_000_000_000), ("1.5s", 1_500_000_000), ("0", 0), ("0s", 0), ("0.000001ms", 1),
        ("0.5d", 43_200_000_000_000), ("1.25h", 4_500_000_000_000), ("007s", 7_000_000_000),
        ("9223372036.854775807s", Int64.max), ("1.00000000000000000000001s", 1_000_000_000),
    ])
    func durations(_ text: String, _ nanoseconds: Int64) throws {
        #expect(try parseDuration(text) == nanoseconds)
    }

    @Test(
        arguments: [
            ("", .empty), ("30", .noUnit), ("1.5", .noUnit), ("00", .noUnit), ("-5s", .negative),
            ("5x", .unknownUnit),
            ("5S", .unknownUnit), ("5 s", .unknownUnit), ("1.s", .unknownUnit), ("1h30m", .unknownUnit),
            (".5s", .notANumber),
            ("s", .notANumber), ("+5s", .notANumber), (" 5s", .notANumber), ("1e3s", .unknownUnit),
            ("5s ", .unknownUnit),
            ("9223372036.854775808s", .tooLarge), ("99999999999999999999ms", .tooLarge),
            ("106752d", .tooLarge),
        ] as [(String, UnitError.Problem)])
    func durationsRefused(_ text: String, _ problem: UnitError.Problem) {
        #expect(durationProblem(text)?.problem == problem)
    }

    @Test(arguments: [
        ("0", 0), ("512", 512), ("64K", 65_536), ("64k", 65_536), ("64KiB", 65_536), ("16M", 16_777_216),
        ("16mib", 16_777_216), ("1G", 1 << 30), ("1T", 1 << 40), ("8388607T", 8_388_607 << 40),
        ("9223372036854775807", Int.max),
    ])
    func sizes(_ text: String, _ bytes: Int) throws {
        #expect(try parseSize(text) == bytes)
    }

    @Test(
        arguments: [
            ("", .empty), ("K", .notANumber), ("-1K", .negative), ("1.5G", .fraction), ("5X", .unknownUnit),
            ("5KB", .unknownUnit), ("5 K", .unknownUnit), ("5iB", .unknownUnit), ("0x10", .unknownUnit),
            ("5Ki", .unknownUnit),
            ("8388608T", .tooLarge), ("9223372036854775808", .tooLarge), ("1.", .unknownUnit),
            ("1P", .unknownUnit),
        ] as [(String, UnitError.Problem)])
    func sizesRefused(_ text: String, _ problem: UnitError.Problem) {
        #expect(sizeProblem(text)?.problem == problem)
    }

    @Test func messagesSayWhatWhyAndWhatInstead() {
        #expect(
            durationProblem("30")?.message
                == "duration \"30\" has no unit: add one; write it like 350ms, 2s, 5m, 1h or 7d")
        #expect(
            sizeProblem("5KB")?.message
                == "size \"5KB\" has an unknown unit; write it like 512, 64K, 16M or 1G")
        let long = durationProblem("a\nb" + String(repeating: "é", count: 1000))?.message ?? ""
        #expect(long.hasPrefix("duration \"a?b"))
        #expect(long.utf8.count < 160)
    }

    @Test(arguments: [
        (0, "0s"), (1, "0.000001ms"), (350_000_000, "350ms"), (1_500_000_000, "1.5s"),
        (1_000_000_001, "1.000000001s"),
        (90_000_000_000, "90s"), (300_000_000_000, "5m"), (7_200_000_000_000, "2h"),
        (604_800_000_000_000, "7d"),
        (-1_500_000_000, "-1.5s"), (10_500_000, "10.5ms"),
    ])
    func rendersDurations(_ nanoseconds: Int64, _ text: String) {
        #expect(formatDuration(nanoseconds) == text)
    }

    @Test(arguments: [
        (0, "0"), (1000, "1000"), (1024, "1K"), (16_777_216, "16M"), (1 << 30, "1G"), (1 << 40, "1T"),
        (1 << 50, "1024T"),
        (1025, "1025"), (-1, "0"),
    ])
    func rendersSizes(_ bytes: Int, _ text: String) {
        #expect(formatSize(bytes) == text)
    }

    @Test func rendersAges() {
        let second: Int64 = 1_000_000_000
        let ages = [-5, 0, 59, 60, 3_599, 3_600, 86_399, 86_400, 86_400 * 400].map { formatAge($0 * second) }
        #expect(ages == ["0s", "0s", "59s", "1m", "59m", "1h", "23h", "1d", "400d"])
    }

    @Test func roundTrips() throws {
        var random = SplitMix64(state: 6)
        for _ in 0..<5_000 {
            var number = Int64(random.next() >> 1) >> Int64(random.below(63))
            if random.below(2) == 0 {
                number -= number % random.pick([1_000_000, 1_000_000_000, 60_000_000_000])
            }
            #expect(try parseDuration(formatDuration(number)) == number)
            let size = (Int(number) >> random.below(20)) << random.below(20)
            if size >= 0 { #expect(try parseSize(formatSize(size)) == size) }
        }
        #expect(try parseDuration(formatDuration(.max)) == .max)
        #expect(try parseSize(formatSize(.max)) == .max)
    }

    @Test func randomTextNeverCrashes() {
        var random = SplitMix64(state: 7)
        let letters = Array("0123456789.-smhdKMGTiB\u{0} ".utf8)
        for round in 0..<10_000 {
            let count = random.below(25)
            let bytes = round % 2 == 0 ? random.bytes(count) : (0..<count).map { _ in random.pick(letters) }
            let input = text(bytes)
            if let problem = durationProblem(input) { #expect(!problem.message.utf8.contains(0x0A)) }
            if let problem = sizeProblem(input) { #expect(!problem.message.utf8.contains(0x0A)) }
        }
    }
}
