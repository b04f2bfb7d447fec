import CSystem
import KeeperShared

/// What became of the bytes that a writer sent.
enum InputOutcome {
    /// Every line is in the child's stdin pipe.
    case delivered
    /// The keeper said why not all of them are.
    case refused(InputRefusal)
    /// The keeper went without a word: it died, or the session ended just then.
    case unknown
}

/// The keeper's error line.
struct InputRefusal {
    /// As in the control socket's errors; 6 is busy.
    let code: Int
    let message: String
    /// Lines of this connection that were delivered.
    let delivered: Int

    static let tooLong = 2
    static let childAway = 3
    static let busy = 6

    init(_ line: [UInt8]) {
        // Without JSON the refusal still counts, with the words below.
        let error = (try? JSONValue.parse(line))?["error"]
        code = Int(error?["code"]?.intValue ?? 0)
        message = error?["message"]?.stringValue ?? "the keeper gave a reason that can't be read"
        delivered = Int(error?["delivered"]?.intValue ?? 0)
    }
}

/// Sends lines to a session and learns what became of them.
///
/// Part of a loop that may have other parts: each turn is ``prepare(_:)``, the set's wait, ``turn(_:)``.
final class InputClient {
    /// nil while it is open.
    private(set) var outcome: InputOutcome?
    /// Bytes that the socket took.
    private(set) var sentCount = 0
    /// Lines that end in them.
    private var sentLines = 0
    /// Everything is sent and the socket half-closed: only the outcome is to come.
    private(set) var isThrough = false
    /// The last line gets a line feed if it has none; a writer that doesn't stay needs that.
    var completesLastLine = false
    private let socket: FileDescriptor
    private var source: FileDescriptor?
    private var pending = PageBuffer()
    private var isFinished = false
    private var sendingFailed = false
    private var lastByte = UInt8(ascii: "\n")

    private static let chunk = 256 << 10
    /// How much is moved before the loop's other parts get their turn.
    private static let chunksPerTurn = 8

    /// - Parameter source: read and sent until its end; without one, what ``sendAll(_:)`` gets is all.
    init(socket: consuming FileDescriptor, source: consuming FileDescriptor?) {
        self.socket = socket
        self.source = source
    }

    /// Bytes that the socket did not take so far.
    var backlog: Int { pending.count }

    /// Sends these bytes and then half-closes, as far as it goes without waiting.
    func sendAll(_ bytes: [UInt8]) throws(SystemError) {
        try send(bytes)
        finish()
    }

    /// Half-closes after all that was sent.
    func finish() {
        isFinished = true
        flush()
    }

    /// Sends these bytes, whole lines, as far as it goes without waiting.
    func send(_ bytes: [UInt8]) throws(SystemError) {
        var failure: SystemError?
        bytes.withUnsafeBytes { buffer in
            let count = pending.isEmpty ? sendOnce(buffer) : 0
            do throws(SystemError) {
                if count < buffer.count {
                    try pending.append(UnsafeRawBufferPointer(rebasing: buffer[count...]))
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Adds what the client waits for to a turn.
    func prepare(_ set: PollSet) {
        if outcome != nil { return }
        set.add(socket, pending.isEmpty ? .input : [.input, .output])
        if !pending.isEmpty || isFinished { return }
        source.use { set.add($0, .input) }
    }

    /// Moves on as far as it goes without waiting.
    ///
    /// - Throws: what reading the source throws.
    func turn(_ set: PollSet) throws(SystemError) {
        if outcome != nil { return }
        let readiness = set.readiness(of: socket)
        if !readiness.isDisjoint(with: [.input, .hangUp, .error]) { return receive(waiting: false) }
        flush()
        let isReady = source.use { !set.readiness(of: $0).isEmpty } ?? false
        var turns = isReady ? InputClient.chunksPerTurn : 0
        while turns > 0, outcome == nil, pending.isEmpty, !isFinished {
            // A full read of a pipe promises nothing about the next one, which may wait.
            turns = try readSource() == InputClient.chunk && sourceIsFile ? turns - 1 : 0
            flush()
        }
    }

    /// Waits for the outcome once everything is sent.
    func awaitOutcome() { receive(waiting: true) }

    /// What can't be looked at is read like a pipe.
    private lazy var sourceIsFile: Bool = {
        source.use { file in (try? file.metadata())?.isRegular ?? false } ?? false
    }()

    private func readSource() throws(SystemError) -> Int {
        let space = try pending.room(for: InputClient.chunk)
        let part = UnsafeMutableRawBufferPointer(rebasing: space[..<InputClient.chunk])
        var count = 0
        do throws(SystemError) {
            try source.use { file throws(SystemError) in count = try file.read(into: part) }
        } catch {
            if error.code == EAGAIN { return 0 }
            throw error
        }
        pending.grow(by: count)
        if count > 0 {
            lastByte = part[count - 1]
            return count
        }
        isFinished = true
        source = nil
        if completesLastLine, lastByte != UInt8(ascii: "\n") {
            try pending.room(for: 1)[0] = UInt8(ascii: "\n")
            pending.grow(by: 1)
        }
        return 0
    }

    /// Sends what waits, and half-closes after the last of it.
    private func flush() {
        while !pending.isEmpty, outcome == nil {
            let count = sendOnce(pending.bytes)
            if count == 0 { return }
            pending.removeFirst(count)
        }
        if isFinished, !isThrough, outcome == nil {
            socket.shutDownSending()
            isThrough = true
        }
    }

    private func sendOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        if bytes.isEmpty { return 0 }
        do throws(SystemError) {
            let count = try socket.send(bytes, waiting: false) ?? 0
            sentCount += count
            sentLines += countLineFeeds(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            return count
        } catch {
            // The keeper has closed; it may have said why. The end of what it said is no receipt now.
            sendingFailed = true
            receive(waiting: true)
            return 0
        }
    }

    /// A receipt is end-of-file as the first thing to read, after everything was sent.
    private func receive(waiting: Bool) {
        var line: [UInt8] = []
        while outcome == nil {
            var isReset = false
            let part = [UInt8](unsafeUninitializedCapacity: 4096) { space, count in
                do throws(SystemError) {
                    let result = try socket.receive(
                        into: UnsafeMutableRawBufferPointer(space), waiting: waiting || !line.isEmpty)
                    guard let result else { return }
                    count = result
                    isReset = result == 0
                } catch { isReset = true; sendingFailed = true }
            }
            line += part
            if part.isEmpty, !isReset { return }
            if isReset || part.last == UInt8(ascii: "\n") || line.count > 64 << 10 {
                if !line.isEmpty {
                    let refusal = InputRefusal(line)
                    // The session ended between the last line's delivery and our half-close.
                    let isDelivered = isFinished && pending.isEmpty && refusal.delivered == sentLines
                    outcome = isDelivered && lastByte == UInt8(ascii: "\n") ? .delivered : .refused(refusal)
                } else {
                    outcome = isThrough && !sendingFailed ? .delivered : .unknown
                }
            }
        }
    }
}
