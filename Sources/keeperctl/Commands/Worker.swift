import CSystem
import KeeperShared

/// An executable file that is to be a session. A class, as copying three strings is code at every use.
final class Worker {
    /// What a pass is to do with it.
    enum Action {
        case nothing
        case start
        /// Only the file itself has changed: the session goes on with another process.
        case restart
        /// The options have changed: another session.
        case replace
    }

    let id: SessionID
    /// Another one whenever the file was written or replaced.
    let fileVersion: String
    /// The same of the file with the options; `0` where there is none.
    let optionsVersion: String
    /// The value of the label by which changes are known.
    let version: String
    var action = Action.nothing
    /// What to start it with.
    var context: Context?

    /// The label that says which directory a session is of.
    static let directoryLabel = "sync.dir"
    /// The label that says from which files it was started.
    static let versionLabel = "sync.version"

    init(_ id: SessionID, _ file: FileMetadata, options: FileMetadata?) {
        self.id = id
        fileVersion = Worker.version(of: file)
        optionsVersion = options.map { Worker.version(of: $0) } ?? "0"
        version = concat(fileVersion, ".", optionsVersion)
    }

    /// Whether only the file itself differs from what a session was started from.
    func hasOptions(of other: String) -> Bool {
        guard let dot = other.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
        return equalUTF8(String(other[other.utf8.index(after: dot)...]), optionsVersion)
    }

    @inline(never) private static func version(of file: FileMetadata) -> String {
        // FNV-1a over what changes when a file is written or replaced.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var numbers = (UInt64(file.inode), UInt64(file.size), UInt64(bitPattern: file.modifiedTime))
        withUnsafeBytes(of: &numbers) { bytes in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return String(Int(hash >> 1))
    }
}
