import Glibc
import Testing

/// What a program that ran to its end left behind.
struct Outcome: CustomStringConvertible {
    let command: [String]
    let end: End
    let stdout: [UInt8]
    let stderr: [UInt8]
    /// The program had ended while something else still held its stdout or stderr open.
    let pipesLeftOpen: Bool

    /// The exit status; minus the signal when there was one.
    var status: Int32 {
        switch end {
        case .exited(let code): code
        case .signalled(let signal): -signal
        }
    }
    var out: String { String(decoding: stdout, as: UTF8.self) }
    var err: String { String(decoding: stderr, as: UTF8.self) }
    /// Stdout without its newline.
    var line: String { out.hasSuffix("\n") ? String(out.dropLast()) : out }
    var description: String {
        "\(command.joined(separator: " ")) → \(end)\nstdout: \(out.prefix(2000))\nstderr: \(err.prefix(2000))"
    }
    /// For expectations: says what ran.
    var why: Comment { Comment(rawValue: description) }
}

/// Runs a program to its end, feeding and draining its pipes meanwhile.
struct Capture {
    let pid: pid_t
    let command: [String]
    var input: [UInt8]
    let inputEnd: Int32
    let outputEnds: [Int32]

    /// Nil when the limit passed: the program has been killed then.
    func finish(limit: Double) throws -> Outcome? {
        var collected: [[UInt8]] = [[], []]
        var open = [outputEnds[0] >= 0, outputEnds[1] >= 0]
        var offset = 0
        var feeding = inputEnd >= 0
        var end: End?
        var endedAt = 0.0
        let deadline = monotonicNow() + limit
        if feeding { _ = fcntl(inputEnd, F_SETFL, fcntl(inputEnd, F_GETFL) | O_NONBLOCK) }
        defer { for (index, isOpen) in open.enumerated() where isOpen { close(outputEnds[index]) } }
        defer { if feeding { close(inputEnd) } }

        while open[0] || open[1] || end == nil {
            if feeding && offset == input.count {
                close(inputEnd)
                feeding = false
            }
            var polled = [
                pollfd(fd: open[0] ? outputEnds[0] : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: open[1] ? outputEnds[1] : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: feeding ? inputEnd : -1, events: Int16(POLLOUT), revents: 0),
            ]
            poll(&polled, 3, 5)
            for index in 0...1 where polled[index].revents != 0 {
                guard let chunk = readChunk(outputEnds[index]) else {
                    close(outputEnds[index])
                    open[index] = false
                    continue
                }
                collected[index] += chunk
            }
            if polled[2].revents != 0 {
                let count = input[offset...].withUnsafeBytes { write(inputEnd, $0.baseAddress, $0.count) }
                if count > 0 { offset += count }
                if count < 0 && errno != EAGAIN { offset = input.count }
            }
            if end == nil, let reaped = try reap(pid) { (end, endedAt) = (reaped, monotonicNow()) }
            if end != nil, monotonicNow() > endedAt + 5 { break }
            if end == nil, monotonicNow() > deadline {
                kill(pid, SIGKILL)
                _ = try eventual("killed process to be reaped") { try reap(pid) }
                return nil
            }
        }
        return Outcome(
            command: command, end: end ?? .signalled(0), stdout: collected[0], stderr: collected[1],
            pipesLeftOpen: open[0] || open[1])
    }
}

/// Nil at end-of-file or on an error.
func readChunk(_ descriptor: Int32) -> [UInt8]? {
    let size = 65_536
    var count = 0
    let chunk = [UInt8](unsafeUninitializedCapacity: size) { buffer, used in
        repeat { count = read(descriptor, buffer.baseAddress, size) } while count < 0 && errno == EINTR
        used = max(count, 0)
    }
    return count > 0 ? chunk : nil
}

/// How our own child ended, or nil while it runs.
func reap(_ pid: pid_t) throws -> End? {
    var status: Int32 = 0
    let result = waitpid(pid, &status, WNOHANG)
    if result < 0 && errno != EINTR { throw CallFailed("waitpid \(pid)") }
    return result == pid ? End(waitStatus: status) : nil
}
