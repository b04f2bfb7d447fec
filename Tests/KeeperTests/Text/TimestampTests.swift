import KeeperShared
import Testing

@Suite struct WireTimestampTests {
    static let second: Int64 = 1_000_000_000

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_171_277_123_999_999, "2026-11-20T10:41:17.123Z"),
        (951_782_400 * second, "2000-02-29T00:00:00.000Z"),
        (951_868_800 * second, "2000-03-01T00:00:00.000Z"),
        (4_107_542_399 * second, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400 * second, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (.min, "1677-09-21T00:12:43.145Z"),
        (.max, "2262-04-11T23:47:16.854Z"),
    ])
    func writes(_ nanoseconds: Int64, _ text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).rfc3339 == text)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1969-12-31T18:30:00.000000001-05:30", 1),
        ("1970-01-01T00:00:00.1234567899999Z", 123_456_789),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * second),
        ("2017-01-01T00:59:60+01:00", 1_483_228_800 * second),
        ("1677-09-21T00:12:43.145224192Z", .min),
        ("2262-04-11T23:47:16.854775807Z", .max),
        ("2024-02-29T12:00:00-00:00", 1_709_208_000 * second),
    ])
    func reads(_ text: String, _ nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "now", "1970-01-01", "1970-01-01T00:00Z", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z",
        "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "1970-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "1970-04-31T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60", "1970-01-01T00:00:00+0000", "1970-01-01T00:00:00Zx",
        " 1970-01-01T00:00:00Z",
        "1677-09-21T00:12:43.145224191Z", "2262-04-11T23:47:16.854775808Z", "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z", "1970-1-01T00:00:00Z", "+970-01-01T00:00:00Z",
    ])
    func refuses(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func roundTripsToTheMillisecond() {
        var random = SplitMix64(state: 4)
        var previous: (moment: Timestamp, text: String)?
        for _ in 0..<5_000 {
            let moment = Timestamp(nanoseconds: Int64(bitPattern: random.next()) / 1_000_000 * 1_000_000)
            let text = moment.rfc3339
            #expect(Timestamp(rfc3339: text) == moment, "\(text)")
            // Text of one width sorts like time.
            if let previous { #expect((previous.moment < moment) == (previous.text < text)) }
            previous = (moment, text)
        }
    }

    @Test func everyDayFollowsTheOneBefore() {
        var year = 1678
        var month = 1
        var day = 1
        let start = (Timestamp(rfc3339: "1678-01-01T00:00:00Z")?.nanoseconds ?? 0) / Self.second
        for days in 0..<Int64(213_000) {
            var expected: [UInt8] = []
            expected.appendDecimal(UInt64(year), width: 4)
            expected.append(literal: "-")
            expected.appendDecimal(UInt64(month), width: 2)
            expected.append(literal: "-")
            expected.appendDecimal(UInt64(day), width: 2)
            expected.append(literal: "T00:00:00.000Z")
            var written: [UInt8] = []
            Timestamp(nanoseconds: (start + days * 86_400) * Self.second).appendRFC3339(to: &written)
            guard written == expected else {
                Issue.record("\(text(written)) instead of \(text(expected))")
                return
            }
            let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            day += 1
            if day > lengths[month - 1] { (day, month) = (1, month + 1) }
            if month > 12 { (month, year) = (1, year + 1) }
        }
    }

    @Test func mutatedTimesNeverCrash() {
        var random = SplitMix64(state: 5)
        for _ in 0..<5_000 {
            var bytes = Array("2026-11-20T10:41:17.123+05:30".utf8)
            for _ in 0...random.below(2) {
                bytes[random.below(bytes.count)] = random.pick(Array("0123456789-:+.TZ \u{0}".utf8))
            }
            bytes.removeLast(random.below(3))
            if let moment = bytes.withUnsafeBufferPointer({ Timestamp(rfc3339: $0) }) {
                #expect(moment.rfc3339.utf8.count == 24)
            }
        }
    }

    @Test func nowIsPresent() {
        #expect(Timestamp.now() > Timestamp(nanoseconds: 1_700_000_000 * Self.second))
    }
}
