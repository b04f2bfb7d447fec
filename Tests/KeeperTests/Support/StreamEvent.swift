import Foundation
import Testing

/// One line of `follow` or `logs --json`, read by an implementation that is not the one under test.
struct StreamEvent {
    let json: JSON
    let type: String
    let id: String
    let instance: String
    let cursor: String

    init(_ json: JSON) throws {
        self.json = json
        type = try #require(json["type"]?.string, "\(json)")
        id = try #require(json["sessionId"]?.string, "\(json)")
        instance = try #require(json["instance"]?.string, "\(json)")
        cursor = try #require(json["cursor"]?.string, "\(json)")
    }

    static func list(_ bytes: [UInt8]) throws -> [StreamEvent] {
        try JSON.lines(bytes).map { try StreamEvent($0) }
    }

    var data: JSON? { json["data"] }
    var stream: String? { data?["stream"]?.string }
    var seq: Int { json["seq"]?.int ?? -1 }
    var next: Int { json["next"]?.int ?? -1 }
    var isPartial: Bool { data?["partial"]?.bool ?? false }
    var state: String? { data?["state"]?.string }
    var content: String? { data?["content"]?.string }

    /// What the stream carried from `seq` to `next`.
    var bytes: [UInt8] {
        let text = content ?? ""
        let line =
            data?["encoding"]?.string == "base64"
            ? [UInt8](Data(base64Encoded: text) ?? Data()) : [UInt8](text.utf8)
        return isPartial ? line : line + [10]
    }
}

extension [StreamEvent] {
    var output: [StreamEvent] { filter { $0.type == "output" } }
    var contents: [String] { output.compactMap { $0.content } }
    var states: [String] { compactMap { $0.state } }

    /// Each byte of a stream from a position on comes once, in order, or is counted in a gap; and each cursor says how
    /// far both streams have come.
    ///
    /// - Returns: how many bytes are in gaps.
    @discardableResult
    func expectToTile(
        _ stream: String, of whole: [UInt8], from start: Int = 0, to end: Int? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Int {
        var position = start
        var missing = 0
        for event in self where event.stream == stream {
            guard event.seq == position, event.next > position, event.next <= whole.count else {
                Issue.record(
                    "\(stream) is at \(position) of \(whole.count): \(event.json)",
                    sourceLocation: sourceLocation)
                return missing
            }
            switch event.type {
            case "output":
                if event.bytes != Array<UInt8>(whole[event.seq..<event.next]) {
                    Issue.record("wrong bytes at \(position): \(event.json)", sourceLocation: sourceLocation)
                }
            case "gap":
                #expect(event.data?["bytes"]?.int == event.next - event.seq, sourceLocation: sourceLocation)
                missing += event.next - event.seq
            default: Issue.record("\(event.json)", sourceLocation: sourceLocation)
            }
            position = event.next
            let places = event.cursor.split(separator: ":").compactMap { Int($0) }
            let place = places.suffix(2).map { $0 }
            #expect(place[stream == "stdout" ? 0 : 1] == position, sourceLocation: sourceLocation)
        }
        #expect(position == end ?? whole.count, sourceLocation: sourceLocation)
        return missing
    }
}

extension Running {
    /// The next event; nil at end-of-file.
    func readEvent(timeout: Double = 60) throws -> StreamEvent? {
        try readLine(timeout: timeout).map { try StreamEvent(JSON(parsing: $0.utf8)) }
    }

    /// The events up to one that is looked for.
    func readEvents(
        _ what: String, until isLast: (StreamEvent) -> Bool
    ) throws -> [StreamEvent] {
        var events: [StreamEvent] = []
        while let event = try readEvent() {
            events.append(event)
            if isLast(event) { return events }
        }
        throw TimedOut(what: "\(what): end-of-file after \(events.map(\.json))")
    }
}
