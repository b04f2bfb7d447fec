import CSystem

/// What `/proc/PID/stat` tells that somebody here asks for (proc(5)).
package struct ProcessStat {
    package let pid: pid_t
    /// `R`, `S`, `T`, `Z`, …
    package let state: UInt8
    package let parent: pid_t
    package let group: pid_t
    package let session: pid_t
    private let flags: UInt64
    /// Clock ticks since boot: with the PID and the boot id it names one process for good.
    package let startTime: UInt64
    /// Clock ticks of the process itself, and of the children it has waited for.
    package let userTicks: UInt64
    package let systemTicks: UInt64
    package let endedUserTicks: UInt64
    package let endedSystemTicks: UInt64
    package let threads: Int
    /// Pages in memory; newer kernels are some behind.
    package let residentPages: Int

    /// Reads the record of a process; nil when there is none.
    package init?(pid: pid_t) {
        guard let bytes = processFile("\(pid)/stat", limit: 1024),
            // The command's name may hold anything, so count from its closing parenthesis.
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // From the third field on, as proc(5) counts them; no more than these are wanted.
        var fields = InlineArray<22, UInt64>(repeating: 0)
        var count = 0
        var state: UInt8 = 0
        var value: UInt64 = 0
        var isNegative = false
        for byte in bytes[(end + 2)...] {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"):
                fields[count] = isNegative ? 0 : value
                count += 1
                value = 0
                isNegative = false
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value &* 10 &+ UInt64(byte - 48)
            case UInt8(ascii: "-"): isNegative = true
            default: if count == 0 { state = byte }
            }
            if count == 22 { break }
        }
        guard count == 22 else { return nil }
        self.pid = pid
        self.state = state
        parent = pid_t(truncatingIfNeeded: fields[1])
        group = pid_t(truncatingIfNeeded: fields[2])
        session = pid_t(truncatingIfNeeded: fields[3])
        flags = fields[6]
        startTime = fields[19]
        userTicks = fields[11]
        systemTicks = fields[12]
        endedUserTicks = fields[13]
        endedSystemTicks = fields[14]
        threads = Int(truncatingIfNeeded: fields[17])
        residentPages = Int(truncatingIfNeeded: fields[21])
    }

    package var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
    /// Ended, or about to be: its descriptors are being closed (PF_EXITING of the kernel's sched.h).
    package var isEnding: Bool { isZombie || flags & 4 != 0 }
}

/// The bytes of a file below /proc, or nil when it can't be read.
@inline(never) package func processFile(_ name: String, limit: Int) -> [UInt8]? {
    do throws(SystemError) {
        let file = try FileDescriptor.open("/proc/\(name)", O_RDONLY)
        if limit > 1024 { return try file.readAll(limit: limit) }
        // On the stack: most of these are short.
        var space = InlineArray<128, UInt64>(repeating: 0)
        let number = file.raw
        let count = try systemCall("read", name) { read(number, &space, limit) }
        return withUnsafeBytes(of: &space) { Array($0[..<count]) }
    } catch {
        return nil
    }
}

/// Whether /proc shows this process among its children: it is not there in some containers, and may be that of
/// another PID namespace, whose numbers mean other processes.
package var processesAreVisible: Bool {
    processLink("self").map { equalUTF8($0, "\(getpid())") } == true
        && access("/proc/thread-self/children", R_OK) == 0
}

/// Where a symbolic link below /proc points.
@inline(never) package func processLink(_ name: String) -> String? {
    var space = InlineArray<512, UInt64>(repeating: 0)
    return withUnsafeMutableBytes(of: &space) { buffer -> String? in
        let path = buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
        let count = readlink("/proc/\(name)", path, buffer.count)
        return count <= 0
            ? nil : String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
    }
}

/// The path of the current directory; nil when it has none any more. One call, and none of /proc.
package var currentDirectory: String? {
    var space = InlineArray<512, UInt64>(repeating: 0)
    return withUnsafeMutableBytes(of: &space) { buffer -> String? in
        let path = buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
        guard getcwd(path, buffer.count) != nil, path[0] == CChar(bitPattern: UInt8(ascii: "/")) else {
            return nil
        }
        return String(decoding: UnsafeRawBufferPointer(start: path, count: strlen(path)), as: UTF8.self)
    }
}

