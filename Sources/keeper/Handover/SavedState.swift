import KeeperShared

/// All that a keeper knows and can't find out anew: what one binary hands to the next.
///
/// Each part says in `save` where it is, and goes on from there in `restore`, which owns its descriptors. They are
/// numbers here; -1 is none.
/// Tags are for good: one that is no longer used is not used again.
struct SavedState {
    /// A later format is refused; fields may be added without a new one.
    static let format: Int64 = 1

    /// Where a journal's writer is.
    struct Journal {
        /// The position at which the newest segment begins.
        var base = 0
        /// Bytes in it.
        var size = 0
        /// Older segments that still exist, oldest first.
        var closed: [Segment] = []
        /// A line's end came within the last tenth; the next byte starts a new segment.
        var segmentHasEnded = false
        var log: Int32 = -1
        var index = Index()
    }

    /// Where the writer of a segment's index is.
    struct Index {
        /// A record could not be written whole; those after it would not lie on 16-byte steps.
        var isBroken = false
        var count = 0
        var lastPosition = -1
        var lastChunkTime: Int64 = 0
        var descriptor: Int32 = -1
    }

    /// One journal or log stream.
    struct Stream {
        var isStderr = false
        var pipe: Int32 = -1
        var unwritten: [UInt8] = []
        /// The error number while the disk takes no more.
        var failure: Int64 = 0
        /// Where output survives the keeper.
        var stage: Int32 = -1
        var hasJournal = false
        var journal = SavedState.Journal()

        mutating func code(_ coder: inout StateCoder) {
            coder.flag(1, &isStderr)
            coder.descriptor(2, &pipe)
            coder.data(3, &unwritten)
            coder.integer(4, &failure)
            coder.flag(5, &hasJournal)
            coder.integer(6, &journal.base)
            coder.integer(7, &journal.size)
            coder.flag(8, &journal.segmentHasEnded)
            coder.flag(9, &journal.index.isBroken)
            coder.integer(10, &journal.index.count)
            coder.integer(11, &journal.index.lastPosition)
            coder.integer(12, &journal.index.lastChunkTime)
            coder.descriptor(13, &journal.log)
            coder.descriptor(14, &journal.index.descriptor)
            coder.list(15, &journal.closed, of: Segment(base: 0, size: 0)) { segment, inner in
                inner.integer(1, &segment.base)
                inner.integer(2, &segment.size)
            }
            coder.descriptor(16, &stage)
        }
    }

    /// One writer.
    struct Writer {
        var token: UInt64 = 0
        var socket: Int32 = -1
        var buffer: [UInt8] = []
        var completeCount = 0
        var sentCount = 0
        var holdsLastByte = false
        var isTooLong = false
        var peerHasEnded = false
        var delivered = 0
        var allowance = Int.max
        var lastProgress: Int64 = 0
        var armsMatch = false
        var key: [UInt8] = []
        var replies: [Reply] = []
        var isStream = false

        mutating func code(_ coder: inout StateCoder) {
            coder.integer(1, &token)
            coder.descriptor(2, &socket)
            coder.data(3, &buffer)
            coder.integer(4, &completeCount)
            coder.integer(5, &sentCount)
            coder.flag(6, &holdsLastByte)
            coder.flag(7, &isTooLong)
            coder.flag(8, &peerHasEnded)
            coder.integer(9, &delivered)
            coder.integer(10, &allowance)
            coder.integer(11, &lastProgress)
            coder.flag(12, &armsMatch)
            coder.data(13, &key)
            coder.list(14, &replies, of: Reply()) { $0.code(&$1) }
            coder.flag(15, &isStream)
        }
    }

    /// The way into the child.
    struct Input {
        var stdin: Int32 = -1
        var closedPipe: Int32 = -1
        /// 0 open, 1 away, 2 closed by request, 3 closed by the child.
        var target: Int64 = 0
        var isClosing = false
        var wasClosedByRequest = false
        var isHeld = false
        var nextSerial: UInt64 = 0
        var closeReplies: [Reply] = []
        /// Those that wait for their turn first, in their order.
        var writers: [Writer] = []
        var keys: [[UInt8]] = []
        /// The terminal's, if there is one.
        var columns = 0
        var rows = 0
        var isMidLine = false
        var peer: Int32 = -1

        mutating func code(_ coder: inout StateCoder) {
            coder.descriptor(1, &stdin)
            coder.descriptor(2, &closedPipe)
            coder.integer(3, &target)
            coder.flag(4, &isClosing)
            coder.flag(5, &wasClosedByRequest)
            coder.flag(6, &isHeld)
            coder.integer(7, &nextSerial)
            coder.list(8, &closeReplies, of: Reply()) { $0.code(&$1) }
            coder.list(9, &writers, of: Writer()) { $0.code(&$1) }
            coder.list(10, &keys, of: []) { $1.data(1, &$0) }
            coder.integer(11, &columns)
            coder.integer(12, &rows)
            coder.flag(13, &isMidLine)
            coder.descriptor(14, &peer)
        }
    }

