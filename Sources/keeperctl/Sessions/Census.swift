import CSystem
import KeeperShared

/// The ids that a sessions directory's names speak of, in order, and which names each of them has.
///
/// Made for directories of many thousands: an id is a few bytes in one block, not an object.
struct Census {
    /// Kinds of names.
    struct Traces: OptionSet, Sendable {
        let rawValue: UInt8
        init(rawValue: UInt8) { self.rawValue = rawValue }

        static let sidecar = Traces(rawValue: 1)
        static let socket = Traces(rawValue: 2)
        /// A dot-name: of a start under way, or of one that was killed.
        static let unfinished = Traces(rawValue: 4)
        static let folder = Traces(rawValue: 8)
        static let previousFolder = Traces(rawValue: 16)
        /// The keeper's log or the launch log.
        static let log = Traces(rawValue: 32)
        /// Of a start through a service manager; the id is only a number.
        static let unitStart = Traces(rawValue: 64)
    }

    private struct Entry {
        /// The first eight bytes, so that few comparisons need more.
        let key: UInt64
        let offset: Int32
        let count: Int32
        var traces: Traces
    }

    private var text: [UInt8] = []
    private var entries: [Entry] = []

    var indices: Range<Int> { entries.indices }

    /// Looks at all names, and keeps the ids of those that are wanted.
    init(of directory: borrowing FileDescriptor, _ wanted: Traces) throws(SystemError) {
        var text: [UInt8] = []
        var found: [Entry] = []
        try directory.forEachRawEntry { name, count, _ in
            let bytes = UnsafeRawBufferPointer(start: name, count: count)
            guard let (start, end, trace) = Census.parse(bytes), wanted.contains(trace) else { return }
            let id = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            guard SessionID.isValid(id) else { return }
            var key: UInt64 = 0
            for index in 0..<8 { key = key << 8 | UInt64(index < id.count ? id[index] : 0) }
            found.append(
                Entry(key: key, offset: Int32(text.count), count: Int32(id.count), traces: trace))
            text.append(contentsOf: id)
        }
        text.withUnsafeBytes { text in
            found.sort { Census.compare($0, $1, text) < 0 }
            for entry in found {
                if let last = entries.last, Census.compare(last, entry, text) == 0 {
                    entries[entries.count - 1].traces.formUnion(entry.traces)
                } else {
                    entries.append(entry)
                }
            }
        }
        self.text = text
    }

    private static func compare(_ left: Entry, _ right: Entry, _ text: UnsafeRawBufferPointer) -> Int32 {
        if left.key != right.key { return left.key < right.key ? -1 : 1 }
        let order = memcmp(
            text.baseAddress! + Int(left.offset), text.baseAddress! + Int(right.offset),
            Int(min(left.count, right.count)))
        return order != 0 ? order : left.count - right.count
    }

    /// Where the id is in a name, and what the name says.
    private static func parse(_ name: UnsafeRawBufferPointer) -> (Int, Int, Traces)? {
        func end(_ suffix: StaticString) -> Int? {
            let end = name.count - suffix.utf8CodeUnitCount
            return end > 0
                && memcmp(name.baseAddress! + end, suffix.utf8Start, suffix.utf8CodeUnitCount) == 0
                ? end : nil
        }
        if name[0] == UInt8(ascii: ".") {
            for suffix: StaticString in [".rpc.sock", ".rpc.sock.pid", ".rpc.sock.pi-pid", ".d.new"] {
                if let end = end(suffix), end > 1 { return (1, end, .unfinished) }
            }
            if let end = end(".start") ?? end(".report"), end > 1 { return (1, end, .unitStart) }
            return nil
        }
        if let end = end(".d") { return (0, end, .folder) }
        if let end = end(".rpc.sock.pid") { return (0, end, .sidecar) }
        if let end = end(".rpc.sock") { return (0, end, .socket) }
        if let end = end(".d~") { return (0, end, .previousFolder) }
        guard let end = end(".log") else { return nil }
        // No id starts with "launch-".
        for prefix: StaticString in ["keeper-launch-", "keeper-"] {
            let start = prefix.utf8CodeUnitCount
            if start < end, memcmp(name.baseAddress!, prefix.utf8Start, start) == 0 {
                return (start, end, .log)
            }
        }
        return nil
    }

    /// The id that a name speaks of, if it tells of a start or an end.
    static func id(of name: UnsafeRawBufferPointer) -> SessionID? {
        guard !name.isEmpty, let (start, end, trace) = parse(name),
            !Traces([.sidecar, .unfinished, .folder]).isDisjoint(with: trace)
        else { return nil }
        let id = UnsafeRawBufferPointer(rebasing: name[start..<end])
        return SessionID.isValid(id) ? SessionID(valid: id) : nil
    }

    func id(_ index: Int) -> SessionID {
        let entry = entries[index]
        return text.withUnsafeBytes { text in
            let start = Int(entry.offset)
            return SessionID(
                valid: UnsafeRawBufferPointer(rebasing: text[start..<(start + Int(entry.count))]))
        }
    }

    func traces(_ index: Int) -> Traces { entries[index].traces }

    /// Reads the status in the folder of an id.
    func status(
        _ index: Int, in directory: borrowing FileDescriptor, with reader: StatusReader
    ) -> StatusSummary? {
        var summary: StatusSummary?
        withName(index, ".d/status.json") { summary = reader.read($0, in: directory) }
        return summary
    }

    /// Who owns an id: four system calls if its keeper lives, five if it died.
    func ownership(
        _ index: Int, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Ownership {
        var sidecar = SidecarState.absent
        var failure: SystemError?
        withName(index, SessionNames.sidecarSuffix) { name in
            do throws(SystemError) {
                sidecar = try SidecarState.read(name, in: directory)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return try Ownership.of(sidecar, SessionNames(id(index)), in: directory)
    }

    /// Calls `body` with a name of an id, made on the stack.
    private func withName(_ index: Int, _ suffix: StaticString, _ body: (UnsafePointer<CChar>) -> Void) {
        let entry = entries[index]
        let count = Int(entry.count)
        let suffixCount = suffix.utf8CodeUnitCount
        text.withUnsafeBytes { text in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + suffixCount + 1) { name in
                memcpy(name.baseAddress!, text.baseAddress! + Int(entry.offset), count)
                memcpy(name.baseAddress! + count, suffix.utf8Start, suffixCount)
                name[count + suffixCount] = 0
                body(UnsafePointer(name.baseAddress!))
            }
        }
    }
}
