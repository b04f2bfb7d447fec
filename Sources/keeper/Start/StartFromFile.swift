import CSystem
import KeeperShared

/// Becomes the keeper that a start file describes, when the arguments name one.
///
/// - Returns: nil when they don't; otherwise why it could not be, or never.
func startFromFile() -> String? {
    guard csys_argc() == 3, strcmp(csys_argv(1), "\(StartFile.option)") == 0 else { return nil }
    let path = String(cString: csys_argv(2))
    do throws(SystemError) {
        return try execute(path)
    } catch {
        return concat("start file ", path, ": ", error.text)
    }
}

private func execute(_ path: String) throws(SystemError) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "its path must be absolute" }
    let directory = try FileDescriptor.open(String(path[..<slash]), O_PATH | O_DIRECTORY)
    let name = String(path[path.utf8.index(after: slash)...])
    let file = try directory.open(name, O_RDONLY)
    let metadata = try file.metadata()
    if !metadata.isRegular || metadata.owner != geteuid() || metadata.mode & 0o077 != 0 {
        throw SystemError("use", name, EPERM)
    }
    // For good: until the end these strings are the arguments.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: metadata.size + 1, alignment: 16)
    let size = try file.read(into: bytes)
    bytes[size] = 0
    var strings = Strings(bytes, end: size)
    guard size > StartFile.stringsOffset, bytes.load(as: UInt32.self) == StartFile.format,
        let workingDirectory = strings.next(), let socket = strings.next(), let errors = strings.next()
    else { throw SystemError("understand", name, EINVAL) }
    let arguments = strings.list(Int(bytes.load(fromByteOffset: 8, as: UInt32.self)))
    var environment = strings.list(Int.max)

    // First the pipe and then the claim: a process that finds the file claimed can wait for what comes out of the pipe.
    var reports: Int32 = -1
    if socket[0] != 0 { reports = takeReports(String(cString: socket), in: directory) }
    let number = directory.raw
    try systemCall("claim", name) { unlinkat(number, name, 0) }
    if errors[0] != 0 {
        try directory.open(String(cString: errors), O_WRONLY | O_CREAT | O_APPEND).becomeStandardError()
    }
    let null = try FileDescriptor.open("/dev/null", O_RDWR)
    null.becomeStandardInputAndOutput()
    // A starter that has gone is no reason not to start.
    dup2(reports >= 0 ? reports : null.raw, 3)
    applyLimits(bytes)
    umask(mode_t(bytes.load(fromByteOffset: 4, as: UInt32.self)))
    try systemCall("chdir", String(cString: workingDirectory)) { chdir(workingDirectory) }

    for entry in environmentEntries() where ManagerVariables.isOfUnit(entry) {
        environment.insert(entry, at: 0)
    }
    arguments.withUnsafeBufferPointer { arguments in
        environment.withUnsafeBufferPointer { environment in
            _ = execve(csys_argv(0), arguments.baseAddress!, environment.baseAddress!)
        }
    }
    throw SystemError("exec", String(cString: csys_argv(0)), csys_errno())
}

/// The strings of a start file, one after the other.
private struct Strings {
    private var position: UnsafeMutableRawPointer
    private let end: UnsafeMutableRawPointer

    init(_ bytes: UnsafeMutableRawBufferPointer, end: Int) {
        position = bytes.baseAddress! + min(StartFile.stringsOffset, end)
        self.end = bytes.baseAddress! + end
    }

    mutating func next() -> UnsafeMutablePointer<CChar>? {
        if position >= end { return nil }
        let string = position.assumingMemoryBound(to: CChar.self)
        position += strlen(string) + 1
        return string
    }

    /// So many, or those that are left, ended by nil.
    mutating func list(_ count: Int) -> [UnsafeMutablePointer<CChar>?] {
        var all: [UnsafeMutablePointer<CChar>?] = []
        while all.count < count, let string = next() { all.append(string) }
        all.append(nil)
        return all
    }
}

/// Takes over the starter's report pipe and standard error.
///
/// - Returns: the pipe; -1 when the starter has gone.
private func takeReports(_ socket: String, in directory: borrowing FileDescriptor) -> Int32 {
    var reports: Int32 = -1
    var errors: Int32 = -1
    do throws(SystemError) {
        let connection = try FileDescriptor.connected(to: socket, in: directory, timeout: .seconds(1))
        let number = connection.raw
        try systemCall("recvmsg") { csys_receive_descriptors(number, &reports, &errors) }
        dup2(errors, 2)
    } catch {
        // The starter has gone: nobody is to be told.
    }
    return reports
}

/// The starter's limits, as far as they may be had here.
private func applyLimits(_ bytes: UnsafeMutableRawBufferPointer) {
    for resource in 0..<StartFile.limitCount {
        var limit = rlimit()
        withUnsafeMutableBytes(of: &limit) {
            let offset = StartFile.limitsOffset + resource * $0.count
            $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + $0.count)]))
        }
        if csys_set_limit(Int32(resource), &limit) == 0 { continue }
        let wanted = limit.rlim_cur
        guard csys_get_limit(Int32(resource), &limit) == 0 else { continue }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        _ = csys_set_limit(Int32(resource), &limit)
    }
}
