import CSystem

/// One of the kernel's limits for a process (setrlimit(2)).
package struct ResourceLimit {
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64

    /// How many descriptors this process may have.
    package static var ofDescriptors: ResourceLimit? {
        var limit = rlimit()
        guard csys_get_limit(7, &limit) == 0 else { return nil }
        return ResourceLimit(resource: 7, soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
    }

    /// Names without `RLIMIT_`, and their numbers in the kernel.
    static var all: [(name: String, number: Int32)] {
        [
            ("CPU", 0), ("FSIZE", 1), ("DATA", 2), ("STACK", 3), ("CORE", 4), ("RSS", 5), ("NPROC", 6),
            ("NOFILE", 7), ("MEMLOCK", 8), ("AS", 9), ("LOCKS", 10), ("SIGPENDING", 11), ("MSGQUEUE", 12),
            ("NICE", 13), ("RTPRIO", 14), ("RTTIME", 15),
        ]
    }

    /// Reads `NOFILE=1024`, `AS=2G`, `NOFILE=1024:4096` (soft and hard) or `CORE=unlimited`; nil for anything else.
    package static func parse(_ text: [UInt8]) -> ResourceLimit? {
        guard let mark = text.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = Array(text[..<mark])
        guard let resource = all.first(where: { sameText(name, $0.name) }) else { return nil }
        let values = text[(mark + 1)...].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard values.count <= 2, let first = values.first, let soft = amount(Array(first)),
            let hard = values.count == 2 ? amount(Array(values[1])) : soft, soft <= hard
        else { return nil }
        return ResourceLimit(resource: resource.number, soft: soft, hard: hard)
    }

    private static func amount(_ text: [UInt8]) -> UInt64? {
        if sameText(text, "unlimited") { return UInt64.max }
        return Argument(bytes: text).size.map { UInt64($0) }
    }
}
