import CSystem
import KeeperShared

/// C strings for a new process: arguments or an environment, ended by nil.
struct CStringList: ~Copyable {
    private var strings: [UnsafeMutablePointer<CChar>?] = []

    var count: Int { strings.count }

    /// Appends all of them to bytes, each ended by NUL.
    func write(to bytes: inout [UInt8]) {
        for case .some(let string) in strings {
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: string, count: strlen(string) + 1))
        }
    }

    mutating func append(_ text: String) { append(Array(text.utf8)) }

    /// Appends bytes, which hold no NUL.
    mutating func append(_ bytes: [UInt8]) {
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[bytes.count] = 0
        strings.append(copy)
    }

    /// The list as exec takes it, for good.
    var pointer: UnsafePointer<UnsafeMutablePointer<CChar>?> {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { list[index] = string }
        list[strings.count] = nil
        return UnsafePointer(list)
    }
}

/// Starts a program, looked for in `PATH`, and returns once exec has succeeded.
///
/// - Parameter descriptors: what becomes its first four.
func startProgram(
    _ program: String, _ arguments: borrowing CStringList,
    environment: UnsafePointer<UnsafeMutablePointer<CChar>?>, descriptors: (Int32, Int32, Int32, Int32), mask: mode_t
) throws(SystemError) -> ProcessHandle {
    let list = arguments.pointer
    var result: ProcessHandle?
    var failure: SystemError?
    program.withCString { file in
        var request = SpawnRequest(file: file, arguments: list, environment: environment, mask: mask)
        request.descriptors = descriptors
        do throws(SystemError) { result = try spawn(request) } catch { failure = error }
    }
    if let failure { throw failure }
    guard let process = result.take() else { throw SystemError("exec", program, ENOENT) }
    return process
}
