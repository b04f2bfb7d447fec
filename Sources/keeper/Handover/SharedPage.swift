import CSystem
import KeeperShared

/// Memory that outlives the keeper, as a file of which a service manager holds a copy.
///
/// Its first page holds numbers that are right at every moment: a keeper may be killed between any two instructions,
/// but what it has stored before is there. After that comes the state as of the last transition.
final class SharedPage {
    enum Slot: Int {
        /// Says that this is such a page, and how it is to be read.
        case format
        /// The session is over, one more than the keeper's exit status.
        case isOver
        /// The service manager has all that the session's next keeper needs.
        case isStored
        /// The service manager has what belongs to the present child.
        case hasChild
        case childPID
        case childStartTime
        /// How the child ended, once it is reaped.
        case childEnd
        /// Why it is being ended: 1 the session's end, 2 a restart, 3 and 4 a limit.
        case cause
        /// When the next child is about to be started, in clock ticks since boot.
        case spawnTime
        /// What is written into the child's stdin may end within a line.
        case lineIsOpen
        /// Where the state is, in the upper half, and how many bytes it has.
        case state
        /// When the keeper last did something, on the monotonic clock.
        case lastTurn
        // Of each stream: the journal's end when what is in the stage was taken, and how much that was.
        case stdoutPosition
        case stdoutCount
        case stderrPosition
        case stderrCount
    }

    static let format: Int64 = 1

    let file: FileDescriptor
    private let numbers: UnsafeMutablePointer<Int64>

    convenience init() throws(SystemError) {
        let file = FileDescriptor(owning: try systemCall("memfd_create") { csys_memfd("keeper-resilient") })
        let number = file.raw
        try systemCall("truncate") { ftruncate(number, off_t(SharedPage.size)) }
        try self.init(owning: file.raw)
        _ = file.release()
        self[.format] = SharedPage.format
    }

    /// Goes on with one that another keeper made.
    ///
    /// - Parameter number: its descriptor, which this owns unless it throws.
    init(owning number: Int32) throws(SystemError) {
        let pages = mmap(nil, SharedPage.size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0)
        guard let pages, pages != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw SystemError("mmap", "the shared page", csys_errno())
        }
        numbers = pages.assumingMemoryBound(to: Int64.self)
        file = FileDescriptor(owning: number)
    }

    deinit { munmap(numbers, SharedPage.size) }

    private static let size = 4096

    subscript(slot: Slot) -> Int64 {
        get { numbers[slot.rawValue] }
        set { numbers[slot.rawValue] = newValue }
    }

    /// Whether it is one that this keeper understands.
    var isUsable: Bool { self[.format] == SharedPage.format && self[.isStored] != 0 }

    /// Puts the state beside the one before, and then makes it the one that counts.
    func storeState(_ bytes: [UInt8]) throws(SystemError) {
        let place = self[.state] >> 32 == SharedPage.room ? 2 * SharedPage.room : SharedPage.room
        guard bytes.count < SharedPage.room else { throw SystemError("store", "the state", EFBIG) }
        let number = file.raw
        let count = try systemCall("write", "the state") { pwrite(number, bytes, bytes.count, off_t(place)) }
        if count != bytes.count { throw SystemError("write", "the state", ENOSPC) }
        self[.state] = place << 32 | Int64(count)
    }

    /// The state that counts.
    func loadState() -> [UInt8] {
        let place = Int(self[.state])
        return (try? file.read(upTo: place & 0xffff_ffff, at: place >> 32)) ?? []
    }

    /// A state is smaller than this.
    private static let room: Int64 = 1 << 20
}
