import CSystem
import Testing

/// What release executables have in place of the C library, held against the real one.
@Suite struct StandaloneTests {
    @Test func errorTextsAreThoseOfTheLibrary() {
        // What no system call of ours answers: STREAMS, old networks, libraries of another format.
        let strange = Set(41...60).union(63...70).union([72, 73]).union(76...83).union([85, 86, 109])
            .union(117...120).union([123, 124, 132])
        for number in Int32(-2)...140 {
            let text = String(cString: csys_own_strerror(number))
            let expected =
                strange.contains(Int(number)) ? "Unknown error \(number)" : String(cString: strerror(number))
            #expect(text == expected)
        }
        #expect(String(cString: csys_own_strerror(.min)) == "Unknown error -2147483648")
    }

    @Test func theSmallestWholeNumberAbove() {
        for value in [0, 0.25, -0.25, 1, 1.5, -1.5, 2.999, 1e15 + 0.5, 4.6e15, -1e300, .infinity] {
            #expect(csys_own_ceil(value) == value.rounded(.up))
        }
        #expect(csys_own_ceil(-0.5).sign == .minus)
        #expect(csys_own_ceil(.nan).isNaN)
    }

    #if arch(x86_64)
        /// Their start-up makes room for no thread-local variable but the stack protector's, and applies no relocation.
        @Test(
            .enabled("needs KEEPER_TEST_BIN, release executables") {
                environmentValue("KEEPER_TEST_BIN") != nil
            })
        func releaseExecutablesNeedNothingElse() throws {
            for path in [Executables.keeper, Executables.keeperctl] {
                let image = try #require(readFile(path))
                image.withUnsafeBytes { image in
                    let count = Int(image.loadUnaligned(fromByteOffset: 56, as: UInt16.self))
                    let start = Int(image.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
                    let kinds = (0..<count).map {
                        image.loadUnaligned(fromByteOffset: start + $0 * 56, as: UInt32.self)
                    }
                    #expect(kinds.contains(1))  // PT_LOAD
                    // PT_DYNAMIC, PT_INTERP, PT_TLS.
                    #expect(Set(kinds).isDisjoint(with: [2, 3, 7]), "\(path): \(kinds)")
                }
            }
        }
    #endif

    @Test func strings() {
        let texts = [
            "", "a", "b", "ab", "abc", "abd", "/usr/bin:/bin", "é", String(repeating: "x", count: 70),
        ]
        for text in texts {
            for other in texts {
                for most in 0...4 {
                    #expect(
                        csys_own_strncmp(text, other, most).signum() == strncmp(text, other, most).signum())
                }
                #expect(csys_own_strcspn(text, other) == strcspn(text, other))
                for byte in [0, 47, 58, 98, 0xA9] as [Int32] {
                    text.withCString { #expect(csys_own_strchr($0, byte) == strchr($0, byte)) }
                }
                Array(text.utf8).withUnsafeBytes { haystack in
                    Array(other.utf8).withUnsafeBytes { needle in
                        guard let base = haystack.baseAddress, let part = needle.baseAddress else { return }
                        let own = csys_own_memmem(base, haystack.count, part, needle.count)
                        #expect(own == memmem(base, haystack.count, part, needle.count))
                    }
                }
            }
        }
    }

    #if arch(x86_64)
        /// Two pages that can be used between two that can't be touched.
        private func withPages(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
            let whole = mmap(nil, 16_384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
            mprotect(whole + 4096, 8192, PROT_READ | PROT_WRITE)
            body(UnsafeMutableRawBufferPointer(start: whole + 4096, count: 8192))
            munmap(whole, 16_384)
        }

        @Test func searchesUpToTheEdgesOfMemory() {
            var random = SplitMix64(state: 11)
            withPages { pages in
                let base = pages.baseAddress!
                for round in 0..<20_000 {
                    let length = round % 3 == 0 ? random.below(8192) : random.below(200)
                    // At the lower edge, at the upper one, in between.
                    let start = [0, pages.count - length, random.below(pages.count - length + 1)][round % 3]
                    memset(base, 0x62, pages.count)
                    for _ in 0..<random.below(4) { pages[random.below(pages.count)] = 10 }
                    #expect(csys_own_memchr(base + start, 10, length) == memchr(base + start, 10, length))
                    #expect(csys_own_memrchr(base + start, 10, length) == memrchr(base + start, 10, length))
                    if length > 0 {
                        pages[start + length - 1] = 0
                        let text = (base + start).assumingMemoryBound(to: CChar.self)
                        #expect(csys_own_strlen(text) == strlen(text))
                    }
                }
                #expect(csys_own_memchr(base, 0x0A, 0) == nil && csys_own_memrchr(base, 0x0A, 0) == nil)
                pages[8191] = 1
                #expect(csys_own_memchr(base, 1, .max) == base + 8191)
            }
        }

        @Test func comparing() {
            var random = SplitMix64(state: 12)
            withPages { pages in
                let base = pages.baseAddress!
                for round in 0..<20_000 {
                    let length = round % 5 == 0 ? random.below(3000) : random.below(70)
                    let second = base + pages.count - length
                    memset(base, 0x80, pages.count)
                    if random.below(4) > 0 { pages[random.below(length + 1)] = UInt8(random.below(256)) }
                    let own = csys_own_memcmp(base, second, length)
                    #expect(own.signum() == memcmp(base, second, length).signum(), "\(length)")
                    #expect((csys_own_bcmp(base, second, length) == 0) == (own == 0))
                }
            }
        }

        @Test func movingAndFilling() {
            var random = SplitMix64(state: 13)
            let original = random.bytes(8192)
            withPages { pages in
                let base = pages.baseAddress!
                for round in 0..<20_000 {
                    let length = round % 4 == 0 ? random.below(5000) : random.below(300)
                    var from = random.below(8193 - length)
                    var to = random.below(8193 - length)
                    if round % 3 == 0 { to = min(8192 - length, max(0, from + random.below(200) - 100)) }
                    if round % 7 == 0 { (from, to) = (8192 - length, 0) }
                    if round % 11 == 0 { (from, to) = (0, 8192 - length) }
                    memcpy(base, original, 8192)
                    var expected = original
                    expected.withUnsafeMutableBytes { expected in
                        let target = expected.baseAddress! + to
                        memmove(target, expected.baseAddress! + from, length)
                        #expect(csys_own_memmove(base + to, base + from, length) == base + to)
                        #expect(
                            memcmp(base, expected.baseAddress!, 8192) == 0, "\(length) from \(from) to \(to)")
                        let value = Int32(random.below(256))
                        memset(target, value, length)
                        #expect(csys_own_memset(base + to, value | 0x100, length) == base + to)
                        #expect(memcmp(base, expected.baseAddress!, 8192) == 0, "\(length) at \(to)")
                    }
                }
            }
        }
    #endif
}

#if arch(x86_64)
    /// One heap: one test at a time.
    @Suite(.serialized) struct StandaloneHeapTests {
        @Test func theHeap() {
            var random = SplitMix64(state: 14)
            var held: [(UnsafeMutableRawPointer, count: Int, mark: UInt8)] = []
            var lowest = UInt.max
            var highest = UInt.min
            func check(_ block: (UnsafeMutableRawPointer, count: Int, mark: UInt8)) {
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
                    check(block)
                    csys_own_free(block.0)
                }
                if round % 5000 == 0 {
                    #expect(csys_own_malloc_trim(0) == 1)
                    held.forEach(check)
                }
            }
            held.forEach(check)
            for block in held { csys_own_free(block.0) }
            csys_own_free(nil)
            // Everything was joined again: the largest block that isn't a mapping starts at the bottom.
            let whole = csys_own_malloc(120_000)!
            #expect(UInt(bitPattern: whole) == lowest)
            csys_own_free(whole)
            #expect(highest - lowest < 4_000_000)
        }

        @Test func whatTheHeapCannotGive() {
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
    }
#endif
