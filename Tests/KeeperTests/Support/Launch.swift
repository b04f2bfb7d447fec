import Glibc

struct CallFailed: Error, CustomStringConvertible {
    let call: String
    let code: Int32
    init(_ call: String, _ code: Int32 = errno) { (self.call, self.code) = (call, code) }
    var description: String { "\(call): \(String(cString: strerror(code)))" }
}

enum End: Equatable {
    case exited(Int32)
    case signalled(Int32)

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
    }
}

/// Starts a program with exactly the descriptors, directory, environment and signals that are named
/// here: nothing of the test run leaks into it, whatever runs beside.
struct Launch {
    var argv: [String]
    var environment: [String: String]
    var directory: String?
    /// Number in the program → descriptor here. Everything else is closed, from 3 (or past the highest).
    var descriptors: [Int32: Int32]
    var newSession = false

    func start() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Out of the way first, so that no target overwrites a source.
        var lifted: [Int32] = []
        defer { for descriptor in lifted { close(descriptor) } }
        let highest = max(descriptors.keys.max() ?? 2, 2)
        for target in 0...highest {
            guard let source = descriptors[target] else {
                posix_spawn_file_actions_addclose(&actions, target)
                continue
            }
            let copy = fcntl(source, Linux.duplicateCloseOnExec, 64)
            guard copy >= 0 else { throw CallFailed("fcntl F_DUPFD_CLOEXEC \(source)") }
            lifted.append(copy)
            posix_spawn_file_actions_adddup2(&actions, copy, target)
        }
        _ = SpawnActions.closeFrom(&actions, highest + 1)
        if let directory { _ = SpawnActions.changeDirectory(&actions, directory) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        var defaults = sigset_t()
        sigfillset(&defaults)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        if newSession { flags |= Linux.spawnSetSession }
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        let result = withCStrings(argv) { arguments in
            withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawnp(&pid, argv[0], &actions, &attributes, arguments, variables)
            }
        }
        guard result == 0 else { throw CallFailed("posix_spawn \(argv[0])", result) }
        return pid
    }
}

/// Two actions that the Glibc module leaves out; looked up by name.
private enum SpawnActions {
    typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>
    typealias Number = @convention(c) (Actions, Int32) -> Int32
    typealias Path = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32

    static let closeFrom = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"), to: Number.self)
    static let changeDirectory = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addchdir_np"), to: Path.self)
}

/// Constants that only exist under `_GNU_SOURCE`, from the kernel's headers.
enum Linux {
    static let duplicateCloseOnExec: Int32 = 1030
    static let openDescriptionGetLock: Int32 = 36
    static let openDescriptionSetLock: Int32 = 37
    static let spawnSetSession: Int32 = 0x80
    static let openPath: Int32 = 0o10000000
}

private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return body(copies)
}

/// A pipe whose ends stay in this process.
func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw CallFailed("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

/// A peer that goes away must be an error in a test, not its end.
let brokenPipesAreErrors: Void = { signal(SIGPIPE, SIG_IGN) }()

/// Writes everything to a blocking descriptor; false when the other side is gone.
@discardableResult
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var offset = 0
    while offset < bytes.count {
        let count = bytes[offset...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            if errno == EINTR { continue }
            return false
        }
        offset += count
    }
    return true
}
