import CSystem
import KeeperShared

/// The record of the turn that is under way, for the next caller in case this one is killed.
struct TurnRecord {
    /// Which child has it: its start time, which no other child of a session has.
    var child: Int
    /// Where stdout stood when its message was sent; nil when it came to its end.
    var position: Int?
    /// The agent reported an error, and nothing said that this was the end of its turn.
    var hasFailed = false
    /// As JSON: what the agent said at the start of the conversation.
    var model: [UInt8] = []
}

/// The right to have a turn with a session's child. The kernel takes it away from a process that dies.
///
/// A lock on a file in the session's folder, made by the first who has a turn. It goes with the folder.
struct TurnLock: ~Copyable {
    private let file: FileDescriptor

    /// - Parameter waiting: whether to wait while another process has it.
    /// - Returns: nil when another process has it.
    static func take(in folder: borrowing FileDescriptor, waiting: Bool) throws(SystemError) -> TurnLock? {
        let file = try folder.open(SessionNames.turn, O_RDWR | O_CREAT)
        let number = file.raw
        var attempts = 0
        while csys_lock(number, Int16(F_WRLCK), 0, 0, waiting ? 1 : 0) < 0 {
            let code = csys_errno()
            if code == EAGAIN || code == EACCES {
                attempts += 1
                if attempts == mostAttempts { return nil }
                pause(nanoseconds: .milliseconds(10))
            } else if code != EINTR {
                throw SystemError("lock", SessionNames.turn, code)
            }
        }
        return TurnLock(file: file)
    }

    /// The kernel takes some milliseconds to let go of what a killed process had open.
    private static let mostAttempts = 10

    /// When the record was written, in ns since 1970; 0 when that is unknown.
    var writtenAt: Int64 { (try? file.metadata())?.modifiedTime ?? 0 }

    /// What the last one has written down, if it was about this child.
    func read(child: Int) -> TurnRecord {
        var record = TurnRecord(child: child)
        let bytes = (try? file.read(upTo: 4096, at: 0)) ?? []
        bytes.withUnsafeBufferPointer { bytes in
            if jsonInteger(jsonMember("childStartTime", of: bytes)) != child { return }
            record.position = jsonInteger(jsonMember("position", of: bytes))
            record.hasFailed = jsonMember("failed", of: bytes).elementsEqual("true".utf8)
            record.model = ownedBytes(jsonMember("model", of: bytes))
        }
        return record
    }

    /// Writes down what is, if there is room on the disk: the lock doesn't depend on it.
    func write(_ record: TurnRecord) {
        var json = JSONWriter()
        json.part("{\"format\":1,\"childStartTime\":")
        json.integer(record.child)
        if let position = record.position {
            json.part(",\"position\":")
            json.integer(position)
        }
        if record.hasFailed { json.part(",\"failed\":true") }
        if !record.model.isEmpty, record.model.count < 1024 {
            json.part(",\"model\":")
            json.raw(record.model)
        }
        json.part("}\n")
        // In one call, so that a killed writer leaves the old or the new; what remains of the old after it is not read.
        let count = json.bytes.withUnsafeBytes { pwrite(file.raw, $0.baseAddress, $0.count, 0) }
        if count > 0 { ftruncate(file.raw, count) }
    }
}
