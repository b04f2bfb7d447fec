import CSystem

// Public, like all noncopyable types with a deinit: see FileDescriptor.
/// The C strings of a new process, its arguments or its environment, as exec takes them: the list ends with nil.
public struct ArgumentList: ~Copyable {
    private var strings: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private var count = 0
    private var capacity = 16
    /// Which of them are copies that this list frees.
    private var copies: [UnsafeMutablePointer<CChar>] = []

    package init() {
        strings = .allocate(capacity: capacity)
        strings[0] = nil
    }

    package init(_ texts: [String]) {
        self.init()
        for text in texts { append(text) }
    }

    deinit {
        for copy in copies { free(copy) }
        strings.deallocate()
    }

    package mutating func append(_ text: String) { append(Array(text.utf8)) }

    /// Appends a copy of bytes, which hold no NUL.
    package mutating func append(_ bytes: [UInt8]) {
        let copy = malloc(bytes.count + 1)!.assumingMemoryBound(to: CChar.self)
        bytes.bytes { if let base = $0.baseAddress { memcpy(copy, base, $0.count) } }
        copy[bytes.count] = 0
        copies.append(copy)
        append(borrowing: copy)
    }

    /// Appends a string that outlives the list.
    package mutating func append(borrowing string: UnsafeMutablePointer<CChar>) {
        if count + 1 == capacity {
            let larger = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: 2 * capacity)
            larger.initialize(from: strings, count: count)
            strings.deallocate()
            strings = larger
            capacity *= 2
        }
        strings[count] = string
        strings[count + 1] = nil
        count += 1
    }

    /// Runs `body` on the list.
    @discardableResult
    package borrowing func withPointer<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafePointer(strings))
    }

    /// Gives the list up for good: the strings and the pointer stay valid as long as the process.
    package consuming func leak() -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
        let pointer = UnsafePointer(strings)
        strings = .allocate(capacity: 1)
        copies = []
        return pointer
    }
}
