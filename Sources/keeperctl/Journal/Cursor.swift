import KeeperShared

/// Where somebody was in both streams of one session.
struct Cursor {
    let instance: String
    let stdout: Int
    let stderr: Int

    init?(_ text: [UInt8]) {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, let stdout = decimal([UInt8](parts[1])),
            let stderr = decimal([UInt8](parts[2]))
        else { return nil }
        instance = String(decoding: parts[0], as: UTF8.self)
        self.stdout = stdout
        self.stderr = stderr
    }

    /// `INSTANCE:STDOUT:STDERR`
    var text: [UInt8] { Array(concat(instance, ":", String(stdout), ":", String(stderr)).utf8) }

    func position(of stream: StreamName) -> Int { stream == .stdout ? stdout : stderr }
}
