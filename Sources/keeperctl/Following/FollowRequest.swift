import KeeperShared

/// The options of `follow`.
enum FollowOptions {
    static let all = Flag("all", help: "Follow all live sessions, and those to come")
    static let label: RepeatedOption<Argument> = RepeatedOption(
        "label", .keyValue, "NAME=VALUE", help: "Follow sessions that have this label, or get it")
    static let from: RepeatedOption<Argument> = RepeatedOption(
        "from", .string, "PLACE",
        help: "Start at 'oldest', at 'now', or after the event that had this cursor: CURSOR, or "
            + "ID=CURSOR of one session among several", describedDefault: "the oldest output")
    static let metrics: Option<Int64> = Option(
        "metrics", .duration, "INTERVAL", help: "Tell what the sessions use, this often")
}

/// What is to be followed, and from where.
final class FollowRequest: StreamPlaces {
    /// Where to go on in a session.
    struct Resumption {
        let id: SessionID
        let cursor: Cursor
    }

    /// Empty for all.
    let ids: [SessionID]
    /// Between figures, in ns; nil for none.
    let metricsInterval: Int64?
    private(set) var resumptions: [Resumption] = []
    private var succeeded: [SessionID] = []
    private var labels: [WantedLabel] = []
    private var startsNow = false

    /// - Parameter labels: those that a session must have.
    /// - Parameter startsNow: leaves out what is there already, where no cursor says otherwise.
    init(_ ids: [SessionID], labels: [WantedLabel], startsNow: Bool, _ resumptions: [Resumption]) {
        self.ids = ids
        self.labels = labels
        self.startsNow = startsNow
        self.resumptions = resumptions
        metricsInterval = nil
    }

    init(_ context: Context) throws(CommandFailure) {
        let arguments = context.arguments
        ids = try context.sessionIDs()
        metricsInterval = arguments[FollowOptions.metrics]
        for label in arguments[FollowOptions.label] { labels.append(WantedLabel(label.bytes[...])) }
        if (ids.isEmpty ? 0 : 1) + (arguments[FollowOptions.all] ? 1 : 0) + (labels.isEmpty ? 0 : 1) != 1 {
            throw CommandFailure(
                ExitStatus.badUsage,
                "follow takes either IDs or --all or --label NAME=VALUE, one kind of them")
        }
        if let metricsInterval, metricsInterval < .milliseconds(100) {
            throw CommandFailure(ExitStatus.badUsage, "--metrics takes 100ms or more")
        }
        for from in arguments[FollowOptions.from] { try add(from) }
    }

    /// `oldest`, `now`, `CURSOR` or `ID=CURSOR`.
    private func add(_ from: Argument) throws(CommandFailure) {
        if from.equals("oldest") { return }
        if from.equals("now") {
            startsNow = true
            return
        }
        let sign = from.bytes.firstIndex(of: UInt8(ascii: "="))
        guard let cursor = Cursor(Array(from.bytes[(sign.map { $0 + 1 } ?? 0)...])) else {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat(
                    "--from ", quoted(from.bytes),
                    " is neither 'oldest' nor 'now' nor a cursor INSTANCE:STDOUT:STDERR or ID=CURSOR"))
        }
        let id: SessionID
        if let sign {
            do throws(SessionIDError) {
                id = try SessionID(bytes: Array(from.bytes[..<sign]))
            } catch {
                throw CommandFailure(
                    ExitStatus.badUsage, concat("--from ", quoted(from.bytes), ": its ID: ", error.message))
            }
        } else {
            guard ids.count == 1 else {
                throw CommandFailure(
                    ExitStatus.badUsage,
                    "--from CURSOR is a place in one session: give ID=CURSOR for each of several")
            }
            id = ids[0]
        }
        if !ids.isEmpty && !ids.contains(where: { $0 == id }) {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat("--from names ", quoted(id.string), ", which is not to be followed"))
        }
        resumptions.append(Resumption(id: id, cursor: cursor))
    }

    func cursor(of id: SessionID) -> Cursor? {
        resumptions.first { $0.id == id }?.cursor
    }

    var stream: StreamRequest { StreamRequest(streams: [.stdout, .stderr], follows: true, places: self) }

    /// The cursor is of the session before the present one, which is new to the reader.
    func noteSuccessor(of id: SessionID) { succeeded.append(id) }

    func hasSuccessor(_ id: SessionID) -> Bool { succeeded.contains { $0 == id } }

    func chooses(_ status: SessionStatus?) -> Bool {
        labels.allSatisfy { wanted in
            (status?.labels ?? []).contains { label in
                sameText(wanted.name, label.name)
                    && (wanted.value.map { sameText($0, label.value) } ?? true)
            }
        }
    }

    func place(
        _ streams: [FollowedStream], of id: SessionID, _ instance: String, isFresh: Bool,
        in folder: borrowing FileDescriptor, _ place: inout StreamEventLines.Place
    ) throws(SystemError) -> Bool {
        if isFresh { return true }
        var isRight = true
        if let cursor = cursor(of: id) {
            isRight = equalUTF8(cursor.instance, instance)
            if isRight {
                for stream in streams { stream.position = cursor.position(of: stream.name) }
            }
        } else if startsNow {
            for stream in streams {
                stream.position = try JournalReader(stream.name).journalEnd(in: folder)
            }
        }
        for stream in streams { place.set(stream.name, stream.position) }
        return isRight
    }
}
