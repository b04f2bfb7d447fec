import CSystem
import Testing

/// The heap of release executables, as debug builds hold it. One heap: one test at a time.
@Suite(.serialized) struct HeapTests {
    @Test("random blocks keep what is in them, lie apart, and are joined again when they are free")
    func randomBlocks() {
        var random = SplitMix64(state: 14)
        var held: [(UnsafeMutableRawPointer, count: Int, mark: UInt8)] = []
        var lowest = UInt.max
        var highest = UInt.min
        func verify(_ block: (UnsafeMutableRawPointer, count: Int, mark: UInt8)) {
            let bytes = UnsafeRawBufferPointer(start: block.0, count: block.count)
            #expect(bytes.allSatisfy { $0 == block.mark }, "\(block.count) bytes")
        }
        for round in 0..<60_000 {
            // Grows, shrinks to nothing, and grows again.
            if random.below(100) < (round / 10_000 % 2 == 0 ? 60 : 30) {
                let kind = random.below(200)
                let count =
                    kind == 0 ? random.below(300_000) : kind < 20 ? random.below(5000) : random.below(150)
                guard let block = csys_own_malloc(count) else {
                    Issue.record("\(count) bytes: none left")
                    return
                }
                #expect(UInt(bitPattern: block) % 16 == 0)
                let mark = UInt8(random.below(256))
                memset(block, Int32(mark), count)
                held.append((block, count, mark))
                if count < 100_000 {
                    lowest = min(lowest, UInt(bitPattern: block))
                    highest = max(highest, UInt(bitPattern: block) + UInt(count))
                }
            } else if !held.isEmpty {
                let block = held.remove(at: random.below(held.count))
                verify(block)
                csys_own_free(block.0)
            }
            if round % 5000 == 0 {
                #expect(csys_own_malloc_trim(0) == 1)
                held.forEach(verify)
            }
        }
        held.forEach(verify)
        for block in held { csys_own_free(block.0) }
        csys_own_free(nil)
        // Everything was joined again: the largest block that isn't a mapping starts at the bottom.
        let whole = csys_own_malloc(120_000)!
        #expect(UInt(bitPattern: whole) == lowest)
        csys_own_free(whole)
        #expect(highest - lowest < 4_000_000)
    }

    @Test func whatCannotBeGiven() {
        #expect(csys_own_malloc(.max) == nil && csys_errno() == ENOMEM)
        __errno_location().pointee = 0
        #expect(csys_own_malloc(Int.max) == nil && csys_errno() == ENOMEM)
        var block: UnsafeMutableRawPointer?
        #expect(csys_own_posix_memalign(&block, 3, 8) == EINVAL)
        #expect(csys_own_posix_memalign(&block, 16, .max) == ENOMEM)
        for alignment in [8, 16, 32, 64, 4096] {
            for count in [0, 1, 5000, 200_000] {
                #expect(csys_own_posix_memalign(&block, alignment, count) == 0)
                #expect(UInt(bitPattern: block) % UInt(alignment) == 0)
                memset(block!, 1, count)
                csys_own_free(block)
            }
        }
    }

    @Test func largerAndEmptyBlocks() {
        for count in [0, 1, 24, 25, 5000, 200_000] {
            let block = csys_own_malloc(count)!
            memset(block, 7, count)
            for next in [count + 1, 150_000, 3, 130_000] {
                let other = csys_own_realloc(csys_own_realloc(nil, 10), next)!
                csys_own_free(other)
            }
            let larger = csys_own_realloc(block, count * 3)!
            #expect(UnsafeRawBufferPointer(start: larger, count: count).allSatisfy { $0 == 7 })
            csys_own_free(larger)
            let empty = csys_own_calloc(count, 3)!
            #expect(UnsafeRawBufferPointer(start: empty, count: count * 3).allSatisfy { $0 == 0 })
            csys_own_free(empty)
        }
        #expect(csys_own_calloc(.max, 2) == nil && csys_errno() == ENOMEM)
    }
}
