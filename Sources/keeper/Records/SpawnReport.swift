import CSystem
import KeeperShared

/// What the keeper tells its starter, a line each on a pipe.
///
/// Without a pipe (started by hand, or by a service manager) failures go to standard error.
final class SpawnReport {
    private var pipe: FileDescriptor?
    /// Standard error as it was inherited, until the child is ready.
    private var errors: FileDescriptor?

    /// - Parameter isSilent: nothing goes to standard error: the start is long over.
    init(_ pipe: consuming FileDescriptor?, isSilent: Bool = false) {
        // A closed standard error gets no failures.
        errors = pipe == nil && !isSilent ? try? FileDescriptor.duplicate(ofNumber: STDERR_FILENO) : nil
        self.pipe = pipe
    }

    /// The pipe's number; -1 when nobody is told.
    var number: Int32 { pipe.raw }

    func started() { _ = send("started \(getpid())") }

    func ready() {
        errors = nil
        _ = send("ready")
    }

    /// The session could not be started, or ended before it was ready.
    ///
    /// - Parameter execError: why the command can't be executed; 0 when something else is wrong.
    func failed(status: Int32, execError: Int32 = 0, _ text: String) {
        if pipe != nil {
            _ = send("failed \(status) \(execError) \(text)")
        } else {
            let line = Array("keeper: \(text)\n".utf8)
            // A reader that has gone hears of nothing.
            errors.use { try? $0.writeAll(line) }
        }
    }

    /// Something that the starter should know, though the session starts.
    func warn(_ text: String) {
        let line = concat("warning: ", text)
        if !send(line) { printError(line) }
    }

    /// Gives another keeper the pipe, and standard error as it was inherited.
    func share(over connection: borrowing FileDescriptor) {
        pipe.use { _ = csys_send_descriptors(connection.raw, $0.raw, STDERR_FILENO) }
    }

    func ended() { _ = send("ended") }

    /// Watches for the reader's end to close.
    ///
    /// - Returns: false when nobody is there.
    func awaitReader(_ poller: Poller) -> Bool {
        pipe.use { pipe in
            do throws(SystemError) {
                try poller.add(pipe, [], token: Token.report)
                return true
            } catch {
                return error.code == EEXIST
            }
        } ?? false
    }

    func close(_ poller: Poller) {
        pipe.use { poller.remove($0) }
        pipe = nil
    }

    private func send(_ line: String) -> Bool {
        do throws(SystemError) {
            let bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
            return try pipe.use { pipe throws(SystemError) in try pipe.writeAll(bytes) } != nil
        } catch {
            // The starter has gone; the session goes on.
            pipe = nil
            return false
        }
    }
}

/// One line on standard error.
func printError(_ text: String) {
    let line = Array("keeper: \(text)\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
