import Glibc

func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while let chunk = readChunk(descriptor) { bytes += chunk }
    return bytes
}

func writeFile(_ path: String, _ bytes: some Collection<UInt8>, mode: mode_t = 0o600) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw CallFailed("open \(path)") }
    defer { close(descriptor) }
    fchmod(descriptor, mode)
    guard writeAll([UInt8](bytes), to: descriptor) else { throw CallFailed("write \(path)") }
}

func fileStatus(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
}

/// Names in a directory, sorted, without `.` and `..`.
func directoryEntries(_ path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

func removeTree(_ path: String) {
    if let status = fileStatus(path), status.st_mode & S_IFMT == S_IFDIR {
        for name in directoryEntries(path) { removeTree("\(path)/\(name)") }
        rmdir(path)
    } else {
        unlink(path)
    }
}

/// Is a lock held on the whole file, as a living keeper holds one on its PID sidecar? Never takes it.
func isLocked(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var range = flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    guard fcntl(descriptor, Linux.openDescriptionGetLock, &range) == 0 else { return false }
    return range.l_type != Int16(F_UNLCK)
}
