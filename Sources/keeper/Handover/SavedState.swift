import KeeperShared

/// All that a keeper knows and can't find out anew: what one binary hands to the next.
///
/// Tags are for good: one that is no longer used is not used again.
struct SavedState {
    /// A later format is refused; fields may be added without a new one.
    static let format: Int64 = 1

    /// Where a journal's writer is.
    struct Journal {
        var base = 0
        var size = 0
        var closed: [Segment] = []
        var segmentHasEnded = false
        var indexIsBroken = false
        var indexRecords = 0
        var lastRecordPosition = -1
        var lastChunkTime: Int64 = 0
        /// Raw descriptors; -1 is none.
        var log: Int32 = -1
        var index: Int32 = -1
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
            coder.flag(9, &journal.indexIsBroken)
            coder.integer(10, &journal.indexRecords)
            coder.integer(11, &journal.lastRecordPosition)
            coder.integer(12, &journal.lastChunkTime)
            coder.descriptor(13, &journal.log)
            coder.descriptor(14, &journal.index)
            var closed = journal.closed
            coder.records(15, count: closed.count) { index, inner in
                var (base, size) = inner.isReading ? (0, 0) : (closed[index].base, closed[index].size)
                inner.integer(1, &base)
                inner.integer(2, &size)
                if inner.isReading { closed.append(Segment(base: base, size: size)) }
            }
            journal.closed = closed
            coder.descriptor(16, &stage)
        }
    }

    /// Where an answer goes.
    struct Address {
        var connection: UInt64 = 0
        /// Empty for a notification.
        var id: [UInt8] = []

        mutating func code(_ coder: inout StateCoder) {
            coder.integer(1, &connection)
            coder.data(2, &id)
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
        var replies: [Address] = []
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
            SavedState.code(14, &replies, &coder)
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
        var closeReplies: [Address] = []
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
            SavedState.code(8, &closeReplies, &coder)
            var writers = writers
            coder.records(9, count: writers.count) { index, inner in
                if inner.isReading { writers.append(Writer()) }
                writers[index].code(&inner)
            }
            self.writers = writers
            var keys = keys
            coder.records(10, count: keys.count) { index, inner in
                if inner.isReading { keys.append([]) }
                inner.data(1, &keys[index])
            }
            self.keys = keys
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

    /// A file that is only removed while it is still the same.
    struct FileIdentity {
        var device: UInt64 = 0
        var inode: UInt64 = 0

        init() {}
        init(_ metadata: FileMetadata?) {
            guard let metadata else { return }
            device = UInt64(metadata.device)
            inode = UInt64(metadata.inode)
        }
        /// nil when there is no such file.
        var metadata: FileMetadata? {
            inode == 0 ? nil : FileMetadata(device: UInt(device), inode: UInt(inode))
        }

        mutating func code(_ tag: UInt32, _ coder: inout StateCoder) {
            coder.integer(tag, &device)
            coder.integer(tag + 1, &inode)
        }
    }

    var savedFormat = SavedState.format
    /// The version that saved this.
    var version = ""
    /// The binary that runs now, for the way back.
    var binary: Int32 = -1
    /// Who asked for the upgrade.
    var request = Address()

    var directory: Int32 = -1
    var folder: Int32 = -1
    var sidecar: Int32 = -1
    var inputListener: Int32 = -1
    var controlListener: Int32 = -1
    var directoryPath = ""
    var socketFile = FileIdentity()
    var childSidecar = FileIdentity()

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

    var startedAt: Int64 = 0
    var readyAt: Int64 = 0
    var isSettled = false
    var hasBeenReady = false
    var backoffAttempt = 0
    var backoffTimes: [Int64] = []
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
    /// The child is another keeper's.
    var isInherited = false

    private static func code(_ tag: UInt32, _ addresses: inout [Address], _ coder: inout StateCoder) {
        var copy = addresses
        coder.records(tag, count: copy.count) { index, inner in
            if inner.isReading { copy.append(Address()) }
            copy[index].code(&inner)
        }
        addresses = copy
    }

    /// Writes or reads all of it.
    mutating func code(_ coder: inout StateCoder) {
        coder.integer(1, &savedFormat)
        coder.text(2, &version)
        coder.descriptor(3, &binary)
        var address = [request]
        if coder.isReading { address = [] }
        SavedState.code(4, &address, &coder)
        request = address.first ?? Address()
        coder.descriptor(10, &directory)
        coder.descriptor(11, &folder)
        coder.descriptor(12, &sidecar)
        coder.descriptor(13, &inputListener)
        coder.descriptor(14, &controlListener)
        coder.text(15, &directoryPath)
        socketFile.code(16, &coder)
        childSidecar.code(18, &coder)
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
        coder.integer(40, &startedAt)
        coder.integer(41, &readyAt)
        coder.flag(42, &isSettled)
        coder.flag(43, &hasBeenReady)
        coder.integer(44, &backoffAttempt)
        coder.integer(46, &lastActivity)
        coder.integer(47, &unansweredSince)
        coder.integer(48, &lastWatchdog)
        coder.flag(49, &isMatching)
        coder.flag(50, &isMatchArmed)
        coder.data(51, &matchTails.stdout)
        coder.data(52, &matchTails.stderr)
        coder.flag(55, &lastOutputWasStderr)
        codeLists(&coder)
    }

    private mutating func codeLists(_ coder: inout StateCoder) {
        var times = backoffTimes
        coder.records(45, count: times.count) { index, inner in
            if inner.isReading { times.append(0) }
            inner.integer(1, &times[index])
        }
        backoffTimes = times
        var deadlines = deadlines
        coder.records(53, count: deadlines.count) { index, inner in
            if inner.isReading { deadlines.append((kind: 0, time: 0)) }
            inner.integer(1, &deadlines[index].kind)
            inner.integer(2, &deadlines[index].time)
        }
        self.deadlines = deadlines
        var streams = streams
        coder.records(54, count: streams.count) { index, inner in
            if inner.isReading { streams.append(Stream()) }
            streams[index].code(&inner)
        }
        self.streams = streams
        var input = input
        coder.records(60, count: 1) { _, inner in input.code(&inner) }
        self.input = input
        coder.integer(61, &controlSerial)
        var clients = clients
        coder.records(62, count: clients.count) { index, inner in
            if inner.isReading { clients.append(Client()) }
            clients[index].code(&inner)
        }
        self.clients = clients
        coder.descriptor(70, &page)
        coder.flag(71, &isInherited)
    }
}
