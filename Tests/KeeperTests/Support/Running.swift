import Glibc

/// A program in the background with its pipes in the test's hands.
final class Running {
    let pid: pid_t
    let command: [String]
    private(set) var input: Int32
    private var output: Int32
    private var buffer: [UInt8] = []
    private var end: End?
    /// Where its stderr goes.
    let errorPath: String

    init(pid: pid_t, command: [String], input: Int32, output: Int32, errorPath: String) {
        (self.pid, self.command, self.input, self.output) = (pid, command, input, output)
        self.errorPath = errorPath
    }

    deinit {
        closeInput()
        closeOutput()
    }

    var hasEnded: Bool { (try? poll()) != nil }
    var errorText: String { String(decoding: readFile(errorPath) ?? [], as: UTF8.self) }

    @discardableResult
    func write(_ text: String) -> Bool { writeAll([UInt8](text.utf8), to: input) }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: input) }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func closeOutput() {
        if output >= 0 { close(output) }
        output = -1
    }

    /// The next line of its stdout, without the newline; nil at end-of-file.
    func readLine(timeout: Double = 60) throws -> String? {
        let deadline = monotonicNow() + timeout
        while true {
            if let newline = buffer.firstIndex(of: 10) {
                defer { buffer.removeSubrange(...newline) }
                return String(decoding: buffer[..<newline], as: UTF8.self)
            }
            guard try fill(until: deadline) else {
                defer { buffer = [] }
                return buffer.isEmpty ? nil : String(decoding: buffer, as: UTF8.self)
            }
        }
    }

    /// A number of bytes of its stdout.
    func read(_ count: Int, timeout: Double = 60) throws -> String {
        let deadline = monotonicNow() + timeout
        while buffer.count < count, try fill(until: deadline) {}
        defer { buffer.removeFirst(min(count, buffer.count)) }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    /// Everything up to end-of-file.
    func readToEnd(timeout: Double = 60) throws -> [UInt8] {
        let deadline = monotonicNow() + timeout
        while try fill(until: deadline) {}
        defer { buffer = [] }
        return buffer
    }

    private func fill(until deadline: Double) throws -> Bool {
        var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        let left = max(deadline - monotonicNow(), 0)
        guard Glibc.poll(&polled, 1, Int32(left * 1000)) > 0 else {
            throw TimedOut(
                what:
                    "output of \(command), which said: \(String(decoding: buffer, as: UTF8.self)) \(errorText)"
            )
        }
        guard let chunk = readChunk(output) else { return false }
        buffer += chunk
        return true
    }

    func poll() throws -> End? {
        if end == nil { end = try reap(pid) }
        return end
    }

    @discardableResult
    func wait(timeout: Double = 60) throws -> End {
        try eventual("end of \(command) \(errorText)", timeout: timeout) { try poll() }
    }

    /// A signal, unless it has been reaped already: its number may belong to another process then.
    func kill(_ signal: Int32) {
        if hasEnded { return }
        Glibc.kill(pid, signal)
    }
}
