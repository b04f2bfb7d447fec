import Glibc
import Testing

/// A child that does not read: what is sent to it waits.
extension Sandbox {
    /// Stops a session's child, with all of its process group.
    func stopChild(_ id: String) throws {
        let child = try childPID(id)
        kill(-pid_t(child), SIGSTOP)
        // Until then it may still take what is meant to wait.
        try eventually("\(id)'s child to stop") {
            ([child] + Proc.children(child)).allSatisfy { Proc.state($0) == "T" }
        }
    }

    func resumeChild(_ id: String) throws { kill(-pid_t(try childPID(id)), SIGCONT) }

    /// Stops a session's child and fills its stdin, by a line of 120,001 bytes that waits for its receipt.
    func blockChild(_ id: String) throws -> UnixClient {
        try stopChild(id)
        let filler = try UnixClient(socket(id))
        try filler.send([UInt8](repeating: 102, count: 120_000) + [10])
        try awaitFullInput(id)
        return filler
    }

    /// A pipe takes 64 KiB; what is longer than a page may leave room in the last one.
    func awaitFullInput(_ id: String) throws {
        try eventually("\(id)'s stdin to be full") { try waitingInput(id) >= 60 << 10 }
    }

    /// Bytes that wait in the child's stdin pipe.
    private func waitingInput(_ id: String) throws -> Int {
        let descriptor = open("/proc/\(try childPID(id))/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw CallFailed("open stdin of \(id)") }
        defer { close(descriptor) }
        var count: Int32 = 0
        guard ioctl(descriptor, UInt(FIONREAD), &count) == 0 else { throw CallFailed("FIONREAD") }
        return Int(count)
    }

    /// Returns when a session's keeper has seen what was sent before: two turns of its loop have passed.
    func settle(_ id: String) throws {
        let client = try UnixClient(control(id))
        for _ in 0..<2 { #expect(try client.call("status")["result"] != nil) }
    }
}
