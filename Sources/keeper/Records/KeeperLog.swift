import CSystem
import KeeperShared

/// The keeper's own log, for people: a time and a line per lifecycle event.
///
/// Lines that come before the file is open wait, so that a start that fails leaves no file behind.
final class KeeperLog {
    private var file: FileDescriptor?
    private var waiting: [UInt8] = []
    /// Bytes written since the size was looked at.
    private var sinceCheck = 0
    private static let checkInterval = 64 << 10
    /// At this size, in bytes, the file is cut back to nothing.
    var bound = 1 << 20

    var isOpen: Bool { file != nil }

    var number: Int32 { file.raw }

    /// Goes on with a file that another binary opened.
    func restore(_ number: Int32, bound: Int) {
        self.bound = bound
        file = FileDescriptor(owningIfOpen: number)
        flush()
    }

    /// Opens the file. What waited is written with the next line, or by ``flush()``.
    func open(_ name: String, in directory: borrowing FileDescriptor) throws(SystemError) {
        if isOpen { return }
        // Anything else that is there, a FIFO perhaps, must not hold up the start.
        let opened = try directory.open(name, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK)
        guard try opened.metadata().isRegular else { throw SystemError("open", name, EINVAL) }
        opened.becomeStandardError()
        file = consume opened
    }

    func flush() {
        if file == nil || waiting.isEmpty { return }
        checkSize()
        let lines = waiting
        waiting = []
        write(lines)
    }

    func line(_ text: String) {
        var line: [UInt8] = []
        line.reserveCapacity(192)
        Timestamp.now().appendRFC3339(to: &line)
        line.append(UInt8(ascii: " "))
        // One event is one line, whatever it quotes.
        for byte in text.utf8 { line.append(byte < 32 ? UInt8(ascii: " ") : byte) }
        line.append(UInt8(ascii: "\n"))
        flush()
        if file == nil { waiting += line } else { write(line) }
    }

    // The log is for people: a disk that takes no more stops nothing.
    private func write(_ lines: [UInt8]) {
        file.use { file in try? file.writeAll(lines, "log") }
        sinceCheck += lines.count
        if sinceCheck > min(bound, KeeperLog.checkInterval) { checkSize() }
    }

    func append(_ bytes: UnsafeRawBufferPointer, failure: inout SystemError?) -> Int {
        file.use { file in
            var written = 0
            do throws(SystemError) {
                while written < bytes.count {
                    written += try file.write(UnsafeRawBufferPointer(rebasing: bytes[written...]), "log")
                }
            } catch {
                failure = error
            }
            return written
        } ?? bytes.count
    }

    /// Cuts the file in place when it is over its bound.
    func checkSize() {
        sinceCheck = 0
        file.use { file in
            // A size that can't be told is looked at again later.
            if let size = try? file.metadata().size, size > bound { _ = ftruncate(file.raw, 0) }
        }
    }
}
