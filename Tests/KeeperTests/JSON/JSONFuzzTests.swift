import KeeperShared
import Testing

@Suite struct WireJSONFuzzTests {
    func randomString(_ random: inout SplitMix64) -> String {
        var string = ""
        for _ in 0..<random.below(8) {
            let scalar = random.pick([
                UInt32(random.below(0x80)), UInt32(random.below(0x800)), 0x2028, 0x2029, 0x22, 0x5C,
                UInt32(0x10000 + random.below(0x10_0000)),
            ])
            string.unicodeScalars.append(Unicode.Scalar(scalar) ?? "?")
        }
        return string
    }

    func randomValue(_ random: inout SplitMix64, depth: Int) -> JSONValue {
        switch random.below(depth > 0 ? 8 : 6) {
        case 0: return .null
        case 1: return .bool(random.below(2) == 0)
        case 2: return .integer(Int64(bitPattern: random.next()) >> Int64(random.below(64)))
        case 3:
            let number = Double(bitPattern: random.next())
            return .number("\(number.isFinite ? number : 0.1)")
        case 4: return .number("\(random.below(2000) - 1000).0")
        case 5: return .string(randomString(&random))
        case 6: return .array((0..<random.below(5)).map { _ in randomValue(&random, depth: depth - 1) })
        default:
            return .object(
                (0..<random.below(5)).map { _ in
                    JSONMember(name: randomString(&random), value: randomValue(&random, depth: depth - 1))
                })
        }
    }

    func write(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(value)
        return writer.bytes
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        var random = SplitMix64(state: 2)
        for _ in 0..<3_000 {
            let value = randomValue(&random, depth: 4)
            let bytes = write(value)
            #expect(!bytes.contains(0x0A))
            let read = try JSONValue.parse(bytes)
            #expect(read == value)
            #expect(write(read) == bytes)
        }
    }

    @Test func mutatedDocumentsNeverCrash() {
        var random = SplitMix64(state: 3)
        let pieces = ["\\u", "\\uD800", "\"", "{", "}", "[", "]", ",", ":", "-", "1e", "\\", "\u{0}"]
        var accepted = 0
        for _ in 0..<5_000 {
            var bytes = write(randomValue(&random, depth: 3))
            for _ in 0...random.below(3) {
                let place = random.below(bytes.count + 1)
                switch random.below(4) {
                case 0: bytes.insert(contentsOf: random.pick(pieces).utf8, at: place)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.below(4)))
                case 2: bytes.insert(contentsOf: random.bytes(1), at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            do throws(JSONError) {
                let value = try JSONValue.parse(bytes)
                accepted += 1
                let again = try JSONValue.parse(write(value))
                #expect(again == value)
            } catch {
                #expect((0...bytes.count).contains(error.offset))
            }
        }
        #expect(accepted > 0)
    }
}