/// The names below a directory of /proc that are numbers; none when it can't be read.
package func processNumbers(in name: String) -> [Int32] { readProcessNumbers(in: name) ?? [] }

/// The same, or nil when it can't be read.
private func readProcessNumbers(in name: String) -> [Int32]? {
    var numbers: [Int32] = []
    let isRead: Void? = try? FileDescriptor.open("/proc/\(name)", O_RDONLY | O_DIRECTORY)
        .forEachRawEntry { text, count, _ in
            let number = decimal(UnsafeRawBufferPointer(start: text, count: count))
            if let number { numbers.append(Int32(truncatingIfNeeded: number)) }
        }
    return isRead == nil ? nil : numbers
}

/// A decimal number with nothing around it but white space at its end; nil for anything else.
package func parsePID(_ bytes: UnsafeRawBufferPointer) -> pid_t? {
    var end = bytes.count
    while end > 0, bytes[end - 1] == 10 || bytes[end - 1] == 32 || bytes[end - 1] == 13 { end -= 1 }
    let value = decimal(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    guard let value, value > 0 else { return nil }
    return Int32(exactly: value)
}

/// The same for an array.
package func parsePID(_ bytes: [UInt8]) -> pid_t? { bytes.withUnsafeBytes { parsePID($0) } }

/// The processes whose parent is `pid`, of all its threads; none when it is gone.
package func children(of pid: pid_t) -> [pid_t] { readChildren(of: pid) ?? [] }

/// The same, or nil when it could not be found out: that is not the same as nobody.
package func readChildren(of pid: pid_t) -> [pid_t]? {
    guard let threads = readProcessNumbers(in: "\(pid)/task") else { return nil }
    var found: [pid_t] = []
    for thread in threads {
        guard let bytes = processFile("\(pid)/task/\(thread)/children", limit: 1 << 20) else {
            if pid == getpid() { return nil }
            continue
        }
        for word in bytes.split(separator: UInt8(ascii: " ")) {
            if let child = parsePID([UInt8](word)) { found.append(child) }
        }
    }
    return found
}

/// Whether a process is a keeper that owns a session: it holds the lock of a PID sidecar that names it.
///
/// The kernel lists a description's locks in fdinfo, so no name and no claim of the process counts. A service manager
/// that keeps a resilient session's lock holds it as well, but the sidecar names another.
package func isKeeper(_ pid: pid_t) -> Bool {
    for number in processNumbers(in: "\(pid)/fdinfo") {
        guard let information = processFile("\(pid)/fdinfo/\(number)", limit: 4096),
            contains(information, "OFDLCK"),
            let path = processLink("\(pid)/fd/\(number)")
        else { continue }
        // A sidecar that is still under its dot-name counts as well.
        if !contains([UInt8](path.utf8), ".rpc.sock.pid") { continue }
        // One that is not filled yet is its maker's.
        guard let named = processFile("\(pid)/fd/\(number)", limit: 64).flatMap({ parsePID($0) })
        else { return true }
        if named == pid || named == numberInOwnNamespace(pid) { return true }
    }
    return false
}

/// The PID that a process has to itself, which may be in a PID namespace below this one.
private func numberInOwnNamespace(_ pid: pid_t) -> pid_t? {
    guard let text = processFile("\(pid)/status", limit: 1 << 20) else { return nil }
    for line in text.split(separator: 10) where line.starts(with: "NSpid:".utf8) {
        // Of nested namespaces the innermost is the last.
        return line.split(separator: 9).last.flatMap { parsePID([UInt8]($0)) }
    }
    return nil
}

/// Whether `text` occurs in `bytes`.
package func contains(_ bytes: [UInt8], _ text: StaticString) -> Bool {
    bytes.withUnsafeBytes {
        memmem(
            $0.baseAddress ?? UnsafeRawPointer(text.utf8Start), $0.count, text.utf8Start,
            text.utf8CodeUnitCount) != nil
    }
}

/// The running kernel's boot id, without its line end.
package func bootID() -> String {
    guard let bytes = processFile("sys/kernel/random/boot_id", limit: 64) else { return "" }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
}

/// The PID namespace of this process, as `pid:[4026531836]`.
package func pidNamespace() -> String { processLink("self/ns/pid") ?? "" }
