import CSystem
import KeeperShared

/// The answers to requests that came with an `Idempotency-Key`: the same request with the same key gets the first answer
/// again, and does nothing.
final class FirstAnswers {
    /// One request, from when it is carried out.
    final class Entry {
        fileprivate let key: [UInt8]
        fileprivate let fingerprint: UInt64
        fileprivate let since = monotonicNow()
        /// Nil while it is under way.
        fileprivate var answer: HTTPResponse?
        /// The answer has more bytes than are kept.
        fileprivate var isTooLarge = false

        fileprivate init(_ key: [UInt8], _ fingerprint: UInt64) {
            self.key = key
            self.fingerprint = fingerprint
        }
    }

    /// Oldest first.
    private var entries: [Entry] = []
    /// Of all bodies.
    private var bytes = 0

    /// What is kept at most; the oldest are forgotten first, and all after a day.
    private static let most = 1000
    private static let mostBytes = 8 << 20
    private static let longest = 1 << 20
    private static let lifetime: Int64 = .seconds(24 * 60 * 60)

    /// Notes a request.
    ///
    /// - Returns: the first answer to it, or the place for its own.
    /// - Throws: 400 for a key that can't be one, 409 while the first is under way, 422 for another request's key.
    func begin(
        _ key: [UInt8], _ request: HTTPRequest, _ body: [UInt8]
    ) throws(HTTPFailure) -> (answer: HTTPResponse?, entry: Entry) {
        if key.isEmpty || key.count > 255 || key.contains(where: { $0 <= 32 || $0 > 126 }) {
            throw HTTPFailure(400, "an Idempotency-Key has 1 to 255 visible characters of ASCII")
        }
        let now = monotonicNow()
        while let first = entries.first, first.since + FirstAnswers.lifetime < now { forget(first) }
        var hash = FNV1a()
        hash.add(request.method.rawValue.utf8)
        for part in request.path {
            hash.add(part.utf8)
            hash.add(CollectionOfOne(0))
        }
        hash.add(body)
        guard let entry = entries.first(where: { $0.key == key }) else {
            let entry = Entry(key, hash.value)
            entries.append(entry)
            return (nil, entry)
        }
        if entry.fingerprint != hash.value {
            throw HTTPFailure(
                422, "another request had this Idempotency-Key: a key is for one request and its repetitions",
                code: "keyReused")
        }
        if entry.isTooLarge {
            throw HTTPFailure(409, "it is done; the first answer is too large to be given again")
        }
        guard var answer = entry.answer else {
            throw HTTPFailure(
                409, "the request with this Idempotency-Key is under way", field: "Retry-After: 1")
        }
        answer.fields.append("Idempotent-Replayed: true")
        return (answer, entry)
    }

    /// Nothing was done for the request: the key is free.
    func forget(_ entry: Entry) {
        entries.removeAll { $0 === entry }
        bytes -= entry.answer?.body.count ?? 0
    }

    /// Keeps the answer.
    func end(_ entry: Entry, _ answer: HTTPResponse) {
        if answer.body.count > FirstAnswers.longest {
            entry.isTooLarge = true
            return
        }
        entry.answer = answer
        bytes += answer.body.count
        while bytes > FirstAnswers.mostBytes || entries.count > FirstAnswers.most {
            // What is under way is bounded by the number of commands that may run.
            guard let oldest = entries.first(where: { $0.answer != nil || $0.isTooLarge }) else { return }
            forget(oldest)
        }
    }

    /// Whether so much would not be kept.
    static func isTooLarge(_ count: Int) -> Bool { count > longest }
}

/// An answer that is kept on its way to the client, and to its end when the client has gone.
final class KeptAnswer: ResponseStream {
    private let run: CommandRun
    private let record: (HTTPResponse) -> Void
    private var body: [UInt8] = []
    private var isComplete = false
    var connection: GatewayConnection?

    /// - Parameter record: called once, with the whole answer.
    init(_ run: CommandRun, record: @escaping (HTTPResponse) -> Void) {
        self.run = run
        self.record = record
        // The command keeps this alive until all is said.
        run.observer = { [self] _ in
            if let connection { connection.wake() } else { drain() }
        }
    }

    var response: HTTPResponse? { run.response }
    var length: HTTPLength { run.length }

    func fill(_ part: inout PageBuffer, limit: Int) throws(HTTPFailure) -> Bool {
        do throws(HTTPFailure) {
            let isLast = try run.fill(&part, limit: limit)
            // What is too large is only counted as such.
            if !FirstAnswers.isTooLarge(body.count) { body += Array(part.bytes) }
            if isLast, var answer = run.response {
                answer.body = body
                complete(answer)
            }
            return isLast
        } catch {
            complete(HTTPResponse(error))
            throw error
        }
    }

    private func complete(_ answer: HTTPResponse) {
        isComplete = true
        run.observer = nil
        run.end()
        record(answer)
    }

    func end() { if !isComplete { drain() } }

    /// Nobody is there to have it: takes what there is.
    private func drain() {
        var hasMore = true
        while hasMore, !isComplete {
            var part = PageBuffer()
            let isLast = try? fill(&part, limit: 64 << 10)
            hasMore = isLast == false && !part.isEmpty
        }
    }
}

/// FNV-1a: tells one text from another, where nobody tries to make two that are the same to it.
struct FNV1a {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
    init() {}

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}
