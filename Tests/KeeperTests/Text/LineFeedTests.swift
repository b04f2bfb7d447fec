import KeeperShared
import Testing

@Test("the next line feed is found wherever it is, sixteen bytes at a time or one by one")
func lineFeedsAreFound() {
    for count in 0...40 {
        for place in 0...count {
            var bytes = [UInt8](repeating: 11, count: count)
            if place < count { bytes[place] = 10 }
            bytes.withUnsafeBytes { buffer in
                for start in 0...count {
                    #expect(
                        lineFeed(in: buffer, from: start) == (start <= place && place < count ? place : nil))
                }
            }
        }
    }
}
