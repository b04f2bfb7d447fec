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

/// The position of the first line feed at or after `start`; nil without one. Sixteen bytes at a time, as not every C
/// library's `memchr` looks at so many.
@inline(__always)
package func lineFeed(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    typealias Lanes = SIMD16<UInt8>
    let lineFeed = Lanes(repeating: 10)
    var offset = start
    while offset + Lanes.scalarCount <= bytes.count {
        let chunk = bytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
        let found = Lanes.zero.replacing(with: Lanes.one, where: chunk .== lineFeed)
        let halves = unsafeBitCast(found, to: SIMD2<UInt64>.self)
        if halves[0] != 0 { return offset + halves[0].littleEndian.trailingZeroBitCount / 8 }
        if halves[1] != 0 { return offset + 8 + halves[1].littleEndian.trailingZeroBitCount / 8 }
        offset += Lanes.scalarCount
    }
    while offset < bytes.count {
        if bytes[offset] == 10 { return offset }
        offset += 1
    }
    return nil
}

/// Copies bytes of which there are few: `memcpy` of some C libraries takes longer to begin than to copy them.
@inline(__always)
func copyShort(_ from: UnsafeRawPointer, to place: UnsafeMutableRawPointer, count: Int) {
    var offset = 0
    while offset + 16 <= count {
        place.storeBytes(
            of: from.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self), toByteOffset: offset,
            as: SIMD16<UInt8>.self)
        offset += 16
    }
    while offset + 4 <= count {
        place.storeBytes(
            of: from.loadUnaligned(fromByteOffset: offset, as: UInt32.self), toByteOffset: offset,
            as: UInt32.self)
        offset += 4
    }
    while offset < count {
        place.storeBytes(
            of: from.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
        offset += 1
    }
}
