import CSystem
import KeeperShared

/// Standard output, collected until ``flush()``. A reader that has gone ends the program quietly, as it does `cat`.
final class StandardOutput {
    private var waiting: [UInt8] = []
    private static let enough = 64 << 10
    /// Collects without bound, for ``take()``.
    var isHeld = false

    @inline(never) func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) {
        waiting += bytes
        if waiting.count >= StandardOutput.enough && !isHeld { flush() }
    }

    /// What was written since the last time, instead of ``flush()``.
    func take() -> [UInt8] {
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting
    }

    func flush() {
        writeStandard(STDOUT_FILENO, waiting)
        waiting.removeAll(keepingCapacity: true)
    }
}

/// One line on standard error.
func printError(_ text: String) {
    writeStandard(STDERR_FILENO, Array(concat("keeperctl: ", text, "\n").utf8))
}

/// Writes everything, waiting for a slow reader.
func writeStandard(_ number: Int32, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
        var offset = 0
        while offset < buffer.count {
            let count = CSystem.write(number, buffer.baseAddress! + offset, buffer.count - offset)
            if count > 0 {
                offset += count
                continue
            }
            switch csys_errno() {
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            case EPIPE where number == STDOUT_FILENO: exit(128 + SIGPIPE)
            default:
                if number == STDOUT_FILENO {
                    printError(concat("write standard output: ", errorText(csys_errno())))
                    exit(ExitStatus.failed)
                }
                return
            }
        }
    }
}
