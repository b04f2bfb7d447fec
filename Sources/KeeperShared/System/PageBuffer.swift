import CSystem

/// Bytes in pages of their own, which go back to the system when they are not needed.
///
/// The heap would keep what a burst once needed; an idle keeper must not.
public struct PageBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    /// Bytes of address space.
    package private(set) var capacity = 0
    private var start = 0
    private var end = 0

    package init() {}

    deinit { if let base { munmap(base, capacity) } }

    package var count: Int { end - start }
    package var isEmpty: Bool { end == start }

    /// The bytes that are in use. Valid until the buffer is changed.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0 + start) }, count: count)
    }

    /// Forgets the first bytes.
    package mutating func removeFirst(_ count: Int) {
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Forgets the last bytes.
    package mutating func removeLast(_ count: Int) { end -= count }

    /// Room for `count` more bytes after those in use, which ``grow(by:)`` then counts.
    package mutating func room(for count: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
        if let base, start > 0, end + count > capacity {
            memmove(base, base + start, self.count)
            end -= start
            start = 0
        }
        if base == nil || end + count > capacity {
            var wanted = max(capacity, PageBuffer.standardCapacity)
            while wanted < end + count { wanted *= 2 }
            let pages: UnsafeMutableRawPointer?
            if let base {
                pages = csys_mremap(base, capacity, wanted)
            } else {
                pages = mmap(nil, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            }
            guard let pages, pages != UnsafeMutableRawPointer(bitPattern: -1) else {
                throw SystemError("mmap", "\(wanted) bytes", csys_errno())
            }
            base = pages
            capacity = wanted
        }
        return UnsafeMutableRawBufferPointer(start: base! + end, count: capacity - end)
    }

    /// Counts bytes that were put into the room.
    package mutating func grow(by count: Int) { end += count }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        let space = try room(for: bytes.count)
        space.copyMemory(from: bytes)
        end += bytes.count
    }

    /// The same for an array; an error is noted.
    package mutating func append(_ array: [UInt8], _ problem: inout SystemError?) {
        if array.isEmpty { return }
        do throws(SystemError) {
            let space = try room(for: array.count)
            array.withUnsafeBytes { space.copyMemory(from: $0) }
            end += array.count
        } catch {
            problem = error
        }
    }

    /// Whether this is worth keeping for the next user: it has the size that most need.
    package var isStandard: Bool { capacity == PageBuffer.standardCapacity }

    /// Gives the pages back but keeps the addresses.
    package mutating func discard() {
        start = 0
        end = 0
        if let base { madvise(base, capacity, MADV_DONTNEED) }
    }

    /// A pipe's usual capacity.
    package static var standardCapacity: Int { 64 << 10 }
}
