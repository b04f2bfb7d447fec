import CSystem
import KeeperShared

/// Output between the child's pipe and the journal, where it survives the keeper: a pipe that the service manager
/// holds as well.
///
/// A keeper that is killed between reading and writing would take along what it had read. So output is moved into the
/// stage, copied from there, written, and only then dropped. The next keeper finds in the stage what may not be in the
/// journal yet, and in the shared page where the journal ended before: the difference is what is.
final class OutputStage {
    private let pipe: FileDescriptor
    /// What is copied goes through here: a pipe's bytes can't be read without taking them.
    private let copying: Pipe
    private let queue: ManagerQueue
    private let page: SharedPage
    private let position: SharedPage.Slot
    private let taken: SharedPage.Slot
    private let child: DescriptorStore.Name
    private(set) var count = 0

    private static let capacity = PageBuffer.standardCapacity
    private static let noWait = UInt32(SPLICE_F_NONBLOCK)

    convenience init(_ stream: StreamName, _ page: SharedPage, _ queue: ManagerQueue) throws(SystemError) {
        let pipe = try makePipe()
        // One descriptor for both ends.
        let both = try FileDescriptor.open("/proc/self/fd/\(pipe.reading.raw)", O_RDWR | O_NONBLOCK)
        try self.init(stream, page, queue, owning: both.raw)
        _ = both.release()
    }

    /// Goes on with one that another keeper, or another binary of this one, made.
    ///
    /// - Parameter number: its descriptor, which this owns unless it throws.
    init(_ stream: StreamName, _ page: SharedPage, _ queue: ManagerQueue, owning number: Int32)
        throws(SystemError)
    {
        self.page = page
        self.queue = queue
        switch stream {
        case .stdout: (position, taken, child) = (.stdoutPosition, .stdoutCount, .stdout)
        case .stderr: (position, taken, child) = (.stderrPosition, .stderrCount, .stderr)
        }
        copying = try makePipe()
        count = max(0, Int(csys_readable(number)))
        pipe = FileDescriptor(owning: number)
    }

    var number: Int32 { pipe.raw }

    /// Moves what has come into the stage, which is empty.
    ///
    /// - Parameter end: where the journal ends.
    /// - Returns: how many bytes; nil when none have come, 0 at end-of-file.
    func take(from child: borrowing FileDescriptor, end: Int) throws(SystemError) -> Int? {
        page[taken] = 0
        page[position] = Int64(end)
        let (source, target) = (child.raw, pipe.raw)
        do throws(SystemError) {
            count = try systemCall("splice") {
                splice(source, nil, target, nil, OutputStage.capacity, OutputStage.noWait)
            }
        } catch {
            if error.code == EAGAIN { return nil }
            throw error
        }
        page[taken] = Int64(count)
        return count
    }

    /// Copies the first bytes; they stay here.
    func copy(into space: UnsafeMutableRawBufferPointer) throws(SystemError) -> UnsafeRawBufferPointer {
        let (source, target, reading) = (pipe.raw, copying.writing.raw, copying.reading.raw)
        let copied = try systemCall("tee") {
            tee(source, target, min(space.count, count), OutputStage.noWait)
        }
        var filled = 0
        while filled < copied {
            filled += try systemCall("read", "the copy") {
                read(reading, space.baseAddress! + filled, copied - filled)
            }
        }
        return UnsafeRawBufferPointer(rebasing: space[..<copied])
    }

    /// Drops the first bytes: they are in the journal.
    ///
    /// - Parameter space: room for them.
    func drop(_ wanted: Int, _ space: UnsafeMutableRawBufferPointer) throws(SystemError) {
        let number = pipe.raw
        var rest = wanted
        while rest > 0 {
            let dropped = try systemCall("read", "the stage") {
                read(number, space.baseAddress, min(rest, space.count))
            }
            rest -= dropped
            count -= dropped
        }
    }

    /// The child's pipe is closed here: processes that still write into it must learn of that, so that the service
    /// manager may not hold it either.
    func letGo() { DescriptorStore.remove(child, through: queue) }

    /// Drops all: it will not be written any more.
    func clear(_ scratch: inout PageBuffer) {
        // What can't be dropped goes with the stage.
        guard let space = try? scratch.room(for: OutputStage.capacity) else { return }
        try? drop(count, space)
    }

    /// Drops what the keeper that died had written before it could drop it.
    ///
    /// - Parameter end: where the journal ends.
    func recover(end: Int, _ scratch: inout PageBuffer) throws(SystemError) {
        if count == 0 { return }
        // Killed right after the move: nothing of it has been dropped.
        if page[taken] == 0 { page[taken] = Int64(count) }
        let dropped = Int(page[taken]) - count
        let written = end - Int(page[position]) - dropped
        try drop(max(0, min(written, count)), try scratch.room(for: OutputStage.capacity))
    }
}
