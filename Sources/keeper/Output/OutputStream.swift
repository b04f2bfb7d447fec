import CSystem
import KeeperShared

enum OutputSink {
    case journal(JournalWriter)
    /// The keeper's log, for the drop-in mode.
    case log
}

/// One output pipe of the child, from the pipe to the disk.
///
/// When the disk takes no more, the pipe is not read, so the child waits and nothing is lost.
final class OutputStream {
    let name: StreamName
    let sink: OutputSink
    private let token: UInt64
    private let poller: Poller
    /// Where output survives this process; nil in a session that ends with its keeper.
    let stage: OutputStage?
    private var pipe: FileDescriptor?
    private var isWatched = false
    /// Read from the pipe and not on disk yet.
    private var unwritten = PageBuffer()
    /// Why the disk takes no more.
    private(set) var failure: SystemError?
    private var fullReads = 0
    /// Bytes of one read at most: in a pipe that has grown it is 6 to 18 % faster than 64 KiB.
    private static let mostAtOnce = 256 << 10

    init(_ name: StreamName, sink: OutputSink, stage: OutputStage? = nil, poller: Poller) {
        self.name = name
        self.stage = stage
        self.sink = sink
        self.poller = poller
        token =
            switch name {
            case .stdout: Token.stdout
            case .stderr: Token.stderr
            }
    }

    func save() -> SavedState.Stream {
        var state = SavedState.Stream()
        state.isStderr = name == .stderr
        state.pipe = pipeNumber
        state.stage = stage?.number ?? -1
        state.unwritten = Array(unwritten.bytes)
        state.failure = Int64(failure?.code ?? 0)
        if case .journal(let journal) = sink {
            state.hasJournal = true
            state.journal = journal.save()
        }
        return state
    }

    /// Goes on where another binary was, with its descriptors.
    ///
    /// - Parameter problem: why it can't; what it owns stays open.
    convenience init(
        restoring state: SavedState.Stream, bound: Int, folder: SessionFolder, stage: OutputStage?,
        poller: Poller,
        _ problem: inout SystemError?
    ) {
        let name = state.isStderr ? StreamName.stderr : .stdout
        self.init(
            name,
            sink: state.hasJournal
                ? .journal(JournalWriter(name, bound: bound, in: folder, restoring: state.journal)) : .log,
            stage: stage, poller: poller)
        pipe = FileDescriptor(owningIfOpen: state.pipe)
        unwritten.append(state.unwritten, &problem)
        if state.failure != 0 {
            failure = SystemError("write", "\(name.text)", Int32(truncatingIfNeeded: state.failure))
        } else {
            do throws(SystemError) { try watch() } catch { problem = error }
        }
    }

    /// End-of-file was read, or reading was given up.
    var isDrained: Bool { pipe == nil && unwritten.isEmpty && stage?.count ?? 0 == 0 }

    var pipeNumber: Int32 { pipe.raw }

    func attach(_ pipe: consuming FileDescriptor) throws(SystemError) {
        try pipe.setNonBlocking()
        self.pipe = consume pipe
        fullReads = 0
        try watch()
    }

    private func watch() throws(SystemError) {
        try pipe.use { pipe throws(SystemError) in
            try poller.add(pipe, .input, token: token)
            isWatched = true
        }
    }

    private func unwatch() {
        if isWatched { pipe.use { pipe in poller.remove(pipe) } }
        isWatched = false
    }

    /// Stops reading, at end-of-file or because the time of those who hold the other end is up.
    func giveUp() {
        unwatch()
        if pipe != nil { stage?.letGo() }
        pipe = nil
    }

    /// What is lost when the session ends before the disk takes it.
    var unwrittenCount: Int { unwritten.count + (stage?.count ?? 0) }

    func discardUnwritten() {
        unwritten = PageBuffer()
        stage?.clear(&unwritten)
        unwritten = PageBuffer()
    }

