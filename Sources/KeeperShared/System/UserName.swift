import CSystem

/// The name of the user of this number: from the service manager, or from `/etc/passwd`; nil where neither knows it.
///
/// Not from the environment, which may say nothing, or something else. The C library's `getpwuid` would load the name
/// service's modules, which a static executable can't.
package func userName(_ number: uid_t) -> String? {
    if number == 0 { return "root" }
    let key = "NAME=".utf8
    for line in lines(of: "/run/systemd/users/\(number)") where line.starts(with: key) {
        return String(decoding: line.dropFirst(key.count), as: UTF8.self)
    }
    for line in lines(of: "/etc/passwd") {
        // The name, a password's place, the number.
        let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
        if fields.count == 4, !fields[0].isEmpty, decimal(Array(fields[2])) == Int(number) {
            return String(decoding: fields[0], as: UTF8.self)
        }
    }
    return nil
}

/// Nothing of a file that can't be read: what it says is then unknown.
private func lines(of path: String) -> [ArraySlice<UInt8>] {
    ((try? FileDescriptor.open(path, O_RDONLY).readAll()) ?? []).split(separator: UInt8(ascii: "\n"))
}
