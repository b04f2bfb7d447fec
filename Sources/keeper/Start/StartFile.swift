import CSystem
import KeeperShared

/// What a keeper that a service manager starts on this one's behalf gets to know.
///
/// A manager passes on neither secrets nor bytes that aren't UTF-8, and gives a process limits, a directory and a mask
/// of its own. So all that a process inherits travels in a file with mode 0600 in the sessions directory. The new
/// keeper reads it, claims it by removing its name, and executes itself with what it says.
///
/// The file: three numbers of four bytes (format, mask, count of arguments), the limits as the kernel has them, and
/// strings, each ended by NUL: the working directory, the socket that gives the report pipe, the file for errors
/// (names beside it, or nothing), the arguments and the environment.
enum StartFile {
    /// The one option of a keeper that is started like this; the file's path follows.
    static let option: StaticString = "--start-file"
    static let format: UInt32 = 1
    static let limitCount = 16
    static let limitsOffset = 12
    static let stringsOffset = limitsOffset + limitCount * MemoryLayout<rlimit>.size

    /// Describes this process.
    ///
    /// - Parameter arguments: its own, less those that are no longer needed.
    static func describeSelf(
        arguments: [UnsafeMutablePointer<CChar>], socket: String, errors: String
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        let mask = umask(0)
        umask(mask)
        for number in [format, UInt32(mask), UInt32(arguments.count)] {
            withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
        }
        for resource in 0..<Int32(limitCount) {
            var limit = rlimit()
            _ = csys_get_limit(resource, &limit)
            withUnsafeBytes(of: limit) { bytes.append(contentsOf: $0) }
        }
        for text in [processLink("self/cwd") ?? "/", socket, errors] {
            bytes.append(contentsOf: text.utf8)
            bytes.append(0)
        }
        for argument in arguments { append(argument, to: &bytes) }
        for entry in environmentEntries() where !ManagerVariables.isOfUnit(entry) {
            append(entry, to: &bytes)
        }
        return bytes
    }

    private static func append(_ string: UnsafePointer<CChar>, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: string, count: strlen(string) + 1))
    }
}
