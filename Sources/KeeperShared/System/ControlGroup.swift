import CSystem

/// Where a process lives in the tree of control groups, as a service manager has built it.
package struct ControlGroup {
    /// From the root of this process's view, such as `/system.slice/dashboard.service`.
    package private(set) var path: [UInt8] = []
    /// The innermost service or scope on that path; nil outside all of them.
    package private(set) var unit: String?
    /// Whether that is a service: what stops it or starts it again ends all that is in it.
    package private(set) var isService = false

    /// Looks at a process: `self` or a PID in decimal. One read.
    ///
    /// - Returns: nil when the process is gone, or the machine knows no such tree.
    @inline(never) package init?(of process: String) {
        guard let bytes = processFile(concat(process, "/cgroup"), limit: 4096) else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // Where the older hierarchies are mounted as well, either may name the unit.
            guard unit == nil, let mark = line.firstIndex(of: UInt8(ascii: "/")),
                ends(line[..<mark], "0::") || ends(line[..<mark], ":name=systemd:")
            else { continue }
            path = Array(line[mark...])
            findUnit()
        }
        if path.isEmpty { return nil }
    }

    private mutating func findUnit() {
        var end = path.count
        while let slash = path[..<end].lastIndex(of: UInt8(ascii: "/")) {
            let name = path[(slash + 1)..<end]
            isService = ends(name, ".service")
            if isService || ends(name, ".scope") {
                unit = String(decoding: name, as: UTF8.self)
                return
            }
            end = slash
        }
    }
}

private func ends(_ bytes: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
    bytes.suffix(text.utf8CodeUnitCount).elementsEqual(
        Bytes(start: text.utf8Start, count: text.utf8CodeUnitCount))
}