    /// One client of the control socket.
    struct Client {
        var token: UInt64 = 0
        var socket: Int32 = -1
        var partial: [UInt8] = []
        var outgoing: [UInt8] = []
        var pendingReplies = 0
        var hasEnded = false
        var closesWhenSent = false

        mutating func code(_ coder: inout StateCoder) {
            coder.integer(1, &token)
            coder.descriptor(2, &socket)
            coder.data(3, &partial)
            coder.data(4, &outgoing)
            coder.integer(5, &pendingReplies)
            coder.flag(6, &hasEnded)
            coder.flag(7, &closesWhenSent)
        }
    }

    var savedFormat = SavedState.format
    /// The version that saved this.
    var version = ""
    /// The binary that runs now, for the way back.
    var binary: Int32 = -1
    /// Who asked for the upgrade.
    var request = Reply()

    var directory: Int32 = -1
    var folder: Int32 = -1
    var sidecar: Int32 = -1
    var inputListener: Int32 = -1
    var controlListener: Int32 = -1
    var directoryPath = ""
    /// Files that are only removed while they are still the same.
    var socketFile: FileMetadata?
    var childSidecar: FileMetadata?

    var log: Int32 = -1
    var events: Int32 = -1
    var eventBytes = 0
    var sequence = 0
    var waitingEvents: [UInt8] = []
    /// As in `status.json`.
    var status: [UInt8] = []

    var childDirectory: Int32 = -1
    var childMask = 0
    var child: Int32 = -1
    var notes: Int32 = -1
    var readyPipe: Int32 = -1
    var report: Int32 = -1

    var run = ChildRun()
    var isSettled = false
    var hasBeenReady = false
    var backoff = Backoff()
    var lastActivity: Int64 = 0
    var unansweredSince: Int64 = 0
    var lastWatchdog: Int64 = 0
    var isMatching = false
    var isMatchArmed = false
    var matchTails: (stdout: [UInt8], stderr: [UInt8]) = ([], [])
    /// By the kinds' raw values, on the monotonic clock.
    var deadlines: [(kind: Int, time: Int64)] = []
    var streams: [Stream] = []
    var lastOutputWasStderr = false
    var input = Input()
    var controlSerial: UInt64 = 0
    var clients: [Client] = []
    /// Memory that outlives the keeper.
    var page: Int32 = -1

    /// Writes or reads all of it.
    mutating func code(_ coder: inout StateCoder) {
        coder.integer(1, &savedFormat)
        coder.text(2, &version)
        coder.descriptor(3, &binary)
        coder.record(4) { request.code(&$0) }
        coder.descriptor(10, &directory)
        coder.descriptor(11, &folder)
        coder.descriptor(12, &sidecar)
        coder.descriptor(13, &inputListener)
        coder.descriptor(14, &controlListener)
        coder.text(15, &directoryPath)
        coder.file(16, &socketFile)
        coder.file(18, &childSidecar)
        coder.descriptor(20, &log)
        coder.descriptor(21, &events)
        coder.integer(22, &eventBytes)
        coder.integer(23, &sequence)
        coder.data(24, &waitingEvents)
        coder.data(25, &status)
        coder.descriptor(30, &childDirectory)
        coder.integer(31, &childMask)
        coder.descriptor(32, &child)
        coder.descriptor(33, &notes)
        coder.descriptor(34, &readyPipe)
        coder.descriptor(35, &report)
        coder.integer(40, &run.startedAt)
        coder.integer(41, &run.readyAt)
        coder.flag(42, &isSettled)
        coder.flag(43, &hasBeenReady)
        coder.integer(44, &backoff.attempt)
        coder.integer(46, &lastActivity)
        coder.integer(47, &unansweredSince)
        coder.integer(48, &lastWatchdog)
        coder.flag(49, &isMatching)
        coder.flag(50, &isMatchArmed)
        coder.data(51, &matchTails.stdout)
        coder.data(52, &matchTails.stderr)
        coder.flag(55, &lastOutputWasStderr)
        coder.list(45, &backoff.times, of: 0) { $1.integer(1, &$0) }
        coder.list(53, &deadlines, of: (kind: 0, time: 0)) { deadline, inner in
            inner.integer(1, &deadline.kind)
            inner.integer(2, &deadline.time)
        }
        coder.list(54, &streams, of: Stream()) { $0.code(&$1) }
        coder.record(60) { input.code(&$0) }
        coder.integer(61, &controlSerial)
        coder.list(62, &clients, of: Client()) { $0.code(&$1) }
        coder.descriptor(70, &page)
        coder.flag(71, &run.isInherited)
    }
}