    /// Reads what is there, for a bounded number of turns.
    ///
    /// - Parameter write: puts bytes on disk and returns how many it took; sets the error otherwise.
    func read(
        into scratch: inout PageBuffer, write: (UnsafeRawBufferPointer, inout SystemError?) -> Int
    ) throws(SystemError) {
        if let stage { return try read(through: stage, into: &scratch, write: write) }
        for _ in 0..<16 {
            let space = try scratch.room(for: OutputStream.mostAtOnce)
            guard let count = try readPipe(space) else { return }
            if count == 0 { return giveUp() }
            let bytes = UnsafeRawBufferPointer(start: space.baseAddress, count: count)
            var problem: SystemError?
            let written = write(bytes, &problem)
            if let problem {
                try unwritten.append(UnsafeRawBufferPointer(rebasing: bytes[written...]))
                failure = problem
                return unwatch()
            }
            if count < PageBuffer.standardCapacity { return }
            growPipe()
        }
    }

    /// The same where output must survive this process.
    private func read(
        through stage: OutputStage, into scratch: inout PageBuffer,
        write: (UnsafeRawBufferPointer, inout SystemError?) -> Int
    ) throws(SystemError) {
        for _ in 0..<16 {
            if failure != nil { return }
            var count: Int? = stage.count
            if count == 0 {
                count =
                    try pipe.use { pipe throws(SystemError) in try stage.take(from: pipe, end: journalEnd) }
                    ?? nil
            }
            guard let count else { return }
            if count == 0 { return giveUp() }
            try empty(stage, through: &scratch, write: write)
            if count < PageBuffer.standardCapacity { return }
            growPipe()
        }
    }

    /// Writes what is in the stage, as far as the disk takes it.
    private func empty(
        _ stage: OutputStage, through scratch: inout PageBuffer,
        write: (UnsafeRawBufferPointer, inout SystemError?) -> Int
    ) throws(SystemError) {
        while stage.count > 0 {
            let space = try scratch.room(for: PageBuffer.standardCapacity)
            var problem: SystemError?
            let written = write(try stage.copy(into: space), &problem)
            try stage.drop(written, space)
            if let problem {
                failure = problem
                return unwatch()
            }
        }
    }

    private var journalEnd: Int {
        switch sink {
        case .journal(let journal): journal.extent.next
        case .log: 0
        }
    }

    /// Drops what the keeper that died had written of the stage.
    func recoverStage(_ scratch: inout PageBuffer) throws(SystemError) {
        try stage?.recover(end: journalEnd, &scratch)
    }

    /// - Returns: nil when nothing is there, 0 at end-of-file.
    private func readPipe(_ space: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        do throws(SystemError) {
            return try pipe.use { pipe throws(SystemError) in try pipe.read(into: space, "pipe") }
        } catch {
            switch error.code {
            case EAGAIN: return nil
            // The end of a terminal that no process holds any more.
            case EIO: return 0
            default: throw error
            }
        }
    }

    /// A larger pipe saves wake-ups, but a user has few of them: only a stream that keeps filling it asks.
    private func growPipe() {
        fullReads += 1
        if fullReads == 16 { pipe.use { pipe in _ = pipe.setPipeSize(1 << 20) } }
    }

    /// Tries again to put on disk what it didn't take.
    ///
    /// - Returns: whether the stream flows again.
    func retry(
        through scratch: inout PageBuffer, write: (UnsafeRawBufferPointer, inout SystemError?) -> Int
    ) -> Bool {
        var problem: SystemError?
        let written = unwritten.isEmpty ? 0 : write(unwritten.bytes, &problem)
        unwritten.removeFirst(written)
        failure = problem
        if problem != nil { return false }
        unwritten = PageBuffer()
        do throws(SystemError) {
            if let stage { try empty(stage, through: &scratch, write: write) }
            if failure == nil { try watch() }
        } catch {
            failure = error
        }
        return failure == nil
    }
}
