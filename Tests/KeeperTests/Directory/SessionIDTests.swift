import KeeperShared
import Testing

@Suite struct CommandLineSessionIDTests {
    func failure(_ bytes: [UInt8]) -> SessionIDError? {
        do throws(SessionIDError) {
            _ = try SessionID(bytes: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["a", "0", "_", "@", ":", "+", "a.b-c_d@e:f+G9", "launch", "launch_x", "Launch-x", "a."])
    func goodIDsPass(_ text: String) throws {
        #expect(try SessionID(text).string == text)
    }

    @Test func theLongestHas64Bytes() throws {
        _ = try SessionID(String(repeating: "x", count: 64))
        #expect(failure(Array(repeating: 0x78, count: 65)) == .tooLong(65))
    }

    @Test func eachRuleHasItsError() {
        #expect(failure([]) == .empty)
        #expect(failure(Array(".a".utf8)) == .reservedStart(.dot))
        #expect(failure(Array("..".utf8)) == .reservedStart(.dot))
        #expect(failure(Array("-a".utf8)) == .reservedStart(.dash))
        #expect(failure(Array("launch-".utf8)) == .reservedStart(.launch))
        #expect(failure(Array("a/b".utf8)) == .forbiddenByte(0x2F, position: 2))
        #expect(failure(Array("aä".utf8)) == .forbiddenByte(0xC3, position: 2))
        #expect(failure([0x61, 0x00]) == .forbiddenByte(0, position: 2))
    }

    @Test func errorsSayTheRuleAndStayOnOneLine() {
        #expect(
            SessionIDError.forbiddenByte(0x0A, position: 3).message
                == "byte 3 is '\\x0A', and only A-Z a-z 0-9 . _ - @ : + are allowed")
        #expect(SessionIDError.tooLong(80).message == "it has 80 bytes, and at most 64 are allowed")
        #expect(SessionIDError.reservedStart(.launch).message == "it may not start with 'launch-'")
    }

    @Test func idsCompareByBytes() throws {
        let (upper, lower) = (try SessionID("B"), try SessionID("a"))
        #expect(upper < lower && upper != lower)
        #expect(try SessionID("a") == lower)
    }
}
