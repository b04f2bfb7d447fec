/// How many line feeds there are. Sixteen bytes at a time: counted one by one, the lines of a bulk writer cost more than moving them.
package func countLineFeeds(_ bytes: UnsafeRawBufferPointer) -> Int {
    typealias Lanes = SIMD16<UInt8>
    let lineFeed = Lanes(repeating: 10)
    var total = 0
    var offset = 0
    while offset + Lanes.scalarCount <= bytes.count {
        // No lane can overflow within this many rounds.
        let rounds = min(255, (bytes.count - offset) / Lanes.scalarCount)
        var sums = Lanes.zero
        for _ in 0..<rounds {
            let chunk = bytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
            sums &+= Lanes.zero.replacing(with: Lanes.one, where: chunk .== lineFeed)
            offset += Lanes.scalarCount
        }
        for lane in 0..<Lanes.scalarCount { total += Int(sums[lane]) }
    }
    for byte in bytes[offset...] where byte == 10 { total += 1 }
    return total
}
