import CSystem

/// The value of an environment variable; nil when it is unset or empty.
package func environment(_ name: String) -> String? {
    guard let value = getenv(name), value[0] != 0 else { return nil }
    return String(cString: value)
}

/// This process's environment: `NAME=VALUE` each, kept as long as nobody sets the name anew.
package func environmentEntries() -> [UnsafeMutablePointer<CChar>] {
    var entries: [UnsafeMutablePointer<CChar>] = []
    var next = csys_environ()
    while let place = next, let entry = place.pointee {
        entries.append(entry)
        next = place + 1
    }
    return entries
}
